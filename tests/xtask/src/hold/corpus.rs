//! Documents of a folder.

use std::path::{Path, PathBuf};

use virtc_diag::SourceFile;
use virtc_tests::repository;
use virtc_xml::Document;

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

/// All well-formed documents under `folder` whose root element is `root`, in order of their paths.
///
/// # Errors
/// When the folder cannot be read, or holds none.
pub fn read(folder: &Path, root: &str) -> Result<Vec<Case>, Box<dyn std::error::Error>> {
    let files = repository::files(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut cases = Vec::new();
    for path in files.into_iter().filter(|path| path.extension().is_some_and(|found| found == "xml")) {
        let Ok(text) = String::from_utf8(std::fs::read(&path)?) else { continue };
        let Some(document) = well_formed(&path.display().to_string(), &text) else { continue };
        if document.root().is_some_and(|element| element.is(root)) {
            cases.push(Case { path, document });
        }
    }
    if cases.is_empty() {
        return Err(format!("there is no <{root}> under {}", folder.display()).into());
    }
    Ok(cases)
}
