//! `cargo xtask bench validate`: XML and grammar only, cold and in batches, next to xmllint.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};

use super::median;
use crate::hold::corpus::{self, Case};
use crate::hold::grammar::Root;
use crate::hold::mutation::mutate;
use crate::hold::random::Random;
use crate::hold::vocabulary::Vocabulary;
use crate::install::{self, GRAMMAR, XMLLINT};
use crate::{Outcome, process};

/// `virtc check --only schema` next to `xmllint --relaxng`: one file, batches on one and two threads, invalid files,
/// memory
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    install: install::Options,
    /// A folder with definitions
    #[arg(long)]
    corpus: PathBuf,
    /// How often one file is checked
    #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    cold: u32,
    /// How often each batch is checked
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    batches: u32,
    /// The virtc to measure [default: this repository's, built in release mode]
    #[arg(long)]
    virtc: Option<PathBuf>,
}

/// What is measured: a name, a folder with its files, and the status that it ends with.
struct Contestant<'c> {
    name: &'static str,
    make: Box<dyn Fn() -> Command + 'c>,
    times: Vec<Duration>,
    /// Of all processors together, user and system.
    cpu: Vec<Duration>,
    /// Peak memory in KiB.
    memory: u64,
}

/// Measures.
///
/// # Errors
/// When a program is missing, or cannot do what it should.
pub fn run(args: &Args) -> Outcome {
    if !install::ensure(&[XMLLINT, GRAMMAR], &args.install).is_empty() {
        return Err("there is nothing to compare with".into());
    }
    let virtc = if let Some(path) = &args.virtc {
        std::path::absolute(path)?
    } else {
        process::run(process::cargo().args(["build", "--release", "--quiet", "--package", "virtc-cli"]), 0)?;
        process::built("release", "virtc")
    };
    let cases = Root::Domain.cases(&args.corpus)?;
    let folder = tempfile::tempdir()?;
    let grammar = Root::Domain.libvirt(folder.path())?;
    let ([all, valid, invalid], single) = write(&cases, folder.path())?;
    println!("{} definitions, {} of them valid; as many mutants that are not", all.len(), valid.len());

    let ours = |files: &[String], threads: &'static str| {
        let mut command = Command::new(&virtc);
        command
            .args(["check", "--only", "schema", "--format", "json", "-j", threads])
            .args(files)
            .current_dir(folder.path());
        command
    };
    let theirs = |files: &[String]| {
        let mut command = Command::new("xmllint");
        command.args(["--noout", "--relaxng"]).arg(&grammar).args(files).current_dir(folder.path());
        command
    };
    let one = [single.clone()];
    let mut cold = [Contestant::new("virtc", || ours(&one, "1")), Contestant::new("xmllint", || theirs(&one))];
    race(&mut cold, args.cold)?;
    println!("\none file ({single}), median of {} runs each, in turn", args.cold);
    show(&cold);

    let mut batch = [
        Contestant::new("virtc, all, 1 thread", || ours(&all, "1")),
        Contestant::new("virtc, all, 2 threads", || ours(&all, "2")),
        Contestant::new("xmllint, all", || theirs(&all)),
        Contestant::new("virtc, valid, 1 thread", || ours(&valid, "1")),
        Contestant::new("virtc, invalid, 1 thread", || ours(&invalid, "1")),
        Contestant::new("xmllint, valid", || theirs(&valid)),
        Contestant::new("xmllint, invalid", || theirs(&invalid)),
    ];
    race(&mut batch, args.batches)?;
    println!("\nbatches, median of {} runs each, in turn", args.batches);
    show(&batch);

    let [single, double, rival, fine, faulty, ..] = &batch;
    let [warm, cool] = &cold;
    let cpu = |contestant: &Contestant<'_>| median(contestant.cpu.clone()).as_secs_f64();
    println!("\nprocessor time alone, xmllint / virtc: {:.2} of all", cpu(rival) / cpu(single));
    let mut short = Vec::new();
    let mut hold = |what: &str, ratio: f64, aim: f64, least: bool| {
        println!("{what:<44} {ratio:6.2} (aim: {} {aim})", if least { "at least" } else { "at most" });
        if (ratio < aim) == least && (ratio - aim).abs() > f64::EPSILON {
            short.push(format!("{what}: {ratio:.2}"));
        }
    };
    let ratio = |a: &Contestant<'_>, b: &Contestant<'_>| a.time().as_secs_f64() / b.time().as_secs_f64();
    hold("one file, xmllint / virtc", ratio(cool, warm), 5.0, true);
    hold("all, xmllint / virtc on 1 thread", ratio(rival, single), 4.0, true);
    hold("all, xmllint / virtc on 2 threads", ratio(rival, double), 7.0, true);
    hold("virtc, invalid / valid", ratio(faulty, fine), 3.0, false);
    let memory = |contestant: &Contestant<'_>| f64::from(u32::try_from(contestant.memory).unwrap_or(u32::MAX));
    hold("peak memory of all, virtc 1 thread / xmllint", memory(single) / memory(rival), 1.0, false);
    hold("peak memory of all, virtc 2 threads / xmllint", memory(double) / memory(rival), 1.0, false);
    if short.is_empty() { Ok(()) } else { Err(short.join("; ").into()) }
}

impl<'c> Contestant<'c> {
    fn new(name: &'static str, make: impl Fn() -> Command + 'c) -> Self {
        Self { name, make: Box::new(make), times: Vec::new(), cpu: Vec::new(), memory: 0 }
    }

    fn time(&self) -> Duration {
        median(self.times.clone())
    }
}

/// Runs all in turn, so that what else the machine does falls on all of them; then each once more for its memory.
fn race(contestants: &mut [Contestant<'_>], runs: u32) -> Outcome {
    for _ in 0..runs {
        for contestant in contestants.iter_mut() {
            let mut command = (contestant.make)();
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let before = spent()?;
            let began = Instant::now();
            let status = command.status().map_err(|error| format!("`{}`: {error}", contestant.name))?;
            contestant.times.push(began.elapsed());
            contestant.cpu.push(spent()?.saturating_sub(before));
            // 1 and xmllint's 3 and 4 say that documents are invalid; more is a failure to run at all.
            if status.code().is_none_or(|code| code > 4 || code == 2) {
                return Err(format!("{} ended with {status}", contestant.name).into());
            }
        }
    }
    for contestant in contestants {
        contestant.memory = peak(&(contestant.make)())?;
    }
    Ok(())
}

/// The processor time of all children that have ended.
fn spent() -> Result<Duration, Box<dyn std::error::Error>> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let time = |value: TimeVal| -> Result<Duration, std::num::TryFromIntError> {
        Ok(Duration::from_micros(u64::try_from(value.num_microseconds())?))
    };
    Ok(time(usage.user_time())? + time(usage.system_time())?)
}

/// The most memory that a command has at one time, in KiB, by GNU time.
fn peak(command: &Command) -> Result<u64, Box<dyn std::error::Error>> {
    let report = tempfile::NamedTempFile::new()?;
    let mut time = Command::new("time");
    time.args(["--format=%M", "--quiet", "--output"]).arg(report.path());
    time.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        time.current_dir(folder);
    }
    time.stdout(Stdio::null()).stderr(Stdio::null());
    time.status().map_err(|error| format!("GNU time: {error}"))?;
    let text = std::fs::read_to_string(report.path())?;
    let last = text.lines().last().unwrap_or_default();
    Ok(last.trim().parse().map_err(|error| format!("GNU time says `{last}`: {error}"))?)
}

fn show(contestants: &[Contestant<'_>]) {
    for contestant in contestants {
        let (ms, kib) = (contestant.time().as_secs_f64() * 1e3, contestant.memory);
        let cpu = median(contestant.cpu.clone()).as_secs_f64() * 1e3;
        println!("  {:<26} {ms:9.2} ms {cpu:9.2} ms of processors {kib:8} KiB", contestant.name);
    }
}

/// The names of files: all, the valid ones, the invalid mutants; and one of middle size.
type Written = ([Vec<String>; 3], String);

/// Writes the definitions, and a mutant that is invalid for each valid one. Answers with the names of all files, of the
/// valid ones and of the invalid mutants, and with a valid one of middle size.
fn write(cases: &[Case], folder: &Path) -> Result<Written, Box<dyn std::error::Error>> {
    let words = Vocabulary::of(cases);
    let mut random = Random::new(1);
    let mut validator = Root::Domain.embedded().validator();
    let (mut all, mut valid, mut invalid) = (Vec::new(), Vec::new(), Vec::new());
    let mut sizes = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let file = format!("o{number:06}.xml");
        std::fs::write(folder.join(&file), case.text())?;
        all.push(file.clone());
        if !validator.is_valid(&case.document) {
            continue;
        }
        sizes.push((case.text().len(), file.clone()));
        valid.push(file);
        for _ in 0..100 {
            let Some(mutant) = mutate(&case.document, &words, 1, &mut random) else { continue };
            let document = corpus::well_formed("mutant", &mutant.text).ok_or("a mutant is not well-formed")?;
            if !validator.is_valid(&document) {
                let file = format!("m{number:06}.xml");
                std::fs::write(folder.join(&file), &mutant.text)?;
                invalid.push(file);
                break;
            }
        }
    }
    sizes.sort();
    let middle = sizes.get(sizes.len() / 2).map(|(_, file)| file.clone()).ok_or("there is no valid definition")?;
    Ok(([all, valid, invalid], middle))
}
