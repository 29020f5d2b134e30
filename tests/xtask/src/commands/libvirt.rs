//! `cargo xtask libvirt`: virtc beside the libvirt that is installed here, on any definitions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::hold::corpus;
use crate::hold::grammar::Root;
use crate::hold::libvirt::{Answer, Libvirt, adapted, lines, machine_of, put};
use crate::install::{self, DRIVER, LIBVIRT, QEMU, VIRSH};
use crate::{Outcome, process};

/// Compare what virtc fills in and refuses with what an installed libvirt fills in and refuses
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    install: install::Options,
    /// A folder with definitions
    #[arg(long)]
    corpus: PathBuf,
    /// Only files whose path contains this
    #[arg(long, default_value = "")]
    only: String,
    /// The virtc to hold [default: this repository's, built in release mode]
    #[arg(long)]
    virtc: Option<PathBuf>,
    /// The host file that virtc gets [default: a snapshot of this machine]
    #[arg(long)]
    host: Option<PathBuf>,
    /// How many differing lines are shown of each definition
    #[arg(long, default_value_t = 6)]
    show: usize,
}

/// What virtc says of a file.
enum Own {
    Made(String),
    Refused { names: Vec<String>, first: String },
}

/// Compares.
///
/// # Errors
/// When a program is missing or cannot be run.
pub fn run(args: &Args) -> Outcome {
    if !install::ensure(&[QEMU, LIBVIRT, DRIVER, VIRSH], &args.install).is_empty() {
        return Err("there is nothing to compare with".into());
    }
    let virtc = match &args.virtc {
        Some(path) => std::path::absolute(path)?,
        None => {
            process::run(process::cargo().args(["build", "--release", "--quiet", "--package", "virtc"]), 0)?;
            process::built("release", "virtc")
        }
    };
    let folder = tempfile::tempdir()?;
    let host = match &args.host {
        Some(path) => std::path::absolute(path)?,
        None => {
            let snapshot = Command::new(&virtc).args(["host", "snapshot"]).output()?;
            let path = folder.path().join("host.json");
            std::fs::write(&path, snapshot.stdout)?;
            path
        }
    };
    let cases = corpus::read(&args.corpus, Root::Domain.name())?;
    let cases = cases.iter().filter(|case| case.path.to_string_lossy().contains(&args.only));
    let (mut names, mut files) = (Vec::new(), Vec::new());
    for case in cases {
        if let Some(text) = adapted(case.text()) {
            names.push(case.path.strip_prefix(&args.corpus).unwrap_or(&case.path).display().to_string());
            files.push(put(folder.path(), files.len(), &text)?);
        }
    }
    let answers = Libvirt::find()?.define(&files)?;
    let own = own(&virtc, &host, &files)?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for ((name, file), answer) in names.iter().zip(&files).zip(answers) {
        let own = own.get(&file.display().to_string()).ok_or("virtc said nothing of a file")?;
        *counts.entry(judge(args, name, &std::fs::read_to_string(file)?, &answer, own)?).or_default() += 1;
    }
    println!("{} definitions: {counts:?}", names.len());
    Ok(())
}

/// Prints what the two do not agree on; answers with the kind of case.
fn judge(
    args: &Args,
    name: &str,
    text: &str,
    answer: &Answer,
    own: &Own,
) -> Result<&'static str, Box<dyn std::error::Error>> {
    Ok(match (answer, own) {
        (Answer::Refused(_), Own::Refused { .. }) => "both refuse",
        (Answer::Refused(why), Own::Made(_)) => {
            println!("{name}: only libvirt refuses it: {why}");
            "only libvirt refuses"
        }
        (Answer::Stored(_), Own::Refused { names, first }) => {
            let limit = |name: &String| name == "not-yet-supported" || name == "host-fact-needed";
            if names.iter().any(limit) {
                "not supported yet"
            } else {
                println!("{name}: only virtc refuses it: {first}");
                "only virtc refuses"
            }
        }
        (Answer::Stored(theirs), Own::Made(ours)) => {
            let (theirs, ours) = (lines(theirs, machine_of(text).as_deref())?, lines(ours, None));
            let ours = ours.unwrap_or_else(|error| vec![format!("what virtc writes is no XML: {error}")]);
            if theirs == ours {
                return Ok("equal");
            }
            println!("{name}: differs (-libvirt +virtc)");
            let (theirs, ours): (Vec<&str>, Vec<&str>) =
                (theirs.iter().map(String::as_str).collect(), ours.iter().map(String::as_str).collect());
            let diff = TextDiff::from_slices(&theirs, &ours);
            for change in diff.iter_all_changes().filter(|change| change.tag() != ChangeTag::Equal).take(args.show) {
                println!("  {}{}", change.tag(), change.value());
            }
            "differ"
        }
    })
}

/// What virtc says of all files, by name.
fn own(
    virtc: &PathBuf,
    host: &PathBuf,
    files: &[PathBuf],
) -> Result<BTreeMap<String, Own>, Box<dyn std::error::Error>> {
    let mut command = Command::new(virtc);
    command.args(["compile", "--emit", "xml", "--format", "json", "--host"]).arg(host).args(files);
    let output = command.output()?;
    let mut all = BTreeMap::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let line: Value = serde_json::from_str(line)?;
        let file = line.get("file").and_then(Value::as_str).unwrap_or_default().to_owned();
        let own = match line.get("xml").and_then(Value::as_str) {
            Some(xml) => Own::Made(xml.to_owned()),
            None => refusal(line.get("diagnostics")),
        };
        all.insert(file, own);
    }
    Ok(all)
}

fn refusal(found: Option<&Value>) -> Own {
    let faults: Vec<&Value> = found.and_then(Value::as_array).into_iter().flatten().collect();
    let text = |fault: &Value, key: &str| fault.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let errors = || faults.iter().filter(|fault| text(fault, "severity") == "error");
    let names = errors().map(|fault| text(fault, "name")).collect();
    Own::Refused { names, first: errors().map(|fault| text(fault, "message")).next().unwrap_or_default() }
}
