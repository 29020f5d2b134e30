//! `cargo xtask faults`: how well validators point at the one fault in a document.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use virtc_diag::{LineColumn, SourceFile};
use virtc_rng::Schema;

use crate::hold::corpus::Case;
use crate::hold::fault::{Fault, KINDS, make};
use crate::hold::grammar::{self, Root};
use crate::hold::random::Random;
use crate::hold::rivals::{Messages, Rival};
use crate::hold::score::{Said, Score, judge};
use crate::install::{self, GRAMMAR, JING, XMLLINT};
use crate::{Outcome, process};

/// Make documents with one fault each and score virtc, jing and xmllint on them
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    install: install::Options,
    /// A folder with definitions to start from
    #[arg(long)]
    corpus: PathBuf,
    /// How many documents
    #[arg(long, default_value_t = 1500)]
    count: usize,
    /// Where the random numbers begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Score virtc with this grammar, too, as its `--schema` reads it
    #[arg(long)]
    schema: Option<PathBuf>,
    /// Score this virtc, too, by what its `check --only schema --format json` prints
    #[arg(long)]
    virtc: Option<PathBuf>,
    /// Where documents are kept about which virtc could say more [default: target/faults]
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// The documents, by the name of their file.
type Faults = BTreeMap<String, Fault>;

/// Scores.
///
/// # Errors
/// When something is missing, or virtc falls short of an aim.
pub fn run(args: &Args) -> Outcome {
    if !install::ensure(&[JING, XMLLINT, GRAMMAR], &args.install).is_empty() {
        return Err("there is nothing to compare with".into());
    }
    let folder = tempfile::tempdir()?;
    let grammar = Root::Domain.libvirt(folder.path())?;
    let cases = valid(Root::Domain.cases(&args.corpus)?, &grammar, folder.path())?;
    let (faults, jing) = gather(args, &cases, folder.path(), &grammar)?;
    let files: Vec<String> = faults.keys().cloned().collect();
    println!("{} documents with one fault from {} valid ones, seed {}", faults.len(), cases.len(), args.seed);

    let mut notes = String::new();
    let own = table("virtc", &faults, true, &mut notes, |_, fault| virtc(Root::Domain.embedded(), &fault.text));
    if let Some(path) = &args.schema {
        let schema = grammar::read(path)?;
        let name = format!("virtc with {}", path.display());
        table(&name, &faults, true, &mut notes, |_, fault| virtc(&schema, &fault.text));
    }
    if let Some(program) = &args.virtc {
        let said = printed(program, folder.path(), &files)?;
        let of = |file: &str, _: &Fault| said.get(file).cloned().unwrap_or_default();
        table(&program.display().to_string(), &faults, true, &mut notes, of);
    }
    let xmllint = Rival::Xmllint.run(&grammar, folder.path(), &files)?;
    for (rival, messages) in [(Rival::Jing, jing), (Rival::Xmllint, xmllint)] {
        table(rival.name(), &faults, false, &mut String::new(), |file, _| theirs(messages.get(file)));
    }
    keep(args, &faults, &notes)?;
    let short = own.short();
    if short.is_empty() { Ok(()) } else { Err(short.join("; ").into()) }
}

/// The cases that both rivals take.
fn valid(cases: Vec<Case>, grammar: &Path, folder: &Path) -> Result<Vec<Case>, Box<dyn std::error::Error>> {
    let named: Vec<(String, Case)> =
        cases.into_iter().enumerate().map(|(number, case)| (format!("v{number:06}.xml"), case)).collect();
    for (file, case) in &named {
        std::fs::write(folder.join(file), case.text())?;
    }
    let files: Vec<String> = named.iter().map(|(file, _)| file.clone()).collect();
    let mut refused: BTreeSet<String> = Rival::Jing.run(grammar, folder, &files)?.into_keys().collect();
    refused.extend(Rival::Xmllint.run(grammar, folder, &files)?.into_keys());
    Ok(named.into_iter().filter(|(file, _)| !refused.contains(file)).map(|(_, case)| case).collect())
}

/// As many faults of each kind as are asked for, all of which jing sees, and what it says about them.
fn gather(
    args: &Args,
    cases: &[Case],
    folder: &Path,
    grammar: &Path,
) -> Result<(Faults, Messages), Box<dyn std::error::Error>> {
    let mut random = Random::new(args.seed);
    let (mut faults, mut said) = (Faults::new(), Messages::new());
    let mut number = 0;
    for round in 0..20 {
        let mut drawn = Faults::new();
        for (at, kind) in KINDS.into_iter().enumerate() {
            let quota = args.count / KINDS.len() + usize::from(at < args.count % KINDS.len());
            let missing = quota.saturating_sub(faults.values().filter(|fault| fault.kind == kind).count());
            // More than are missing, since many turn out to be valid; what is too much is left out below.
            let mut wanted = if missing == 0 { 0 } else { missing * 3 / 2 + 10 };
            while wanted > 0 {
                let Some(case) = random.pick(cases) else { return Err("there is no valid document".into()) };
                let Some(fault) = make(&case.document, kind, &mut random) else { continue };
                let file = format!("f{number:06}.xml");
                number += 1;
                wanted -= 1;
                std::fs::write(folder.join(&file), &fault.text)?;
                drawn.insert(file, fault);
            }
        }
        if drawn.is_empty() {
            println!("drawn in {round} rounds");
            return Ok((faults, said));
        }
        let files: Vec<String> = drawn.keys().cloned().collect();
        let mut refused = Rival::Jing.run(grammar, folder, &files)?;
        for (file, fault) in drawn {
            let at = KINDS.iter().position(|kind| *kind == fault.kind).unwrap_or_default();
            let quota = args.count / KINDS.len() + usize::from(at < args.count % KINDS.len());
            let full = faults.values().filter(|other| other.kind == fault.kind).count() >= quota;
            if let Some(messages) = refused.remove(&file).filter(|_| !full) {
                said.insert(file.clone(), messages);
                faults.insert(file, fault);
            }
        }
    }
    Err("too many of the documents turn out to be valid".into())
}

/// Scores one validator, prints its table, and notes the documents where it falls short.
fn table(
    name: &str,
    faults: &Faults,
    exact: bool,
    notes: &mut String,
    say: impl Fn(&str, &Fault) -> Vec<Said>,
) -> Score {
    let mut score = Score::default();
    for (file, fault) in faults {
        let words = say(file, fault);
        let outcome = judge(fault, &words);
        score.add(fault.kind, outcome);
        let lacking = !outcome.line || !outcome.exact || outcome.suggested == Some(false) || outcome.errors != 1;
        if exact && lacking {
            let word = fault.text.get(fault.span.range()).unwrap_or_default();
            let from = fault.original.as_deref().unwrap_or_default();
            let _ =
                writeln!(notes, "{file} {name}: {} {from} `{word}` {:?} {outcome:?}", fault.kind.name(), fault.lines);
            for one in &words {
                let _ = writeln!(notes, "    {}: {}", one.line, one.text.replace('\n', "\n        "));
            }
        }
    }
    println!("\n### {name}\n\n{}", score.table(exact));
    score
}

fn virtc(schema: &Schema, text: &str) -> Vec<Said> {
    let source = SourceFile::new("fault", text);
    let (document, mut diagnostics) = virtc_xml::parse(&source);
    diagnostics.extend(schema.validate(&document).1);
    diagnostics.sorted().iter().filter_map(|found| Said::of(found, &source)).collect()
}

fn theirs(messages: Option<&Vec<crate::hold::rivals::Message>>) -> Vec<Said> {
    let said =
        |found: &crate::hold::rivals::Message| Said { line: found.line, text: found.text.clone(), ..Said::default() };
    messages.into_iter().flatten().map(said).collect()
}

/// What a virtc prints about `files`.
fn printed(
    program: &Path,
    folder: &Path,
    files: &[String],
) -> Result<BTreeMap<String, Vec<Said>>, Box<dyn std::error::Error>> {
    let mut command = Command::new(std::path::absolute(program)?);
    command.args(["check", "--only", "schema", "--format", "json"]).args(files).current_dir(folder);
    let output = command.output().map_err(|error| format!("`{}`: {error}", process::shown(&command)))?;
    let mut all: BTreeMap<String, Vec<Said>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let value: serde_json::Value = serde_json::from_str(line)?;
        let text = |key: &str| value.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
        let number = |key: &str| {
            let number = value.get(key).and_then(serde_json::Value::as_u64).unwrap_or_default();
            u32::try_from(number).unwrap_or_default()
        };
        if text("severity") != "error" {
            continue;
        }
        let edits = value.pointer("/fix/edits").and_then(serde_json::Value::as_array);
        let repairs = edits.into_iter().flatten().filter_map(|edit| edit.get("text")?.as_str().map(str::to_owned));
        let start = LineColumn { line: number("line"), column: number("column") };
        let end = LineColumn { line: number("end_line"), column: number("end_column") };
        all.entry(text("file").to_owned()).or_default().push(Said {
            line: start.line,
            place: Some((start, end)),
            text: format!("{}\n{}", text("message"), text("help")),
            fixes: repairs.collect(),
        });
    }
    Ok(all)
}

/// Writes the documents that are named in `notes`, and the notes.
fn keep(args: &Args, faults: &Faults, notes: &str) -> Outcome {
    let folder = args.keep.clone().unwrap_or_else(|| process::root().join("target/faults"));
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("notes.txt"), notes)?;
    let named: BTreeSet<&str> = notes.lines().filter_map(|line| line.split(' ').next()).collect();
    for (file, fault) in faults.iter().filter(|(file, _)| named.contains(file.as_str())) {
        std::fs::write(folder.join(file), &fault.text)?;
    }
    println!("{} documents about which virtc could say more: {}", named.len().saturating_sub(1), folder.display());
    Ok(())
}
