//! What a validator says about documents with one known fault, and how good that is.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use virtc_diag::{Diagnostic, LineColumn, Severity, SourceFile, Span};

use super::fault::{Fault, KINDS, Kind};

/// An error that a validator reports.
#[derive(Debug, Default, Clone)]
pub struct Said {
    /// The line, from 1.
    pub line: u32,
    /// From where to after where; not every validator says so.
    pub place: Option<(LineColumn, LineColumn)>,
    /// All words of it.
    pub text: String,
    /// What a fix would put there.
    pub fixes: Vec<String>,
}

impl Said {
    /// An error of virtc's.
    pub fn of(found: &Diagnostic, source: &SourceFile) -> Option<Self> {
        if found.severity != Severity::Error {
            return None;
        }
        let span = found.span?;
        let start = source.line_column(span.start);
        let text = format!("{}\n{}", found.message, found.help.as_deref().unwrap_or_default());
        let fixes = found.fix.iter().flat_map(|fix| &fix.edits).map(|edit| edit.text.clone()).collect();
        Some(Self { line: start.line, place: Some((start, source.line_column(span.end))), text, fixes })
    }

    fn suggests(&self, word: &str) -> bool {
        self.fixes.iter().any(|fix| fix == word) || self.text.contains(&format!("`{word}`"))
    }
}

/// How one document came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The first message is on a line of the fault.
    pub line: bool,
    /// Its place is the very name or value.
    pub exact: bool,
    /// It names what was there; `None` where nothing is to be named.
    pub suggested: Option<bool>,
    /// How many errors there are.
    pub errors: usize,
}

/// Judges what was said about one document.
pub fn judge(fault: &Fault, said: &[Said]) -> Outcome {
    let first = said.first();
    let source = SourceFile::new("", fault.text.as_str());
    let place = |span: Span| (source.line_column(span.start), source.line_column(span.end));
    Outcome {
        line: first.is_some_and(|said| fault.lines.contains(&said.line)),
        exact: first.is_some_and(|said| said.place == Some(place(fault.span))),
        suggested: fault.original.as_ref().map(|word| first.is_some_and(|said| said.suggests(word))),
        errors: said.len(),
    }
}

/// Sums over documents.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    documents: u32,
    line: u32,
    exact: u32,
    typos: u32,
    suggested: u32,
    errors: usize,
}

/// What a validator reached, by kind of fault.
#[derive(Debug, Default)]
pub struct Score(BTreeMap<Kind, Tally>);

impl Score {
    /// One more document.
    pub fn add(&mut self, kind: Kind, outcome: Outcome) {
        let tally = self.0.entry(kind).or_default();
        tally.documents += 1;
        tally.line += u32::from(outcome.line);
        tally.exact += u32::from(outcome.exact);
        tally.typos += u32::from(outcome.suggested.is_some());
        tally.suggested += u32::from(outcome.suggested == Some(true));
        tally.errors += outcome.errors;
    }

    fn total(&self) -> Tally {
        self.0.values().fold(Tally::default(), |sum, tally| Tally {
            documents: sum.documents + tally.documents,
            line: sum.line + tally.line,
            exact: sum.exact + tally.exact,
            typos: sum.typos + tally.typos,
            suggested: sum.suggested + tally.suggested,
            errors: sum.errors + tally.errors,
        })
    }

    /// A table in Markdown; `exact` with the columns that only a validator with spans can fill.
    pub fn table(&self, exact: bool) -> String {
        let mut out = String::new();
        let more = if exact { (" exact place | word suggested |", "---:|---:|") } else { ("", "") };
        let _ = writeln!(out, "| fault | documents | right line | errors per document |{}", more.0);
        let _ = writeln!(out, "|---|---:|---:|---:|{}", more.1);
        let kinds = KINDS.iter().filter_map(|kind| Some((kind.name(), *self.0.get(kind)?)));
        for (name, tally) in kinds.chain([("all", self.total())]) {
            let Tally { documents, line, .. } = tally;
            let per = f64::from(u32::try_from(tally.errors).unwrap_or(u32::MAX)) / f64::from(documents.max(1));
            let _ = write!(out, "| {name} | {documents} | {} | {per:.3} |", percent(line, documents));
            if exact {
                let suggested = percent(tally.suggested, tally.typos);
                let _ = write!(out, " {} | {suggested} |", percent(tally.exact, documents));
            }
            out.push('\n');
        }
        out
    }

    /// What falls short of the aims: 99.7 % on the line, 1.05 errors for each document, 95 % of typing errors
    /// understood.
    pub fn short(&self) -> Vec<String> {
        let total = self.total();
        let mut short = Vec::new();
        if u64::from(total.line) * 1000 < u64::from(total.documents) * 997 {
            short.push(format!("{} on the right line, and the aim is 99.7 %", percent(total.line, total.documents)));
        }
        if total.errors * 100 > total.documents as usize * 105 {
            short.push(format!("{} errors for {} documents, and the aim is 1.05 each", total.errors, total.documents));
        }
        if total.suggested * 100 < total.typos * 95 {
            short.push(format!("{} of words suggested, and the aim is 95 %", percent(total.suggested, total.typos)));
        }
        short
    }
}

fn percent(part: u32, whole: u32) -> String {
    if whole == 0 { "–".to_owned() } else { format!("{:.1} %", f64::from(part) * 100.0 / f64::from(whole)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault() -> Fault {
        Fault {
            kind: Kind::ElementTypo,
            text: "<a>\n  <bt/>\n</a>".into(),
            span: Span::new(7..9),
            lines: 2..=2,
            original: Some("bet".into()),
        }
    }

    fn said(line: u32, columns: (u32, u32), text: &str) -> Said {
        let at = |column| LineColumn { line, column };
        Said { line, place: Some((at(columns.0), at(columns.1))), text: text.into(), fixes: Vec::new() }
    }

    #[test]
    fn the_first_message_counts() {
        let good = judge(&fault(), &[said(2, (4, 6), "did you mean `bet`"), said(1, (1, 2), "echo")]);
        assert_eq!(good, Outcome { line: true, exact: true, suggested: Some(true), errors: 2 });
        let container = judge(&fault(), &[said(1, (2, 3), "`bets` is missing")]);
        assert_eq!(container, Outcome { line: false, exact: false, suggested: Some(false), errors: 1 });
        assert_eq!(judge(&fault(), &[]), Outcome { line: false, exact: false, suggested: Some(false), errors: 0 });
    }

    #[test]
    fn what_falls_short_is_named() {
        let mut score = Score::default();
        let outcome = judge(&fault(), &[said(2, (4, 6), "`bet`")]);
        score.add(Kind::ElementTypo, outcome);
        assert!(score.short().is_empty());
        assert!(
            score.table(true).contains("| all | 1 | 100.0 % | 1.000 | 100.0 % | 100.0 % |"),
            "{}",
            score.table(true)
        );
        score.add(Kind::ElementTypo, judge(&fault(), &[said(1, (2, 3), ""), said(1, (2, 3), "")]));
        assert_eq!(score.short().len(), 3);
        assert!(!score.table(false).contains("exact"));
    }
}
