//! `cargo xtask bless`: the goldens in testdata/, and the snapshots of the program's help and formats, written anew.

use crate::{Outcome, process};

/// Write the goldens in testdata/ and the program's snapshots anew; read the difference before you commit it
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
    process::run(&mut command, 0)?;
    if args.filter.is_none() {
        let mut command = process::cargo();
        command.args(["test", "--package", "virtc-cli", "--test", "it"]).env("INSTA_UPDATE", "always");
        process::run(&mut command, 0)?;
    }
    Ok(())
}
