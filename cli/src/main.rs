//! The command line of virtc: the only place that prints, reads the environment and exits.

mod args;
mod cli;
mod commands;
mod exit;
mod fix;
mod input;
mod installed;
mod jobs;
mod live;
mod output;
mod probe;
mod registry;
mod render;
mod state;
mod terminal;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::output::Output;

fn main() -> ExitCode {
    let mut out = Output::new();
    exit::on_panic();
    let exit = match Cli::try_parse() {
        Ok(cli) => cli.command.run(&mut out),
        Err(error) => {
            let is_answer = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            // A reader that is gone wants no help.
            let _ = error.print();
            if is_answer { Exit::Fine } else { Exit::Usage }
        }
    };
    out.finish(exit).into()
}
