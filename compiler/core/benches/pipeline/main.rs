//! From a text to a command line, in this process.
//!
//! Two things are measured: the middle time over all definitions of a folder that compile (`VIRTC_CORPUS`; the examples of this
//! repository without it), and how the time grows with the number of devices. `VIRTC_PLOT=FILE.svg` draws the latter.
//!
//! On a machine that is busy with other things, instructions are a better measure than time: with `VIRTC_ROUNDS=N` each definition is compiled
//! so many times in the function `rounds` and nothing else is done, for `perf` and for
//! `valgrind --tool=callgrind --toggle-collect='*pipeline::rounds*'`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement: it reads files and the environment, and prints"
)]

mod growth;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use virtc_compiler::emit::argv::argv;
use virtc_compiler::passes::{Driver, Goal, Pass};
use virtc_compiler::{Facts, Passes, Target};
use virtc_diag::{Outcome, SourceFile};
use virtc_inventory::HostFile;
use virtc_rng::{Validated, Validator};
use virtc_xml::Document;

/// What is measured of a compilation, in order.
const LAPS: [&str; 6] = ["parse", "validate", "lower", "define", "prepare", "emit"];

/// What a text is compiled with, over and over.
pub struct Bench<'s> {
    host: Option<&'s HostFile>,
    target: Target,
    timed: Timed<'s>,
}

/// The grammar, and what each pass took so far.
struct Timed<'s> {
    validator: Validator<'s>,
    clock: Instant,
    spent: [Duration; LAPS.len()],
}

impl Timed<'_> {
    fn lap(&mut self, lap: usize) {
        let now = Instant::now();
        if let Some(spent) = self.spent.get_mut(lap) {
            *spent += now - self.clock;
        }
        self.clock = now;
    }
}

impl Driver for Timed<'_> {
    fn validate<'d>(&mut self, _root: virtc_compiler::passes::Root, document: &'d Document) -> Outcome<Validated<'d>> {
        self.validator.validate(document).into()
    }

    fn after(&mut self, pass: Pass) {
        self.lap(match pass {
            Pass::Parse => 0,
            Pass::Validate => 1,
            Pass::Lower => 2,
            Pass::Define | Pass::Lint => 3,
            Pass::Prepare => 4,
        });
    }
}

impl Bench<'_> {
    /// The number of arguments that come of a text; `None` where it is refused.
    pub fn compile(&mut self, text: &str) -> Option<usize> {
        self.timed.clock = Instant::now();
        let passes = Passes { target: &self.target, facts: Facts::new(self.host) };
        let done = passes.run(&SourceFile::new("bench", text), Goal::Machine, &mut self.timed);
        let count = argv(done.machine()?).display().len();
        self.timed.lap(5);
        Some(count)
    }

    /// The middle of the times of `runs` compilations.
    ///
    /// # Panics
    /// When the text is refused.
    pub fn time(&mut self, text: &str, runs: usize) -> Duration {
        let once = |_| {
            let clock = Instant::now();
            assert!(black_box(self.compile(black_box(text))).is_some());
            clock.elapsed()
        };
        let mut times: Vec<Duration> = (0..runs).map(once).collect();
        times.sort_unstable();
        *times.get(runs / 2).unwrap()
    }
}

/// Compiles each text so many times; the number of all arguments.
#[inline(never)]
fn rounds(bench: &mut Bench<'_>, texts: &[&String], count: usize) -> usize {
    let all = (0..count).flat_map(|_| texts);
    all.filter_map(|text| bench.compile(black_box(text))).sum()
}

/// All files below a folder whose names end with `.xml`.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "xml") {
            found.push(path);
        }
    }
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let facts = std::fs::read_to_string(root.join("testdata/hosts/libvirt-test.json")).unwrap();
    let host = HostFile::from_json(&facts).unwrap();
    let mut bench = Bench {
        host: Some(&host),
        target: Target::default(),
        timed: Timed {
            validator: virtc_schemas::domain().validator(),
            clock: Instant::now(),
            spent: [Duration::ZERO; LAPS.len()],
        },
    };
    let folder = std::env::var_os("VIRTC_CORPUS").map_or_else(|| root.join("testdata/examples"), PathBuf::from);
    let mut paths = Vec::new();
    files(&folder, &mut paths);
    let texts: Vec<String> = paths.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    let texts: Vec<&String> = texts.iter().filter(|text| bench.compile(text).is_some()).collect();
    bench.timed.spent = [Duration::ZERO; LAPS.len()];
    if let Some(count) = std::env::var("VIRTC_ROUNDS").ok().and_then(|count| count.parse().ok()) {
        println!("{} definitions, {} arguments", texts.len(), rounds(&mut bench, &texts, count));
        return;
    }
    let mut times: Vec<Duration> = texts.iter().map(|text| bench.time(text, 21)).collect();
    times.sort_unstable();
    let at = |part: usize| times.get((times.len().saturating_sub(1)) * part / 100).copied().unwrap_or_default();
    println!(
        "XML to command line, in this process: {} definitions that compile, of {} files",
        texts.len(),
        paths.len()
    );
    println!("median {:.1?}, 90 % below {:.1?}, longest {:.1?}", at(50), at(90), at(100));
    let whole: Duration = bench.timed.spent.iter().sum();
    for (pass, spent) in LAPS.iter().zip(bench.timed.spent) {
        println!("  {pass:<8} {:5.1} % of the time", 100.0 * spent.as_secs_f64() / whole.as_secs_f64());
    }
    growth::measure(&mut bench);
}
