//! `cargo xtask libvirt`: virtc next to the libvirt that is installed here, on any definitions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use similar::{ChangeTag, TextDiff};
use virtc_tests::libvirt::compile::{self, Emit, Made};
use virtc_tests::libvirt::normal::{is_native, lines, machine_type, same, words};

use crate::hold::corpus::{self, Case};
use crate::hold::grammar::Root;
use crate::hold::groups::{Groups, told_apart};
use crate::hold::growth::Growth;
use crate::hold::libvirt::{Answer, Libvirt, What, adapted, put};
use crate::hold::mutation::mutate;
use crate::hold::random::Random;
use crate::hold::refusal;
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
    /// Take so many random additions in place of the definitions: one attribute, element or value each that the grammar
    /// permits there and that is not there, of each name and value as often as of the others. Only definitions for this
    /// machine's architecture on which both agree are added to; what differs is printed in groups, the largest first
    #[arg(long, conflicts_with = "mutants")]
    grow: Option<usize>,
    /// Print what of the grammar no addition held
    #[arg(long, requires = "grow")]
    never: bool,
    /// A folder for the definitions that differ
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Where the random numbers begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many differing lines are shown of each definition
    #[arg(long, default_value_t = 6)]
    show: usize,
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
        process::run(process::cargo().args(["build", "--release", "--quiet", "--package", "virtc-cli"]), 0)?;
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
    let mut session = Session { args, virtc, host, folder: folder.path(), libvirt: Libvirt::find()?, asked: 0 };
    let mut subjects = Vec::new();
    if let Some(count) = args.grow {
        session.grow(cases, count, &mut subjects)?;
    } else if let Some(count) = args.mutants {
        mutants(&cases, count, args.seed, &mut subjects);
    } else {
        subjects.extend(cases.iter().map(|case| Subject { name: session.name(case), text: case.text().to_owned() }));
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut groups = Groups::default();
    let judged = session.judge(&subjects)?;
    for (subject, (text, verdict)) in subjects.iter().zip(&judged) {
        let Some(verdict) = verdict else { continue };
        *counts.entry(verdict.kind).or_default() += 1;
        if verdict.said.is_empty() {
            continue;
        }
        let mut name = subject.name.clone();
        if let Some(folder) = &args.keep {
            let path = folder.join(format!("{}-{}.xml", args.seed, groups.len()));
            std::fs::create_dir_all(folder)?;
            std::fs::write(&path, text)?;
            name = format!("{}: {name}", path.display());
        }
        if args.grow.is_none() {
            println!("{name}: {}", verdict.kind);
            for line in verdict.said.iter().take(args.show) {
                println!("  {line}");
            }
        }
        groups.add(verdict.kind, &verdict.said, name);
    }
    if args.grow.is_some() {
        groups.print(args.show);
    }
    println!("{} definitions: {counts:?}", counts.values().sum::<usize>());
    Ok(())
}

/// A definition to be judged.
struct Subject {
    name: String,
    text: String,
}

/// What the two say of a definition.
struct Verdict {
    kind: &'static str,
    /// What they do not agree on.
    said: Vec<String>,
}

/// Texts as they were given to both, each with what the two say of it.
type Judged = Vec<(String, Option<Verdict>)>;

impl Verdict {
    fn of(kind: &'static str) -> Self {
        Self { kind, said: Vec::new() }
    }
}

/// The two that are compared.
struct Session<'a> {
    args: &'a Args,
    virtc: PathBuf,
    host: PathBuf,
    folder: &'a Path,
    libvirt: Libvirt,
    asked: usize,
}

impl Session<'_> {
    fn name(&self, case: &Case) -> String {
        case.path.strip_prefix(&self.args.corpus).unwrap_or(&case.path).display().to_string()
    }

    /// What the two say of each definition, with the text as it was given to them; none where it cannot be stored at
    /// all.
    fn judge(&mut self, subjects: &[Subject]) -> Result<Judged, Box<dyn std::error::Error>> {
        let what = self.args.what;
        let texts: Vec<Option<String>> = subjects.iter().map(|subject| adapted(&subject.text, what)).collect();
        let mut files = Vec::new();
        for text in texts.iter().flatten() {
            files.push(put(self.folder, self.asked, text)?);
            self.asked += 1;
        }
        let answers = self.libvirt.ask(what, &files)?;
        let emit = match what {
            What::Xml => Emit::Xml,
            What::Argv => Emit::Argv,
        };
        let own = compile::all(&self.virtc, &self.host, emit, &[], &files)?;
        let mut pairs = files.iter().zip(answers);
        let mut all = Vec::new();
        for text in texts {
            let Some(text) = text else {
                all.push((String::new(), None));
                continue;
            };
            let (file, answer) = pairs.next().ok_or("libvirt said nothing of a file")?;
            let own = own.get(&file.display().to_string()).ok_or("virtc said nothing of a file")?;
            let verdict = judge(what, &text, &answer, own)?;
            all.push((text, Some(verdict)));
        }
        Ok(all)
    }

    /// Definitions that both take alike, with one addition each.
    fn grow(&mut self, cases: Vec<Case>, count: usize, out: &mut Vec<Subject>) -> Outcome {
        let native: Vec<Case> = cases.into_iter().filter(|case| is_native(case.text())).collect();
        let subjects: Vec<Subject> =
            native.iter().map(|case| Subject { name: self.name(case), text: case.text().to_owned() }).collect();
        let judged = self.judge(&subjects)?;
        let equal = |verdict: &Option<Verdict>| verdict.as_ref().is_some_and(|verdict| verdict.kind == EQUAL);
        println!(
            "{} definitions to start from, of {} for this architecture",
            judged.iter().filter(|(_, verdict)| equal(verdict)).count(),
            native.len()
        );
        let mut growth = Growth::new(Root::Domain.embedded(), &native);
        let mut random = Random::new(self.args.seed);
        let cases: Vec<&Case> =
            native.iter().zip(&judged).filter(|(_, (_, verdict))| equal(verdict)).map(|(case, _)| case).collect();
        for case in cases.iter().cycle().take(cases.len().saturating_mul(count)) {
            if out.len() == count {
                break;
            }
            let Some(grown) = growth.grow(&case.document, &mut random) else { continue };
            out.push(Subject { name: format!("{} in {}", grown.what, self.name(case)), text: grown.text });
        }
        let (coverage, never) = growth.coverage();
        println!("{coverage}");
        if self.args.never {
            for key in never {
                println!("  never: {key}");
            }
        }
        Ok(())
    }
}

/// Random changes that leave a definition valid.
fn mutants(cases: &[Case], count: usize, seed: u64, out: &mut Vec<Subject>) {
    let words = Vocabulary::of(cases);
    let mut random = Random::new(seed);
    let mut validator = Root::Domain.embedded().validator();
    for case in cases.iter().cycle().take(cases.len().saturating_mul(count)) {
        if out.len() == count {
            break;
        }
        let Some(mutant) = mutate(&case.document, &words, 1, &mut random) else { continue };
        if corpus::well_formed("mutant", &mutant.text).is_some_and(|document| validator.is_valid(&document)) {
            out.push(Subject { name: case.path.display().to_string(), text: mutant.text });
        }
    }
}

/// The kind of verdict where there is no difference.
const EQUAL: &str = "equal";

/// What the two do not agree on.
fn judge(what: What, text: &str, answer: &Answer, own: &Made) -> Result<Verdict, Box<dyn std::error::Error>> {
    Ok(match (answer, own) {
        (Answer::Refused(why), _) if refusal::is_no_answer(why) => Verdict::of("libvirt gave no answer"),
        (Answer::Refused(_), Made::Refused { .. }) => Verdict::of("both refuse"),
        (Answer::Refused(why), Made::Text(_)) if refusal::is_of_the_host(why) => {
            Verdict::of("this host lacks something")
        }
        (Answer::Refused(why), Made::Text(_)) => Verdict { kind: "only libvirt refuses", said: vec![why.clone()] },
        (Answer::Stored(_), Made::Refused { names, first }) => {
            let limit = |name: &String| name == "not-yet-supported" || name == "host-fact-needed";
            let kind = if names.iter().any(limit) { "not supported yet" } else { "only virtc refuses" };
            Verdict { kind, said: vec![first.clone()] }
        }
        (Answer::Stored(theirs), Made::Text(ours)) => {
            let machine = machine_type(text);
            let (theirs, ours) = match what {
                What::Xml => (lines(theirs, machine.as_deref())?, lines(ours, None)),
                What::Argv => (words(theirs, machine.as_deref())?, Ok(ours.lines().map(same).collect())),
            };
            let ours = ours.unwrap_or_else(|error| vec![format!("what virtc writes is no XML: {error}")]);
            if theirs == ours {
                return Ok(Verdict::of(EQUAL));
            }
            let (theirs, ours): (Vec<&str>, Vec<&str>) =
                (theirs.iter().map(String::as_str).collect(), ours.iter().map(String::as_str).collect());
            let diff = TextDiff::from_slices(&theirs, &ours);
            let changes = diff.iter_all_changes().filter(|change| change.tag() != ChangeTag::Equal);
            let said = changes.map(|change| format!("{}{}", change.tag(), change.value())).collect();
            Verdict { kind: "differ (-libvirt +virtc)", said: told_apart(said) }
        }
    })
}
