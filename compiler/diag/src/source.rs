//! Source text with its line index, and spans in it.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A half-open range of bytes in one source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// The span of `range`; offsets above 4 GiB are cut, which [`SourceFile::MAX_BYTES`] rules out.
    pub fn new(range: Range<usize>) -> Self {
        let cut = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { start: cut(range.start), end: cut(range.end) }
    }

    /// An empty span at `offset`.
    pub fn at(offset: usize) -> Self {
        Self::new(offset..offset)
    }

    /// The span as a range of byte offsets.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The smallest span that holds both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// Whether `other` lies inside.
    pub fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// A place for people: both 1-based, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineColumn {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// A text with a name and the offsets of its lines. Cheap to clone.
#[derive(Clone)]
pub struct SourceFile(Arc<Inner>);

struct Inner {
    name: String,
    text: String,
    /// Where each line begins; looked for when a place is asked for, which of most files it never is.
    lines: OnceLock<Vec<u32>>,
}

impl SourceFile {
    /// The largest text that passes take, in bytes (64 MiB).
    pub const MAX_BYTES: usize = 64 << 20;

    /// A source file named `name`, as messages show it.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self(Arc::new(Inner { name: name.into(), text: text.into(), lines: OnceLock::new() }))
    }

    fn lines(&self) -> &[u32] {
        self.0.lines.get_or_init(|| {
            let ends = self.0.text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
            std::iter::once(0).chain(ends.map(|(i, _)| Span::at(i + 1).start)).collect()
        })
    }

    /// The name that messages show.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The text at `span`, empty where the span is not in the text.
    pub fn slice(&self, span: Span) -> &str {
        self.0.text.get(span.range()).unwrap_or_default()
    }

    /// The place of a byte offset; an offset after the end is the end.
    pub fn line_column(&self, offset: u32) -> LineColumn {
        let line = self.lines().partition_point(|start| *start <= offset).max(1);
        let start = self.lines().get(line - 1).copied().unwrap_or_default() as usize;
        let end = (offset as usize).min(self.0.text.len());
        let before = self.0.text.as_bytes().get(start..end).unwrap_or_default();
        // A character starts at each byte that is no UTF-8 continuation.
        let column = before.iter().filter(|b| (**b & 0xc0) != 0x80).count();
        LineColumn { line: Span::at(line).start, column: Span::at(column + 1).start }
    }

    /// The text of a line, from 1, without its end; empty where there is no such line.
    pub fn line(&self, line: u32) -> &str {
        let number = line as usize;
        let start = number.checked_sub(1).and_then(|n| self.lines().get(n)).copied();
        let end = self.lines().get(number).copied();
        let text =
            start.and_then(|start| self.0.text.get(start as usize..end.map_or(self.0.text.len(), |e| e as usize)));
        text.unwrap_or_default().trim_end_matches(['\n', '\r'])
    }

    /// `name:line:column` of the start of `span`.
    pub fn locate(&self, span: Span) -> String {
        let place = self.line_column(span.start);
        format!("{}:{}:{}", self.name(), place.line, place.column)
    }
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceFile({}, {} bytes)", self.0.name, self.0.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let file = SourceFile::new("f", "ab\näöü x\n");
        let offset = file.text().find('x').unwrap();
        assert_eq!(file.line_column(u32::try_from(offset).unwrap()), LineColumn { line: 2, column: 5 });
        assert_eq!(file.line_column(0), LineColumn { line: 1, column: 1 });
        assert_eq!(file.line_column(999), LineColumn { line: 3, column: 1 });
        assert_eq!([file.line(0), file.line(1), file.line(2), file.line(3), file.line(4)], ["", "ab", "äöü x", "", ""]);
    }
}
