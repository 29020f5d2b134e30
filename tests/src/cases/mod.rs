//! Test cases that are files: an input whose first lines say what to run, and goldens next to it.
//!
//! ```xml
//! <?virtc check?>
//! <?virtc compile --emit argv --format json?>
//! <!-- A disk on a bus that q35 does not have. -->
//! <domain type='kvm'>…
//! ```
//!
//! Of `disk.xml` these are `disk.check.out` and `disk.argv.out`; a second command with the same word has a number,
//! `disk.check.2.out`. A command runs in the folder of its input. `{file}` in it means the input; without it the
//! input comes last. A golden holds the command, the exit status, and what was printed.

mod execute;
mod header;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use similar::TextDiff;

pub use header::{FILE, Run, runs};

use crate::repository;

/// What is done with what comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is compared with the goldens.
    Compare,
    /// The goldens are written anew, and those that no input uses are removed.
    Update,
}

/// A folder of cases.
#[derive(Debug)]
pub struct Suite {
    /// The folder.
    pub dir: PathBuf,
    /// Folders in it whose XML files are no cases: examples and the like.
    pub exempt: Vec<PathBuf>,
}

/// One case.
#[derive(Debug)]
pub struct Case {
    /// The input.
    pub input: PathBuf,
    /// The commands, each with its golden.
    pub runs: Vec<(Run, PathBuf)>,
}

/// What a run of a suite came to.
#[derive(Debug, Default)]
pub struct Report {
    /// How many commands were run.
    pub ran: usize,
    /// What is wrong, each as a text of several lines.
    pub failures: Vec<String>,
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

impl Suite {
    /// The cases, in order of their paths, and the faults in their set-up: XML files that no command is about.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn cases(&self) -> io::Result<(Vec<Case>, Vec<String>)> {
        let mut cases = Vec::new();
        let mut silent = Vec::new();
        let exempt = |path: &Path| self.exempt.iter().any(|dir| path.starts_with(dir));
        for input in
            repository::files(&self.dir)?.into_iter().filter(|path| has_extension(path, "xml") && !exempt(path))
        {
            let runs = runs(&String::from_utf8_lossy(&std::fs::read(&input)?));
            if runs.is_empty() {
                silent.push(input);
                continue;
            }
            let golden = |run: Run| {
                let golden = input.with_extension(format!("{}.out", run.word));
                (run, golden)
            };
            let runs = runs.into_iter().map(golden).collect();
            cases.push(Case { input, runs });
        }
        // A file that another case's command names is a second input of that case.
        let named: BTreeSet<PathBuf> = cases.iter().flat_map(Case::second_inputs).collect();
        silent.retain(|path| !named.contains(path));
        let faults =
            silent.iter().map(|path| format!("{}: no `<?virtc …?>` before its first element", self.short(path)));
        let faults = faults.collect();
        Ok((cases, faults))
    }

    /// The goldens that no command has.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn orphans(&self) -> io::Result<Vec<PathBuf>> {
        let (cases, _) = self.cases()?;
        let used: BTreeSet<&PathBuf> = cases.iter().flat_map(|case| &case.runs).map(|(_, golden)| golden).collect();
        Ok(repository::files(&self.dir)?
            .into_iter()
            .filter(|path| has_extension(path, "out") && !used.contains(path))
            .collect())
    }

    /// Runs every command whose input's path contains `filter` with `program`.
    ///
    /// # Errors
    /// When a file cannot be read or written. What comes out wrong is in the report.
    pub fn run(&self, program: &Path, mode: Mode, filter: &str) -> io::Result<Report> {
        let (cases, failures) = self.cases()?;
        let mut report = Report { ran: 0, failures };
        let mut owners: BTreeMap<&PathBuf, &PathBuf> = BTreeMap::new();
        for case in &cases {
            for (run, golden) in &case.runs {
                if let Some(other) = owners.insert(golden, &case.input) {
                    let (golden, other) = (self.short(golden), self.short(other));
                    report.failures.push(format!("{golden}: belongs to {other} and to {}", self.short(&case.input)));
                }
                if !self.short(&case.input).contains(filter) {
                    continue;
                }
                report.ran += 1;
                match execute::transcript(program, &case.input, run) {
                    Ok(text) => report.failures.extend(self.settle(golden, &text, mode)?),
                    Err(error) => report.failures.push(format!("{}: {error}", self.short(&case.input))),
                }
            }
        }
        for orphan in self.orphans()? {
            match mode {
                Mode::Update => std::fs::remove_file(orphan)?,
                Mode::Compare => report.failures.push(format!("{}: no input uses this golden", self.short(&orphan))),
            }
        }
        Ok(report)
    }

    /// Compares or writes one golden; answers with the difference, if there is one.
    fn settle(&self, golden: &Path, text: &str, mode: Mode) -> io::Result<Option<String>> {
        let old = match std::fs::read_to_string(golden) {
            Ok(old) => old,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        if old == text {
            return Ok(None);
        }
        match mode {
            Mode::Update => std::fs::write(golden, text).map(|()| None),
            Mode::Compare => {
                let diff = TextDiff::from_lines(old.as_str(), text);
                let diff = diff.unified_diff().header("golden", "now").to_string();
                Ok(Some(format!("{}: differs\n{diff}", self.short(golden))))
            }
        }
    }

    fn short(&self, path: &Path) -> String {
        path.strip_prefix(&self.dir).unwrap_or(path).display().to_string()
    }
}

impl Case {
    /// The files next to the input that its commands name.
    fn second_inputs(&self) -> impl Iterator<Item = PathBuf> {
        let args = self.runs.iter().flat_map(|(run, _)| &run.args).filter(|arg| *arg != FILE);
        args.map(|arg| self.input.with_file_name(arg))
    }
}
