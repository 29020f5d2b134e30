//! `cargo xtask bench startup`: a cold start, beside libxml2's on the same file.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::in_turn;
use crate::install::{self, GRAMMAR, Probe, XMLLINT};
use crate::{Outcome, process};

/// `virtc check FILE` beside `xmllint --relaxng`, a new process each time
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    install: install::Options,
    /// How often each is run
    #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    /// The domain; an example of this repository if none is named
    file: Option<PathBuf>,
}

/// Measures.
///
/// # Errors
/// When a program is missing, or ends with another status than 0.
pub fn run(Args { install, runs, file }: &Args) -> Outcome {
    if !install::ensure(&[XMLLINT, GRAMMAR], install).is_empty() {
        return Err("there is nothing to compare with".into());
    }
    let file = file.clone().unwrap_or_else(|| process::root().join("testdata/examples/guest.xml"));
    process::run(process::cargo().args(["build", "--release", "--quiet", "--package", "virtc"]), 0)?;
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
