//! JSON, one object for each finding.

use serde::Serialize;
use virtc::Findings;
use virtc_diag::{Diagnostic, Fix, Safety, SourceFile};

use super::place;

/// A finding. Lines and columns count from 1, columns in characters; the end is after the last character.
#[derive(Debug, Serialize)]
pub struct Finding<'f> {
    file: &'f str,
    name: &'static str,
    severity: &'static str,
    message: &'f str,
    #[serde(flatten)]
    range: Range,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'f str>,
    /// All that would be allowed instead, the most likely first.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    alternatives: &'f [String],
    /// Regular expressions (XML Schema) of which the value must match one.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    patterns: &'f [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<JsonFix<'f>>,
}

#[derive(Debug, Serialize)]
struct Range {
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
}

#[derive(Debug, Serialize)]
struct JsonFix<'f> {
    title: &'f str,
    /// `safe`: keeps the meaning; `unsafe`: changes what the guest sees; `display-only`: shown, not to be applied as it is.
    safety: &'static str,
    edits: Vec<JsonEdit<'f>>,
}

#[derive(Debug, Serialize)]
struct JsonEdit<'f> {
    #[serde(flatten)]
    range: Range,
    text: &'f str,
}

impl<'f> Finding<'f> {
    /// The finding as JSON has it.
    pub fn new(source: &'f SourceFile, found: &'f Diagnostic) -> Self {
        Self {
            file: source.name(),
            name: found.code.name,
            severity: found.severity.word(),
            message: &found.message,
            range: Range::new(place(source, found)),
            help: found.help.as_deref(),
            alternatives: &found.alternatives,
            patterns: &found.patterns,
            fix: found.fix.as_ref().map(|fix| JsonFix::new(source, fix)),
        }
    }

    /// All findings of a report.
    pub fn all(findings: &'f Findings) -> Vec<Self> {
        findings.iter().map(|found| Self::new(findings.source(), found)).collect()
    }
}

impl Range {
    fn new((start, end): (virtc_diag::LineColumn, virtc_diag::LineColumn)) -> Self {
        Self { line: start.line, column: start.column, end_line: end.line, end_column: end.column }
    }
}

impl<'f> JsonFix<'f> {
    fn new(source: &SourceFile, fix: &'f Fix) -> Self {
        let range = |span: virtc_diag::Span| Range::new((source.line_column(span.start), source.line_column(span.end)));
        let edits = fix.edits.iter().map(|edit| JsonEdit { range: range(edit.span), text: &edit.text }).collect();
        Self { title: &fix.title, safety: safety(fix.safety), edits }
    }
}

/// The word for how freely a fix may be applied.
pub fn safety(safety: Safety) -> &'static str {
    match safety {
        Safety::Safe => "safe",
        Safety::Unsafe => "unsafe",
        Safety::DisplayOnly => "display-only",
    }
}

/// One line for each finding.
pub fn lines(reports: &[Findings]) -> serde_json::Result<String> {
    let mut text = String::new();
    for finding in reports.iter().flat_map(Finding::all) {
        text.push_str(&serde_json::to_string(&finding)?);
        text.push('\n');
    }
    Ok(text)
}
