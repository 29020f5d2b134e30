//! The command line as a whole.

use clap::Parser;

use crate::commands::Command;

/// Check, compile and run libvirt domain XML
#[derive(Debug, Parser)]
#[command(name = "virtc", version, max_term_width = 100, disable_help_subcommand = true, after_help = EXIT)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXIT: &str = "Exit status: 0 fine, 1 findings or refused input, 2 wrong usage or unreadable file, 3 the host refused and all \
    was reverted, 4 something could not be reverted, 5 the guest has not released the device, 70 internal error.";
