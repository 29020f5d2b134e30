//! Findings for people: message, the lines of the file, help and fix.

mod excerpt;

use std::fmt::{self, Write as _};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode, ThemeCharacters, ThemeStyles};
use virtc_diag::{Diagnostic, Fix, Safety, Severity, SourceFile};

use crate::findings::Findings;
use excerpt::{Place, first_line, is_near};

/// What the place where text goes can show; the default is plain ASCII that is not wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Whether colour is shown.
    pub color: bool,
    /// Whether lines are drawn with Unicode characters.
    pub unicode: bool,
    /// The width to wrap at, in columns, at least 40; `None` where each message stays on one line.
    pub width: Option<usize>,
}

/// All findings, in order.
pub fn render<'f>(all: impl IntoIterator<Item = &'f Findings>, style: Style) -> String {
    let handler = handler(style);
    let mut text = String::new();
    for findings in all {
        for found in findings {
            one(&handler, findings.source(), found, &mut text);
        }
    }
    text
}

fn handler(style: Style) -> GraphicalReportHandler {
    let characters = if style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() };
    let styles = if style.color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
        .with_links(false)
        .with_context_lines(1);
    // Without a terminal each message stays on one line, for `grep`.
    match style.width {
        Some(width) => handler.with_width(width.max(40)),
        None => handler.with_width(usize::from(u16::MAX)).with_wrap_lines(false),
    }
}

fn one(handler: &GraphicalReportHandler, source: &SourceFile, found: &Diagnostic, text: &mut String) {
    let shown = Shown { found, place: Place { source }, help: help(source, found) };
    // Writing to a string cannot fail, and the places are inside the text.
    let _ = handler.render_report(text, &shown);
    if found.span.is_none() {
        let _ = writeln!(text, "  in {}", source.name());
    }
    text.push('\n');
}

/// The help, and what the fix would write.
fn help(source: &SourceFile, found: &Diagnostic) -> Option<String> {
    let mut lines: Vec<String> = found.help.iter().cloned().collect();
    for label in found.labels.iter().filter(|label| !is_near(source, found, label)) {
        lines.push(format!("{}: {}", source.locate(label.span), label.text));
    }
    if let Some(fix) = &found.fix {
        let how = match fix.safety {
            Safety::Safe => "fix (`--fix` makes it)",
            Safety::Unsafe => "fix (not made by `--fix`, since it changes what the guest sees)",
            Safety::DisplayOnly => "fix (to be adapted)",
        };
        lines.push(format!("{how}: {}", fix.title));
        lines.extend(preview(source, fix));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What a fix of one edit writes, where the title does not say it already.
fn preview(source: &SourceFile, fix: &Fix) -> Vec<String> {
    let [edit] = fix.edits.as_slice() else { return Vec::new() };
    if fix.title.contains(&edit.text) {
        return Vec::new();
    }
    // All lines but the first are indented as the place is.
    let indent = source.line_column(edit.span.start).column.saturating_sub(1) as usize;
    let shown = |line: &str| {
        let blank = line.len() - line.trim_start().len();
        format!("  {}", line.get(blank.min(indent)..).unwrap_or_default())
    };
    let mut lines = edit.text.lines();
    lines.next().map(|first| format!("  {first}")).into_iter().chain(lines.map(shown)).collect()
}

/// A finding as miette wants it.
#[derive(Debug)]
struct Shown<'s> {
    found: &'s Diagnostic,
    place: Place<'s>,
    help: Option<String>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.found.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(format!("{}: {}", self.found.severity.word(), self.found.code.name)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.found.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Info => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| -> Box<dyn fmt::Display + 'a> { Box::new(help) })
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.found.span.map(|_| -> &dyn SourceCode { &self.place })
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let source = self.place.source;
        let main = self.found.span.map(|span| LabeledSpan::new_primary_with_span(None, first_line(source, span)));
        let labels = self.found.labels.iter().filter(move |label| is_near(source, self.found, label));
        let others =
            labels.map(|label| LabeledSpan::new_with_span(Some(label.text.clone()), first_line(source, label.span)));
        Some(Box::new(main.into_iter().chain(others)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use virtc_diag::{Code, Diagnostics, Span};

    static CODE: Code = Code { name: "test", severity: Severity::Error, explanation: "A test." };

    /// A number below `limit`: the same ones in each run.
    fn next(state: &mut u64, limit: usize) -> usize {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*state >> 33).unwrap() % limit
    }

    #[test]
    fn every_place_can_be_shown() {
        let pieces = ["\n", "\r\n", "\t", "ä", "\u{1f600}", "<a>", " ", "text", "\u{1b}[31m", "\u{200b}", "\r"];
        let long = "long ".repeat(30_000);
        let plain = Style { color: false, unicode: true, width: None };
        let narrow = Style { color: true, unicode: false, width: Some(40) };
        let mut state = 1;
        for round in 0..400 {
            let mut text = String::new();
            for _ in 0..next(&mut state, 40) {
                text.push_str(pieces[next(&mut state, pieces.len())]);
                if round % 10 == 0 && next(&mut state, 10) == 0 {
                    text.push_str(&long);
                }
            }
            let places: Vec<usize> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
            let mut span = || {
                let (a, b) = (places[next(&mut state, places.len())], places[next(&mut state, places.len())]);
                Span::new(a.min(b)..a.max(b))
            };
            let found = Diagnostic::at(&CODE, span(), "message").label(span(), "one").label(span(), "two");
            let found: Diagnostics = [found, Diagnostic::at(&CODE, span(), "other")].into_iter().collect();
            let findings = Findings::new(SourceFile::new("f", text.clone()), found);
            for style in [plain, narrow] {
                let shown = findings.render(style);
                assert!(shown.contains("messag") && !shown.contains("Failed to read"), "{text:?}: {shown}");
                assert!(shown.len() < 50_000, "{} bytes for {text:.100?}", shown.len());
            }
        }
    }
}
