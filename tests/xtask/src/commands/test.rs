//! `cargo xtask test`: all tests, and what was left out of them.

use std::collections::BTreeSet;

use virtc_tests::tools;

use crate::install::{self, BUSYBOX, GRAMMAR, JING, QEMU, TRANG, XMLLINT};
use crate::{Outcome, process, skips};

/// Run all tests, after installing what they need
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    install: install::Options,
    /// Use `cargo test` although nextest is there
    #[arg(long)]
    plain: bool,
    /// Fail where a test was left out without one of the reasons in tests/xtask/src/skips.rs
    #[arg(long)]
    strict: bool,
}

/// Runs the tests.
///
/// # Errors
/// When one fails.
pub fn run(args: &Args) -> Outcome {
    let lacking = install::ensure(&[QEMU, XMLLINT, JING, TRANG, GRAMMAR, BUSYBOX], &args.install);
    let notes = tempfile::NamedTempFile::new()?;
    let cargo = |words: &[&str]| process::run(process::cargo().args(words).env(tools::NOTES_FILE, notes.path()), 0);
    let outcome = if !args.plain && tools::find("cargo-nextest").is_some() {
        cargo(&["nextest", "run", "--workspace", "--no-fail-fast"])
            .and_then(|()| cargo(&["test", "--workspace", "--doc", "--quiet"]))
    } else {
        cargo(&["test", "--workspace", "--no-fail-fast"])
    };

    let text = std::fs::read_to_string(notes.path())?;
    let mut lines: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    lines.extend(lacking.iter().map(|need| format!("left out: {} is not installed: {}", need.package, need.why)));
    for line in &lines {
        println!("{line}");
    }
    let unexpected = skips::unexpected(lines.iter().map(String::as_str));
    let count = lines.iter().filter(|line| line.starts_with(skips::SIGN)).count();
    println!("{count} left out, {} of them without a reason that is known", unexpected.len());
    if args.strict && !unexpected.is_empty() {
        outcome.and_then(|()| Err(format!("may not be left out here:\n{}", unexpected.join("\n")).into()))
    } else {
        outcome
    }
}
