//! `cargo xtask conformance`: the conformance corpus, checked against floors that only rise.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::report::{self, Reasons, cell};
use crate::{Outcome, floors, process};

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
    /// The virtc [default: the one that is built here, optimised]
    #[arg(long)]
    virtc: Option<PathBuf>,
    /// The document whose tables of what is equal are written; everything must be compared for this
    #[arg(long, conflicts_with = "what")]
    report: Option<PathBuf>,
    /// What to compare; everything if nothing is named
    what: Vec<String>,
}

/// What is compared: after a dash the architecture, where it is not `x86_64`.
const EVERYTHING: [&str; 7] = ["argv", "xml", "reject", "hotplug", "argv-aarch64", "xml-aarch64", "reject-aarch64"];

/// What more virtc is told for an architecture: the recorded results are those of libvirt with a QEMU of it that is
/// older than 9.0.
fn more(arch: &str) -> &'static str {
    if arch == "x86_64" { "" } else { " --qemu 7.2" }
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
    let floors = floors::read(args.floors.as_deref())?;
    let virtc = if let Some(path) = &args.virtc {
        path.clone()
    } else {
        process::run(process::cargo().args(["build", "--release", "--quiet", "--package", "virtc-cli"]), 0)?;
        process::built("release", "virtc")
    };
    let named: Vec<&str> = args.what.iter().map(String::as_str).collect();
    let (mut below, mut all) = (Vec::new(), Vec::new());
    let folder = tempfile::tempdir()?;
    for what in if named.is_empty() { &EVERYTHING } else { &named[..] } {
        let floor = floors.get(*what).copied().unwrap_or_default();
        let (found, verdicts) = compare(args, &virtc, what, &folder.path().join("list"))?;
        all.push((*what, verdicts));
        if found < floor {
            below.push(format!("{what}: {found} equal, and the floor is {floor}"));
        } else if found > floor {
            println!("{what}: the floor may rise from {floor} to {found}");
        }
    }
    if let Some(document) = &args.report {
        report::write(document, "conformance", &tables(&all, &Reasons::read()?)?)?;
    }
    if below.is_empty() { Ok(()) } else { Err(below.join("; ").into()) }
}

/// A case and what came of it: `equal`, `differs`, `failed`, `crashed`, `skipped`.
type Verdicts = Vec<(String, String)>;

fn compare(args: &Args, virtc: &Path, what: &str, list: &Path) -> Result<(u32, Verdicts), Box<dyn std::error::Error>> {
    let (kind, arch) = what.split_once('-').unwrap_or((what, "x86_64"));
    let mut command = Command::new("python3");
    command.arg(&args.script).arg(kind).args(["--arch", arch]).arg("--virtc").arg(virtc);
    command.arg(format!("--args={}{}", args.more, more(arch))).arg("--list").arg(list).current_dir(Path::new("."));
    let output = command.output().map_err(|error| format!("`{}`: {error}", process::shown(&command)))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{text}");
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("`{}` ended with {}\n{words}", process::shown(&command), output.status).into());
    }
    let found = text.lines().last().and_then(equal).ok_or_else(|| format!("no summary for {what}"))?;
    Ok((found, verdicts(&std::fs::read_to_string(list)?)))
}

fn verdicts(list: &str) -> Verdicts {
    let pairs = list.lines().filter_map(|line| line.rsplit_once('\t'));
    pairs.map(|(case, verdict)| (case.to_owned(), verdict.to_owned())).collect()
}

/// What a kind of comparison is, for the document.
fn title(what: &str) -> &str {
    match what {
        "argv" => "`argv`: the command line",
        "xml" => "`xml`: the definition filled in",
        "reject" => "`reject`: what libvirt refuses",
        "hotplug" => "`hotplug`: QMP of attach, detach, update",
        "argv-aarch64" => "the command line of `aarch64`",
        "xml-aarch64" => "the definition of `aarch64`",
        "reject-aarch64" => "what is refused on `aarch64`",
        other => other,
    }
}

fn tables(all: &[(&str, Verdicts)], reasons: &Reasons) -> Result<String, std::fmt::Error> {
    let mut text = String::from("| | equal | of | differ | failed | not compared |\n|---|---:|---:|---:|---:|---:|\n");
    for (what, verdicts) in all {
        let count = |names: &[&str]| verdicts.iter().filter(|(_, verdict)| names.contains(&verdict.as_str())).count();
        let skipped = count(&["skipped"]);
        let (equal, differ, failed) = (count(&["equal"]), count(&["differs"]), count(&["failed", "crashed"]));
        let of = verdicts.len() - skipped;
        writeln!(text, "| {} | {equal} | {of} | {differ} | {failed} | {skipped} |", title(what))?;
    }
    text.push_str("\nWhat is not equal, and why:\n\n| | Case | Verdict | Reason |\n|---|---|---|---|\n");
    for (what, verdicts) in all {
        let mut needed = BTreeSet::new();
        for (case, verdict) in verdicts.iter().filter(|(_, verdict)| verdict != "equal") {
            let reason = reasons.find(what, case, verdict).unwrap_or("**not known**");
            writeln!(text, "| {what} | `{}` | {verdict} | {} |", cell(case), cell(reason))?;
            needed.insert(case.clone());
        }
        for case in reasons.idle(what, &needed) {
            println!("{what}: {case} is equal: its reason in docs/conformance-reasons.tsv may go");
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_says_how_many_are_equal() {
        assert_eq!(equal("argv x86_64: 12 of 400 equal (3.0 %), differs 388, equal 12"), Some(12));
        assert_eq!(equal("argv x86_64"), None);
    }
}
