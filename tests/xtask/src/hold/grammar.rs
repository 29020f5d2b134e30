//! Grammars, as `--schema` reads them.

use std::path::{Path, PathBuf};

use virtc_diag::SourceFile;
use virtc_rng::Schema;

use crate::process;

fn open(path: &Path) -> Result<SourceFile, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(SourceFile::new(path.to_string_lossy(), text))
}

/// Compiles the grammar in `path`; what it includes is looked for beside the file that names it.
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
}

impl Root {
    /// The name of the root element.
    pub fn name(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Network => "network",
        }
    }

    /// Our grammar, as it is built in.
    pub fn embedded(self) -> &'static Schema {
        match self {
            Self::Domain => virtc_schemas::domain(),
            Self::Network => virtc_schemas::network(),
        }
    }

    /// Our grammar, as it is written.
    pub fn source(self) -> PathBuf {
        process::root().join("schemas").join(self.name()).with_extension("rnc")
    }

    /// libvirt's grammar, as its package installs it.
    pub fn libvirt(self) -> PathBuf {
        Path::new("/usr/share/libvirt/schemas").join(self.name()).with_extension("rng")
    }
}
