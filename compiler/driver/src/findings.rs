//! The findings in one text.

use std::fmt;

use virtc_diag::{Diagnostic, Diagnostics, SourceFile};

use crate::render::{self, Style};

/// The findings in one text, by place. As an error it says all of them, a line for each.
#[must_use]
#[derive(Clone)]
pub struct Findings {
    source: SourceFile,
    diagnostics: Diagnostics,
}

impl Findings {
    /// Findings in `source`, in any order.
    pub fn new(source: SourceFile, diagnostics: Diagnostics) -> Self {
        Self { source, diagnostics: diagnostics.sorted() }
    }

    /// The text that they point into.
    pub fn source(&self) -> &SourceFile {
        &self.source
    }

    /// The findings, by place.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.diagnostics.iter()
    }

    /// All findings.
    pub fn diagnostics(&self) -> &Diagnostics {
        &self.diagnostics
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.diagnostics.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// Whether anything is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.has_errors()
    }

    /// With more findings in the same text.
    pub fn and(self, more: impl IntoIterator<Item = Diagnostic>) -> Self {
        Self::new(self.source, self.diagnostics.into_iter().chain(more).collect())
    }

    /// Only the findings for which `wanted` is true.
    pub fn only(self, wanted: impl Fn(&Diagnostic) -> bool) -> Self {
        Self { diagnostics: self.diagnostics.into_iter().filter(wanted).collect(), ..self }
    }

    /// The findings for people: each with its lines of the text, its help and its fix.
    pub fn render(&self, style: Style) -> String {
        render::render([self], style)
    }
}

impl<'f> IntoIterator for &'f Findings {
    type Item = &'f Diagnostic;
    type IntoIter = std::slice::Iter<'f, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Findings {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.diagnostics.into_iter()
    }
}

/// `path:line:column: error[name] message`, a line for each; a finding about a whole file has no line and column.
impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, found) in self.iter().enumerate() {
            let place = found.span.map_or_else(|| self.source.name().to_owned(), |span| self.source.locate(span));
            let end = if at == 0 { "" } else { "\n" };
            write!(f, "{end}{place}: {}[{}] {}", found.severity.word(), found.code.name, found.message)?;
        }
        Ok(())
    }
}

/// As they are displayed: `main` prints the error that it returns in this way.
impl fmt::Debug for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Findings {}
