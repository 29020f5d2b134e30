//! Grammars, as `--schema` reads them.

use std::path::{Path, PathBuf};

use virtc_diag::SourceFile;
use virtc_rng::Schema;

use super::corpus::{self, Case};
use crate::process;

fn open(path: &Path) -> Result<SourceFile, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(SourceFile::new(path.to_string_lossy(), text))
}

/// Compiles the grammar in `path`; what it includes is looked for next to the file that names it.
///
/// # Errors
/// When a file cannot be read, or what is wrong with the grammar.
pub fn read(path: &Path) -> Result<Schema, String> {
    let source = open(path)?;
    let beside = |href: &str, from: &SourceFile| {
        let folder = Path::new(from.name()).parent().unwrap_or(Path::new(""));
        open(&folder.join(href))
    };
    Schema::compile(&source, &mut { beside }).map_err(|errors| errors.to_string())
}

/// A kind of document, with the grammars that describe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Root {
    /// `<domain>`
    Domain,
    /// `<network>`
    Network,
    /// `<networkport>`
    NetworkPort,
    /// One device, as hotplug takes it
    Device,
}

/// Where libvirt's package installs its grammars.
const LIBVIRT: &str = "/usr/share/libvirt/schemas";

/// libvirt's definitions of the devices that hotplug takes. It has no grammar for one only.
const DEVICES: &str = "disk controller lease filesystem interface input sound audio hostdev graphic video console parallel serial channel \
    smartcard hub redirdev redirfilter rng tpm shmem memorydev crypto watchdog memballoon nvram panic iommu vsock pstore";

impl Root {
    /// The name of our grammar.
    fn file(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Network | Self::NetworkPort => "network",
            Self::Device => "device",
        }
    }

    /// Our grammar, as it is built in.
    pub fn embedded(self) -> &'static Schema {
        match self {
            Self::Domain => virtc_schemas::domain(),
            Self::Network | Self::NetworkPort => virtc_schemas::network(),
            Self::Device => virtc_schemas::device(),
        }
    }

    /// Our grammar, as it is written.
    pub fn source(self) -> PathBuf {
        process::root().join("schemas").join(self.file()).with_extension("rnc")
    }

    /// libvirt's grammar, as its package installs it; what it has no file for is written into `folder`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn libvirt(self, folder: &Path) -> std::io::Result<PathBuf> {
        let installed = |name: &str| Path::new(LIBVIRT).join(name);
        match self {
            Self::Domain => Ok(installed("domain.rng")),
            Self::Network => Ok(installed("network.rng")),
            Self::NetworkPort => Ok(installed("networkport.rng")),
            Self::Device => {
                let path = folder.join("device.rng");
                let refs: Vec<String> =
                    DEVICES.split_whitespace().map(|name| format!("<ref name='{name}'/>")).collect();
                let refs = refs.concat();
                let text = format!(
                    "<grammar xmlns='http://relaxng.org/ns/structure/1.0'><include href='{}'/>\
                     <start><choice>{refs}</choice></start></grammar>",
                    installed("domainoverrides.rng").display()
                );
                std::fs::write(&path, text)?;
                Ok(path)
            }
        }
    }

    /// The well-formed documents of this kind under `folder` and in testdata/grammar.
    ///
    /// # Errors
    /// When a folder cannot be read, or there are none.
    pub fn cases(self, folder: &Path) -> Result<Vec<Case>, Box<dyn std::error::Error>> {
        let mut all = corpus::read(folder)?;
        all.extend(corpus::read(&process::root().join("testdata/grammar"))?);
        let is = |case: &Case, name: &str| case.document.root().is_some_and(|root| root.is(name));
        let cases: Vec<Case> = match self {
            Self::Domain => all.into_iter().filter(|case| is(case, "domain")).collect(),
            Self::Network => all.into_iter().filter(|case| is(case, "network")).collect(),
            Self::NetworkPort => all.into_iter().filter(|case| is(case, "networkport")).collect(),
            Self::Device => corpus::devices(all),
        };
        if cases.is_empty() {
            Err(format!("there is no definition under {}", folder.display()).into())
        } else {
            Ok(cases)
        }
    }
}
