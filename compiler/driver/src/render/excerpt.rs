//! The lines of a file around a place, as much of them as can be shown.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use virtc_diag::{Diagnostic, Label, SourceFile, Span};

/// A line longer than this is not shown whole.
const LONG: usize = 300;

/// So much of a long line is shown on each side of the place, in bytes.
const AROUND: usize = 60;

/// The file, of which only the lines around a place are read.
#[derive(Debug)]
pub struct Place<'s> {
    /// The file.
    pub source: &'s SourceFile,
}

/// The part of a place that is on its first line, and at most so long that it can be shown.
pub fn first_line(source: &SourceFile, span: Span) -> SourceSpan {
    let text = source.slice(span);
    let line = text.lines().next().unwrap_or_default();
    let end = line.char_indices().map(|(at, _)| at).take_while(|at| *at <= AROUND * 2).last().unwrap_or_default();
    let length = if line.len() <= LONG { line.len() } else { end };
    (span.range().start, length).into()
}

impl SourceCode for Place<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let text = self.source.text();
        let (from, to) = (span.offset(), span.offset() + span.len());
        let (Some(head), Some(tail)) = (text.get(..from), text.get(to..)) else { return Err(MietteError::OutOfBounds) };
        // Without context the place itself is asked for: its line and column are above the lines.
        let place = self.source.line_column(Span::at(from).start);
        let (start, end) =
            if before == 0 && after == 0 { (from, to) } else { (line_start(head, before), to + line_end(tail, after)) };
        let at = self.source.line_column(Span::at(start).start);
        let at = if start == from { place } else { at };
        Ok(Box::new(MietteSpanContents::new_named(
            self.source.name().to_owned(),
            text.as_bytes().get(start..end).unwrap_or_default(),
            (start, end - start).into(),
            at.line.saturating_sub(1) as usize,
            at.column.saturating_sub(1) as usize,
            text.get(start..end).unwrap_or_default().lines().count(),
        )))
    }
}

/// The offset at which the line that `head` ends in begins, or one `lines` before it, unless they are long.
fn line_start(head: &str, lines: usize) -> usize {
    let own = head.rfind('\n').map_or(0, |at| at + 1);
    if head.len() - own > LONG {
        let near = head.len() - AROUND;
        return (near..head.len()).find(|at| head.is_char_boundary(*at)).unwrap_or(head.len());
    }
    (0..lines).fold(own, |start, _| {
        let above = head.get(..start.saturating_sub(1)).and_then(|rest| rest.rfind('\n')).map_or(0, |at| at + 1);
        if start == 0 || start - above > LONG { start } else { above }
    })
}

/// The offset in `tail` after its first line and `lines` more, unless they are long.
fn line_end(tail: &str, lines: usize) -> usize {
    let mut end = 0;
    for line in tail.split_inclusive('\n').take(lines + 1) {
        if line.len() > LONG {
            let near = (AROUND..line.len()).find(|at| line.is_char_boundary(*at)).unwrap_or(line.len());
            return end + if end == 0 { near } else { 0 };
        }
        end += line.len();
    }
    end
}

/// Whether all lines from the finding to its label can be shown, or at least be left out as a whole.
pub fn is_near(source: &SourceFile, found: &Diagnostic, label: &Label) -> bool {
    let Some(span) = found.span else { return false };
    let between = span.to(label.span).range();
    let head = source.text().get(..between.start).unwrap_or_default();
    let tail = source.text().get(between.end..).unwrap_or_default();
    let start = head.rfind('\n').map_or(0, |at| at + 1);
    let end = between.end + tail.find('\n').unwrap_or(tail.len());
    source.text().get(start..end).unwrap_or_default().lines().all(|line| line.len() <= LONG)
}
