//! `cargo xtask bless`: the goldens in testdata/, written anew.

use crate::{Outcome, process};

/// Write the goldens in testdata/ anew; read the difference before you commit it
#[derive(clap::Args)]
pub struct Args {
    /// Only the cases whose path contains this
    filter: Option<String>,
}

/// Writes the goldens.
///
/// # Errors
/// When a case cannot be run.
pub fn run(args: &Args) -> Outcome {
    let mut command = process::cargo();
    command.args(["test", "--package", "virtc-tests", "--test", "cases"]).env("UPDATE", "1");
    if let Some(filter) = &args.filter {
        command.env("CASES", filter);
    }
    process::run(&mut command, 0)
}
