//! `cargo xtask messages`: docs/messages.md, what virtc, jing and xmllint say about the same broken definitions.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use virtc_diag::{Diagnostic, Severity, SourceFile};

use crate::hold::grammar::Root;
use crate::hold::rivals::{Messages, Rival};
use crate::install::{self, GRAMMAR, JING, XMLLINT};
use crate::{Outcome, process};

/// Write docs/messages.md: what virtc, jing and xmllint say about the definitions in testdata/broken
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    install: install::Options,
}

/// Longer messages are cut, in characters.
const LONGEST: usize = 160;

/// Writes the page.
///
/// # Errors
/// When something is missing, or the page cannot be written.
pub fn run(args: &Args) -> Outcome {
    if !install::ensure(&[JING, XMLLINT, GRAMMAR], &args.install).is_empty() {
        return Err("there is nothing to compare with".into());
    }
    std::fs::write(page(), text()?)?;
    println!("{}", page().display());
    Ok(())
}

fn page() -> PathBuf {
    process::root().join("docs/messages.md")
}

fn folder() -> PathBuf {
    process::root().join("testdata/broken")
}

/// A broken definition. Its first comment says where its faults are, and what they are: `<!-- Lines 5 and 7: … -->`.
struct Broken {
    file: String,
    text: String,
    lines: Vec<u32>,
    what: String,
}

impl Broken {
    fn read(path: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let text = std::fs::read_to_string(path)?;
        let said = || {
            let comment = text.strip_prefix("<!-- Line")?.split_once(" -->")?.0;
            let (lines, what) = comment.trim_start_matches('s').split_once(':')?;
            let lines = lines.split([',', ' ']).filter_map(|word| word.parse().ok()).collect();
            Some((lines, what.trim().to_owned()))
        };
        let (lines, what) = said().ok_or_else(|| format!("{}: the first comment is no `Line N: …`", path.display()))?;
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { file, text, lines, what })
    }

    /// What virtc says, by place.
    fn virtc(&self) -> (SourceFile, Vec<Diagnostic>) {
        let source = SourceFile::new(self.file.as_str(), self.text.as_str());
        let (document, mut found) = virtc_xml::parse(&source);
        found.extend(virtc_schemas::domain().validate(&document).1);
        let errors = found.sorted().into_iter().filter(|found| found.severity == Severity::Error).collect();
        (source, errors)
    }
}

fn all() -> Result<Vec<Broken>, Box<dyn std::error::Error>> {
    let files = virtc_tests::repository::files(&folder())?;
    files
        .iter()
        .filter(|path| path.extension().is_some_and(|found| found == "xml"))
        .map(|path| Broken::read(path))
        .collect()
}

/// One message in a cell of a table.
fn cell(line: u32, message: &str, more: usize) -> String {
    let mut short: String = message.chars().take(LONGEST).collect();
    if short.len() < message.len() {
        short.push('…');
    }
    let more = if more == 0 { String::new() } else { format!(" *({more} more)*") };
    format!("{line}: {}{more}", short.replace('\n', " ").replace('|', "\\|"))
}

/// Text without marks of its own.
fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('*', "\\*").replace('_', "\\_")
}

/// How a validator did on all of them.
#[derive(Default)]
struct Sum {
    on_line: usize,
    messages: usize,
}

impl Sum {
    fn add(&mut self, broken: &Broken, lines: impl Iterator<Item = u32>) {
        let lines: Vec<u32> = lines.collect();
        self.on_line += usize::from(lines.first().is_some_and(|line| broken.lines.contains(line)));
        self.messages += lines.len();
    }
}

fn text() -> Result<String, Box<dyn std::error::Error>> {
    let all = all()?;
    let files: Vec<String> = all.iter().map(|broken| broken.file.clone()).collect();
    let scratch = tempfile::tempdir()?;
    let (grammar, folder) = (Root::Domain.libvirt(scratch.path())?, folder());
    let theirs: [(Rival, Messages); 2] = [
        (Rival::Jing, Rival::Jing.run(&grammar, &folder, &files)?),
        (Rival::Xmllint, Rival::Xmllint.run(&grammar, &folder, &files)?),
    ];
    let (mut ours, mut sums) = (Sum::default(), [Sum::default(), Sum::default()]);
    let mut rows = String::new();
    for broken in &all {
        let (source, found) = broken.virtc();
        let line = |found: &Diagnostic| source.line_column(found.span.map_or(0, |span| span.start)).line;
        ours.add(broken, found.iter().map(line));
        let first = found.first().map_or_else(
            || "nothing".to_owned(),
            |first| {
                let help = first.help.as_deref().and_then(|help| help.lines().next());
                let said = match help {
                    Some(help) => format!("{}; {help}", first.message),
                    None => first.message.clone(),
                };
                cell(line(first), &said, found.len() - 1)
            },
        );
        let _ = write!(rows, "| {}: {} | {first}", broken.file.trim_end_matches(".xml"), broken.what);
        for ((_, messages), sum) in theirs.iter().zip(&mut sums) {
            let found = messages.get(&broken.file).map(Vec::as_slice).unwrap_or_default();
            sum.add(broken, found.iter().map(|message| message.line));
            let first = found.first().map(|first| cell(first.line, &plain(&first.text), found.len() - 1));
            let _ = write!(rows, " | {}", first.unwrap_or_else(|| "nothing".to_owned()));
        }
        rows.push_str(" |\n");
    }
    let mut page = format!(
        "# Messages\n\nWhat virtc, jing and xmllint say first about the {} broken definitions in `testdata/broken`, with the line. virtc \
        goes by its own grammar, the other two by the `domain.rng` of libvirt. Written by `cargo xtask messages`; a test holds this page \
        against it where jing and xmllint are installed.\n\n| | first message on the line of a fault | messages |\n|---|---:|---:|\n",
        all.len()
    );
    let faults: BTreeSet<(&str, u32)> =
        all.iter().flat_map(|broken| broken.lines.iter().map(|line| (broken.file.as_str(), *line))).collect();
    let names = ["virtc"].into_iter().chain(theirs.iter().map(|(rival, _)| rival.name()));
    for (name, sum) in names.zip(std::iter::once(&ours).chain(&sums)) {
        let _ = writeln!(
            page,
            "| {name} | {} of {} | {} for {} faults |",
            sum.on_line,
            all.len(),
            sum.messages,
            faults.len()
        );
    }
    page.push_str("\n| definition | virtc | jing | xmllint |\n|---|---|---|---|\n");
    page.push_str(&rows);
    Ok(page)
}

#[cfg(test)]
mod tests {
    use virtc_tests::tools;

    use super::*;

    #[test]
    fn the_page_is_up_to_date() {
        let lacks = |name: &str| tools::find(name).is_none();
        if lacks("jing") || lacks("xmllint") || !Root::Domain.libvirt(&folder()).unwrap().is_file() {
            return tools::skipped("docs/messages.md was not compared: jing, xmllint or libvirt's grammar is missing");
        }
        let page = std::fs::read_to_string(page()).unwrap();
        assert!(text().unwrap() == page, "docs/messages.md is old: run `cargo xtask messages`");
    }

    #[test]
    fn each_fault_is_reported_once_and_on_its_line() {
        let mut wrong = Vec::new();
        let all = all().unwrap();
        assert!(all.len() >= 60);
        for broken in all {
            let (source, found) = broken.virtc();
            let lines: Vec<u32> =
                found.iter().map(|found| source.line_column(found.span.map_or(0, |span| span.start)).line).collect();
            if lines != broken.lines {
                wrong.push(format!("{}: on {lines:?}, and the faults are on {:?}", broken.file, broken.lines));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
