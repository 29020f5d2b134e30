//! `virtc completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::output::Output;

/// Print a completion script for a shell
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Runs it.
    #[expect(clippy::unnecessary_wraps, reason = "all subcommands answer alike")]
    pub fn run(self, out: &mut Output) -> Result<Exit, String> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "virtc", &mut script);
        out.print(&String::from_utf8_lossy(&script));
        Ok(Exit::Fine)
    }
}
