//! Arguments that several commands share.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use virtc_compiler::Target;
use virtc_compiler::target::{Capabilities, exchange::recorded};
use virtc_diag::SourceFile;
use virtc_inventory::HostFile;
use virtc_rng::Schema;

use crate::input::Input;

/// `--host`.
#[derive(Debug, Args)]
pub struct HostArg {
    /// Host file with the facts of the host, as `virtc host snapshot` writes it
    #[arg(long, value_name = "FILE")]
    host: Option<PathBuf>,
}

impl HostArg {
    /// The host file; none where none is named.
    ///
    /// # Errors
    /// In words, when it cannot be read.
    pub fn load(&self) -> Result<Option<HostFile>, String> {
        self.host.as_ref().map(|path| load_host(&Input::new(path))).transpose()
    }
}

/// `--schema`.
#[derive(Debug, Args)]
pub struct SchemaArg {
    /// RELAX NG grammar (.rng or .rnc) to use in place of the one that is built in
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
}

impl SchemaArg {
    /// The grammar; none where none is named.
    ///
    /// # Errors
    /// In words, when a file of it cannot be read, or is no grammar.
    pub fn load(&self) -> Result<Option<Schema>, String> {
        let Some(path) = &self.schema else { return Ok(None) };
        let load = |path: &Path| -> Result<SourceFile, String> {
            let source = Input::File(path.to_owned()).load()?;
            source.fault().map_or_else(|| Ok(source.file().clone()), |fault| Err(fault.message.clone()))
        };
        let compiled = Schema::compile(&load(path)?, &mut |href, from| {
            load(&Path::new(from.name()).parent().unwrap_or(Path::new("")).join(href))
        });
        compiled.map(Some).map_err(|errors| errors.to_string())
    }
}

/// How what was made is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For the eye
    Text,
    /// For programs
    Json,
}

/// `--qemu`.
#[derive(Debug, Args)]
pub struct QemuArg {
    /// QEMU to compile for: a version such as 7.2, or a file of `virtc qemu probe` [default: the binary itself where a guest runs, else
    /// the newest version that is known]
    #[arg(long, value_name = "VERSION|FILE")]
    qemu: Option<String>,
}

impl QemuArg {
    /// The target.
    ///
    /// # Errors
    /// In words, when no profile of this version ships, or the file cannot be read.
    pub fn load(&self) -> Result<Target, String> {
        Ok(self.named()?.unwrap_or_default())
    }

    /// The target, where the user names one.
    ///
    /// # Errors
    /// As [`QemuArg::load`].
    pub fn named(&self) -> Result<Option<Target>, String> {
        let Some(wanted) = &self.qemu else { return Ok(None) };
        if let Some(target) = Target::profile(wanted) {
            return Ok(Some(target));
        }
        if !Path::new(wanted).exists() {
            let known: Vec<_> = Target::versions().map(|(major, minor)| format!("{major}.{minor}")).collect();
            return Err(format!(
                "QEMU {wanted} is not known; known are {}, and the files of `virtc qemu probe`",
                known.join(", ")
            ));
        }
        load_capabilities(&Input::File(wanted.into())).map(|caps| Some(Target::file(caps)))
    }
}

/// The capabilities at `input`: a file of `virtc qemu probe`, or the commands and answers that libvirt's tests record.
///
/// # Errors
/// In words, when it cannot be read, or is neither.
pub fn load_capabilities(input: &Input) -> Result<Capabilities, String> {
    let text = input.load_text()?;
    let fault = |error: String| format!("{}: {error}", input.name());
    match Capabilities::from_json(&text) {
        Ok(caps) => Ok(caps),
        Err(error) => match recorded(&text) {
            Ok(answers) => Capabilities::from_exchanges(&answers).map_err(fault),
            Err(_) => Err(fault(error)),
        },
    }
}

/// The host file at `input`.
///
/// # Errors
/// In words, when it cannot be read or has another format.
pub fn load_host(input: &Input) -> Result<HostFile, String> {
    HostFile::from_json(&input.load_text()?).map_err(|error| format!("{}: {error}", input.name()))
}
