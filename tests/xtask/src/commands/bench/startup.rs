//! `cargo xtask bench startup`: a cold start, next to libxml2's on the same file.

use std::path::Path;
use std::process::Command;

use super::{OneFile, in_turn};
use crate::install::{GRAMMAR, Probe, XMLLINT};
use crate::{Outcome, process};

/// `virtc check FILE` next to `xmllint --relaxng`, a new process each time
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    given: OneFile,
}

/// Measures.
///
/// # Errors
/// When a program is missing, or ends with another status than 0.
pub fn run(Args { given }: &Args) -> Outcome {
    let OneFile { runs, .. } = given;
    let file = given.ready(&[XMLLINT, GRAMMAR])?;
    let virtc = || {
        let mut command = Command::new(process::built("release", "virtc"));
        command.arg("check").arg(&file);
        command
    };
    let Probe::File(grammar) = GRAMMAR.probe else { return Err("the grammar is not a file".into()) };
    let xmllint = || {
        let mut command = Command::new("xmllint");
        command.args(["--noout", "--relaxng", grammar]).arg(&file);
        command
    };
    let (ours, theirs) = in_turn(*runs, virtc, xmllint)?;
    let size = std::fs::metadata(&file).map(|data| data.len())?;
    println!("{} ({size} bytes), median of {runs} runs each, in turn", shown(&file));
    println!("virtc check         {:8.2} ms", ours.as_secs_f64() * 1e3);
    println!("xmllint --relaxng   {:8.2} ms", theirs.as_secs_f64() * 1e3);
    println!("virtc / xmllint     {:8.2}", ours.as_secs_f64() / theirs.as_secs_f64());
    Ok(())
}

fn shown(file: &Path) -> String {
    file.strip_prefix(process::root()).unwrap_or(file).display().to_string()
}
