//! The subcommands, one file each.

mod check;
mod completions;
mod explain;
mod host;
mod run;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// A subcommand, with its arguments.
#[derive(Debug, Subcommand)]
pub enum Command {
    Check(check::Check),
    Explain(explain::Explain),
    Host(host::Host),
    Run(run::Run),
    Completions(completions::Completions),
}

impl Command {
    /// Does it.
    pub fn run(self, out: &mut Output) -> Exit {
        let done = match self {
            Self::Check(command) => command.run(out),
            Self::Explain(command) => command.run(out),
            Self::Host(command) => command.run(out),
            Self::Run(command) => command.run(out),
            Self::Completions(command) => Ok(command.run(out)),
        };
        done.unwrap_or_else(|message| out.usage(message))
    }
}
