//! `cargo xtask mistakes`: whether each cause has one message, with a way out, at its place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use virtc_diag::SourceFile;

use crate::{Outcome, process};

/// What `virtc check` says of definitions that hold mistakes: findings for each cause, help, places
///
/// A definition of ours says in its first comment where its mistakes are (`<!-- Line 7: … -->`, `<!-- Lines 5 and 9: …
/// -->`): one finding on each of these lines, each with help, is right. Of others only sums are printed. Nowhere may
/// help show a regular expression, or a finding be at the root element that does not name it.
#[derive(clap::Args)]
pub struct Args {
    /// Folders of definitions [default: testdata/mistakes]
    folders: Vec<PathBuf>,
    /// This program instead of the one that is built
    #[arg(long, value_name = "FILE")]
    virtc: Option<PathBuf>,
    /// One line for each definition, not only for those that are wrong
    #[arg(long)]
    all: bool,
}

/// Characters in a row that only regular expressions have.
const OF_PATTERNS: [&str; 8] = ["[A-Za-z", "[a-zA-Z", "[0-9", "[^", ".+", ".*", "]+", "]{"];

/// One line of `virtc check --format json`.
#[derive(Deserialize)]
struct Finding {
    file: PathBuf,
    severity: String,
    message: String,
    #[serde(default)]
    line: Option<u32>,
    #[serde(default)]
    column: Option<u32>,
    #[serde(default)]
    help: Option<String>,
}

impl Finding {
    fn has_pattern(&self) -> bool {
        self.help.iter().any(|help| OF_PATTERNS.iter().any(|part| help.contains(part)))
    }
}

/// A definition with what was found.
struct Case {
    path: PathBuf,
    /// The lines of its mistakes, where it says them.
    expected: Option<Vec<u32>>,
    /// Line and column of the root's start tag and of its name, and the name.
    root: Option<([(u32, u32); 2], String)>,
    found: Vec<Finding>,
}

impl Case {
    fn read(path: &Path) -> std::io::Result<Self> {
        // What is no UTF-8 has no lines to compare.
        let text = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
        let source = SourceFile::new(path.display().to_string(), text.as_str());
        let (document, _) = virtc_xml::parse(&source);
        let place = |start| {
            let place = source.line_column(start);
            (place.line, place.column)
        };
        let root = document.root().map(|root| {
            ([place(root.start_tag().start), place(root.name_span().start)], format!("`<{}>`", root.name()))
        });
        Ok(Self { path: path.to_owned(), expected: expected(&text), root, found: Vec::new() })
    }

    fn errors(&self) -> usize {
        self.found.iter().filter(|found| found.severity == "error").count()
    }

    fn lines(&self) -> Vec<u32> {
        self.found.iter().filter_map(|found| found.line).collect()
    }

    /// The findings at the first byte of the file or at the root element, that do not say that they mean it.
    fn misplaced(&self) -> impl Iterator<Item = &Finding> {
        self.found.iter().filter(|found| {
            let place = (found.line.unwrap_or(1), found.column.unwrap_or(1));
            let is_root = self.root.as_ref().is_some_and(|(places, _)| places.contains(&place));
            let is_meant = self.root.as_ref().is_some_and(|(_, name)| found.message.contains(name.as_str()));
            is_root && !is_meant
        })
    }

    /// What is wrong with the findings.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(expected) = &self.expected {
            if self.lines() != *expected {
                faults.push(format!("findings on lines {:?}, mistakes on {expected:?}", self.lines()));
            }
            let helpless = self.found.iter().filter(|found| found.help.is_none());
            faults.extend(helpless.map(|found| format!("no help: {}", found.message)));
        }
        let patterns = self.found.iter().filter(|found| found.has_pattern());
        faults.extend(
            patterns.map(|found| format!("a regular expression: {}", found.help.as_deref().unwrap_or_default())),
        );
        faults.extend(self.misplaced().map(|found| format!("at the root: {}", found.message)));
        faults
    }
}

/// The lines that the first comment names.
fn expected(text: &str) -> Option<Vec<u32>> {
    let said = text.split_once("<!-- Line")?.1.split_once(" -->")?.0;
    let (lines, _) = said.trim_start_matches('s').split_once(':')?;
    let lines: Vec<u32> = lines.split([',', ' ']).filter_map(|word| word.parse().ok()).collect();
    (!lines.is_empty()).then_some(lines)
}

/// Sums over one folder.
#[derive(Default)]
struct Sums {
    definitions: usize,
    findings: usize,
    errors: usize,
    one: usize,
    several: usize,
    helped: usize,
    patterns: usize,
    misplaced: usize,
    wrong: usize,
}

impl Sums {
    fn add(&mut self, case: &Case) {
        self.definitions += 1;
        self.findings += case.found.len();
        self.errors += case.errors();
        self.one += usize::from(case.errors() == 1);
        self.several += usize::from(case.errors() > 1);
        self.helped += case.found.iter().filter(|found| found.help.is_some()).count();
        self.patterns += case.found.iter().filter(|found| found.has_pattern()).count();
        self.misplaced += case.misplaced().count();
        self.wrong += usize::from(!case.faults().is_empty());
    }

    fn print(&self, folder: &Path) {
        println!("{}: {} definitions", folder.display(), self.definitions);
        println!("  with one error            {}", self.one);
        println!("  with several errors       {}", self.several);
        println!("  errors                    {}", self.errors);
        println!("  findings                  {}", self.findings);
        println!("  findings with help        {}", self.helped);
        println!("  regular expressions       {}", self.patterns);
        println!("  at the root, not meant    {}", self.misplaced);
    }
}

/// Checks the definitions in each folder.
///
/// # Errors
/// When a cause has not one message with help at its place, help shows a regular expression, or a finding is at the
/// root without meaning it.
pub fn run(args: &Args) -> Outcome {
    let virtc = match &args.virtc {
        Some(virtc) => virtc.clone(),
        None => {
            process::run(process::cargo().args(["build", "--quiet", "--package", "virtc-cli"]), 0)?;
            process::built("debug", "virtc")
        }
    };
    let own = [process::root().join("testdata/mistakes")];
    let folders = if args.folders.is_empty() { own.as_slice() } else { args.folders.as_slice() };
    let mut wrong = 0;
    for folder in folders {
        let mut sums = Sums::default();
        for case in checked(&virtc, folder)? {
            let faults = case.faults();
            if args.all || !faults.is_empty() {
                println!("{}: {} errors", case.path.display(), case.errors());
                faults.iter().for_each(|fault| println!("  {fault}"));
            }
            sums.add(&case);
        }
        sums.print(folder);
        wrong += sums.wrong;
    }
    if wrong > 0 { Err(format!("{wrong} definitions are not told of as they should be").into()) } else { Ok(()) }
}

/// The definitions of a folder, in the order of their names, with what was found in each.
fn checked(virtc: &Path, folder: &Path) -> Result<Vec<Case>, Box<dyn std::error::Error>> {
    let files = virtc_tests::repository::files(folder)?;
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|found| found == "xml"));
    let mut cases = BTreeMap::new();
    for path in files {
        cases.insert(path.clone(), Case::read(&path)?);
    }
    let output = std::process::Command::new(virtc).args(["check", "--format", "json"]).args(cases.keys()).output()?;
    for line in String::from_utf8(output.stdout)?.lines() {
        let found: Finding = serde_json::from_str(line)?;
        if let Some(case) = cases.get_mut(&found.file) {
            case.found.push(found);
        }
    }
    Ok(cases.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(expected: &[u32], found: &[(u32, u32, &str, Option<&str>)]) -> Case {
        let found = found.iter().map(|(line, column, message, help)| Finding {
            file: PathBuf::new(),
            severity: "error".to_owned(),
            message: (*message).to_owned(),
            line: Some(*line),
            column: Some(*column),
            help: help.map(str::to_owned),
        });
        let root = Some(([(3, 1), (3, 2)], "`<domain>`".to_owned()));
        Case { path: PathBuf::new(), expected: Some(expected.to_vec()), root, found: found.collect() }
    }

    #[test]
    fn what_is_right_and_what_is_not() {
        assert_eq!(case(&[3], &[(3, 2, "`<domain>` lacks `<name>`", Some("add it"))]).faults(), [""; 0]);
        assert_eq!(
            case(&[3], &[(3, 1, "no slot is free", Some("add one"))]).faults(),
            ["at the root: no slot is free"]
        );
        assert_eq!(case(&[7], &[(7, 9, "wrong", None)]).faults(), ["no help: wrong"]);
        let twice = case(&[7], &[(7, 9, "wrong", Some("a")), (8, 9, "wrong, too", Some("b"))]).faults();
        assert_eq!(twice, ["findings on lines [7, 8], mistakes on [7]"]);
        let pattern = case(&[7], &[(7, 9, "wrong", Some("expected [0-9]+"))]).faults();
        assert_eq!(pattern, ["a regular expression: expected [0-9]+"]);
    }

    #[test]
    fn the_comment_names_lines() {
        assert_eq!(expected("<?virtc check?>\n<!-- Lines 5 and 9: two -->\n<domain/>"), Some(vec![5, 9]));
        assert_eq!(expected("<domain/>"), None);
    }

    #[test]
    fn each_of_our_mistakes_is_told_once_with_help() {
        let virtc = virtc_tests::repository::virtc().unwrap();
        let cases = checked(&virtc, &process::root().join("testdata/mistakes")).unwrap();
        assert!(cases.len() >= 90 && cases.iter().all(|case| case.expected.is_some()));
        let told = cases.iter().flat_map(|case| case.faults().into_iter().map(|fault| (case.path.display(), fault)));
        let wrong: Vec<String> = told.map(|(path, fault)| format!("{path}: {fault}")).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
