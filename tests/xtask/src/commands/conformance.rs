//! `cargo xtask conformance`: the conformance corpus, held against floors that only rise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, process};

/// Compare with the conformance corpus
#[derive(clap::Args)]
pub struct Args {
    /// The program that compares (conformance.py)
    #[arg(long)]
    script: PathBuf,
    /// A file with lines `WHAT NUMBER`: fewer equal cases are a failure
    #[arg(long)]
    floors: Option<PathBuf>,
    /// More arguments for virtc, in one word
    #[arg(long = "args", default_value = "", allow_hyphen_values = true)]
    more: String,
    /// What to compare; everything if nothing is named
    what: Vec<String>,
}

const EVERYTHING: [&str; 4] = ["argv", "xml", "reject", "hotplug"];

/// The lines `WHAT NUMBER` of a file of floors; `#` begins a comment.
fn floors(text: &str) -> Result<BTreeMap<String, u32>, String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (what, number) = line.split_once(' ').ok_or_else(|| format!("`{line}` is not `WHAT NUMBER`"))?;
            let number = number.trim().parse().map_err(|error| format!("`{line}`: {error}"))?;
            Ok((what.to_owned(), number))
        })
        .collect()
}

/// The number of equal cases in a summary such as `argv x86_64: 12 of 400 equal (3.0 %), …`.
fn equal(summary: &str) -> Option<u32> {
    summary.split_once(": ")?.1.split_once(" of ")?.0.trim().parse().ok()
}

/// Compares.
///
/// # Errors
/// When the program fails, or fewer cases are equal than the floor asks.
pub fn run(args: &Args) -> Outcome {
    if !args.script.is_file() {
        println!("left out: the conformance corpus ({} is not there)", args.script.display());
        return Ok(());
    }
    let floors = match &args.floors {
        Some(path) => floors(&std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?)?,
        None => BTreeMap::new(),
    };
    process::run(process::cargo().args(["build", "--release", "--quiet", "--package", "virtc"]), 0)?;
    let named: Vec<&str> = args.what.iter().map(String::as_str).collect();
    let mut below = Vec::new();
    for what in if named.is_empty() { &EVERYTHING } else { &named[..] } {
        let floor = floors.get(*what).copied().unwrap_or_default();
        let found = compare(args, what)?;
        if found < floor {
            below.push(format!("{what}: {found} equal, and the floor is {floor}"));
        } else if found > floor {
            println!("{what}: the floor may rise from {floor} to {found}");
        }
    }
    if below.is_empty() { Ok(()) } else { Err(below.join("; ").into()) }
}

fn compare(args: &Args, what: &str) -> Result<u32, Box<dyn std::error::Error>> {
    let mut command = Command::new("python3");
    command.arg(&args.script).arg(what).arg("--virtc").arg(process::built("release", "virtc"));
    command.arg(format!("--args={}", args.more)).current_dir(Path::new("."));
    let output = command.output().map_err(|error| format!("`{}`: {error}", process::shown(&command)))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{text}");
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("`{}` ended with {}\n{words}", process::shown(&command), output.status).into());
    }
    text.lines().last().and_then(equal).ok_or_else(|| format!("no summary for {what}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_are_lines_of_a_word_and_a_number() {
        let read = floors("# a comment\nargv 12\nxml  3 # more\n\n").unwrap();
        assert_eq!(read, BTreeMap::from([("argv".to_owned(), 12), ("xml".to_owned(), 3)]));
        assert!(floors("argv").is_err() && floors("argv many").is_err());
    }

    #[test]
    fn the_summary_says_how_many_are_equal() {
        assert_eq!(equal("argv x86_64: 12 of 400 equal (3.0 %), differs 388, equal 12"), Some(12));
        assert_eq!(equal("argv x86_64"), None);
    }
}
