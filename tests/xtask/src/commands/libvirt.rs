//! `cargo xtask libvirt`: virtc beside the libvirt that is installed here, on any definitions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::hold::corpus::{self, Case};
use crate::hold::grammar::Root;
use crate::hold::libvirt::{Answer, Libvirt, What, adapted, lines, named, put, same, words};
use crate::hold::mutation::mutate;
use crate::hold::random::Random;
use crate::hold::vocabulary::Vocabulary;
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
    /// What is compared
    #[arg(long, value_enum, default_value_t = What::Xml)]
    what: What,
    /// Take so many random valid changes of the definitions in place of the definitions
    #[arg(long)]
    mutants: Option<usize>,
    /// Where the random numbers begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
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
    let virtc = if let Some(path) = &args.virtc {
        std::path::absolute(path)?
    } else {
        process::run(process::cargo().args(["build", "--release", "--quiet", "--package", "virtc"]), 0)?;
        process::built("release", "virtc")
    };
    let folder = tempfile::tempdir()?;
    let host = if let Some(path) = &args.host {
        std::path::absolute(path)?
    } else {
        let snapshot = Command::new(&virtc).args(["host", "snapshot"]).output()?;
        let path = folder.path().join("host.json");
        std::fs::write(&path, snapshot.stdout)?;
        path
    };
    let cases = Root::Domain.cases(&args.corpus)?;
    let cases: Vec<Case> = cases.into_iter().filter(|case| case.path.to_string_lossy().contains(&args.only)).collect();
    let (mut names, mut files) = (Vec::new(), Vec::new());
    let mut take = |case: &Case, text: &str| -> Outcome {
        if let Some(text) = adapted(text, args.what) {
            names.push(case.path.strip_prefix(&args.corpus).unwrap_or(&case.path).display().to_string());
            files.push(put(folder.path(), files.len(), &text)?);
        }
        Ok(())
    };
    match args.mutants {
        None => cases.iter().try_for_each(|case| take(case, case.text()))?,
        Some(count) => mutants(&cases, count, args.seed, &mut take)?,
    }
    let answers = Libvirt::find()?.ask(args.what, &files)?;
    let own = own(args.what, &virtc, &host, &files)?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for ((name, file), answer) in names.iter().zip(&files).zip(answers) {
        let own = own.get(&file.display().to_string()).ok_or("virtc said nothing of a file")?;
        *counts.entry(judge(args, name, &std::fs::read_to_string(file)?, &answer, own)?).or_default() += 1;
    }
    println!("{} definitions: {counts:?}", names.len());
    Ok(())
}

/// Random changes that leave a definition valid.
fn mutants(cases: &[Case], count: usize, seed: u64, take: &mut impl FnMut(&Case, &str) -> Outcome) -> Outcome {
    let words = Vocabulary::of(cases);
    let mut random = Random::new(seed);
    let mut validator = Root::Domain.embedded().validator();
    let mut left = count;
    for case in cases.iter().cycle().take(cases.len().saturating_mul(count)) {
        if left == 0 {
            break;
        }
        let Some(mutant) = mutate(&case.document, &words, 1, &mut random) else { continue };
        if corpus::well_formed("mutant", &mutant.text).is_some_and(|document| validator.is_valid(&document)) {
            take(case, &mutant.text)?;
            left -= 1;
        }
    }
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
            let (machine, domain) = named(text);
            let (theirs, ours) = match args.what {
                What::Xml => (lines(theirs, machine.as_deref())?, lines(ours, None)),
                What::Argv => (words(theirs, &domain, machine.as_deref())?, Ok(ours.lines().map(same).collect())),
            };
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
    what: What,
    virtc: &PathBuf,
    host: &PathBuf,
    files: &[PathBuf],
) -> Result<BTreeMap<String, Own>, Box<dyn std::error::Error>> {
    let mut command = Command::new(virtc);
    let emit = match what {
        What::Xml => "xml",
        What::Argv => "argv",
    };
    command.args(["compile", "--emit", emit, "--format", "json", "--host"]).arg(host).args(files);
    let output = command.output()?;
    let mut all = BTreeMap::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let line: Value = serde_json::from_str(line)?;
        let file = line.get("file").and_then(Value::as_str).unwrap_or_default().to_owned();
        let made = match what {
            What::Xml => line.get("xml").and_then(Value::as_str).map(str::to_owned),
            What::Argv => line.get("argv").and_then(Value::as_array).map(|words| {
                // One line for each word: none holds a line feed that is not escaped in JSON.
                let words = words.iter().skip(1).filter_map(Value::as_str);
                let mut words: Vec<&str> = words.collect();
                while let Some(at) = words.iter().position(|word| *word == "-add-fd") {
                    words.drain(at..words.len().min(at + 2));
                }
                words.iter().map(|word| word.replace('\n', "\\n")).collect::<Vec<_>>().join("\n")
            }),
        };
        let own = match made {
            Some(made) => Own::Made(made),
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
