//! The arguments, and those that several commands share.

use std::path::PathBuf;

use clap::{Args, Parser};
use virtc_inventory::HostFile;

use crate::commands::Command;
use crate::input::Input;

/// Check, compile and run libvirt domain XML
#[derive(Debug, Parser)]
#[command(name = "virtc", version, max_term_width = 100, disable_help_subcommand = true, after_help = EXIT)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXIT: &str = "Exit status: 0 fine, 1 findings or refused input, 2 wrong usage or unreadable file, 3 the host refused and all \
    was taken back, 4 something could not be taken back, 5 the guest has not released the device, 70 internal error.";

/// `--host`.
#[derive(Debug, Args)]
pub struct HostArg {
    /// Host file with the facts of the host, as `virtc host snapshot` writes it
    #[arg(long = "host", value_name = "FILE")]
    path: Option<PathBuf>,
}

impl HostArg {
    /// The host file; none where none is named.
    ///
    /// # Errors
    /// In words, when it cannot be read.
    pub fn load(&self) -> Result<Option<HostFile>, String> {
        self.path.as_ref().map(|path| load_host(&Input::new(path))).transpose()
    }
}

/// The host file at `input`.
///
/// # Errors
/// In words, when it cannot be read or has another format.
pub fn load_host(input: &Input) -> Result<HostFile, String> {
    HostFile::from_json(&input.load_text()?).map_err(|error| format!("{}: {error}", input.name()))
}

/// `-j`.
#[derive(Debug, Clone, Copy, Args)]
pub struct Jobs {
    /// How many files to work on at a time [default: one for each CPU]
    #[arg(short, long = "jobs", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

impl Jobs {
    /// `work` on each item, several at a time; the answers in the order of the items.
    ///
    /// # Errors
    /// In words, when the system has no threads left.
    pub fn map<I: Sync, O: Send>(self, items: &[I], work: impl Fn(&I) -> O + Sync + Send) -> Result<Vec<O>, String> {
        use rayon::prelude::*;
        if items.len() < 2 {
            return Ok(items.iter().map(work).collect());
        }
        let threads = self.jobs.map_or(0, usize::from);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| format!("cannot start threads: {error}"))?;
        Ok(pool.install(|| items.par_iter().map(work).collect()))
    }
}
