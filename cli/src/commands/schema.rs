//! `virtc schema`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use virtc_diag::SourceFile;

use crate::exit::Exit;
use crate::output::Output;

/// The grammar that is built in
#[derive(Debug, Args)]
pub struct Schema {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write the grammar's files into a folder; `domain`, `device` and `network` are where to start
    Export {
        /// The syntax
        #[arg(long, value_enum, default_value_t = Syntax::Rnc)]
        format: Syntax,
        /// The folder, which is made where it is not there
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Syntax {
    /// The compact syntax of RELAX NG
    Rnc,
    /// The XML syntax of RELAX NG
    Rng,
}

impl Schema {
    /// Runs it.
    pub fn run(self, out: &mut Output) -> Result<Exit, String> {
        let Action::Export { format, folder } = self.action;
        for (name, text) in virtc_schemas::SOURCES {
            let (name, text) = match format {
                Syntax::Rnc => (PathBuf::from(name), (*text).to_owned()),
                Syntax::Rng => {
                    let xml = virtc_rng::to_xml(&SourceFile::new(*name, *text)).map_err(|error| error.to_string())?;
                    (Path::new(name).with_extension("rng"), xml)
                }
            };
            write(&folder.join(name), &text)?;
        }
        out.note(&format!("{} files in {}\n", virtc_schemas::SOURCES.len(), folder.display()));
        Ok(Exit::Fine)
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line writes the files that the user asks for")]
fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, text));
    written.map_err(|error| format!("cannot write `{}`: {error}", path.display()))
}
