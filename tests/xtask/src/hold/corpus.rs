//! Documents of a folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use virtc_diag::SourceFile;
use virtc_tests::repository;
use virtc_xml::{Document, Element};

/// A well-formed document.
pub struct Case {
    /// Where it was read.
    pub path: PathBuf,
    /// Its text, parsed.
    pub document: Document,
}

impl Case {
    /// The whole text.
    pub fn text(&self) -> &str {
        self.document.source().text()
    }
}

/// Parses `text`; `None` where it is not well-formed.
pub fn well_formed(name: &str, text: &str) -> Option<Document> {
    let (document, faults) = virtc_xml::parse(&SourceFile::new(name, text));
    (faults.is_empty() && document.is_complete()).then_some(document)
}

/// All well-formed documents under `folder`, in order of their paths.
///
/// # Errors
/// When the folder cannot be read.
pub fn read(folder: &Path) -> Result<Vec<Case>, Box<dyn std::error::Error>> {
    let files = repository::files(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut cases = Vec::new();
    for path in files.into_iter().filter(|path| path.extension().is_some_and(|found| found == "xml")) {
        let Ok(text) = String::from_utf8(std::fs::read(&path)?) else { continue };
        let Some(document) = well_formed(&path.display().to_string(), &text) else { continue };
        cases.push(Case { path, document });
    }
    Ok(cases)
}

/// The devices of domains, and documents that are none of the roots that libvirt has, as documents of their own; each
/// text once.
pub fn devices(all: Vec<Case>) -> Vec<Case> {
    let mut seen = BTreeSet::new();
    let mut devices = Vec::new();
    for case in all {
        let Some(root) = case.document.root() else { continue };
        if !root.is("domain") {
            let is_device = !ROOTS.contains(&root.name());
            if is_device && seen.insert(case.text().to_owned()) {
                devices.push(case);
            }
            continue;
        }
        for device in root.children().filter(|child| child.is("devices")).flat_map(Element::children) {
            let text = case.document.source().slice(device.span());
            // A prefix may be declared outside.
            let Some(document) = well_formed("device", text).filter(|_| !device.is("emulator")) else { continue };
            if seen.insert(text.to_owned()) {
                devices.push(Case { path: case.path.clone(), document });
            }
        }
    }
    devices
}

/// Documents of libvirt's that are neither domain nor device, as they are in corpora.
const ROOTS: &[&str] = &[
    "capabilities",
    "cliOutput",
    "domainCapabilities",
    "domainbackup",
    "domainsnapshot",
    "network",
    "networkport",
    "pool",
    "qemuCaps",
    "secret",
    "volume",
];
