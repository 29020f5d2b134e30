//! Diagnostics: what is found, where, and how it can be mended.

use crate::source::Span;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Likely wrong; output is still made.
    Warning,
    /// Wrong; nothing is compiled or run.
    Error,
}

impl Severity {
    /// The word that messages and JSON use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A kind of diagnostic: its name, its default severity, and the text that `virtc explain` prints.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Kebab-case; reads well after "allow".
    pub name: &'static str,
    /// The severity unless the user sets another.
    pub severity: Severity,
    /// What it means and what to do, in Markdown.
    pub explanation: &'static str,
}

/// Where a finding is: a place in the text, and the rule that added what is there, if the text does not hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The value or element, or the element for which a rule added the value.
    pub span: Span,
    /// The name of that rule.
    pub rule: Option<&'static str>,
}

impl From<Span> for Place {
    fn from(span: Span) -> Self {
        Self { span, rule: None }
    }
}

/// A second place that belongs to a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there.
    pub text: String,
}

/// How freely a fix may be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Safety {
    /// Keeps the meaning; applied by `--fix`.
    Safe,
    /// Changes what the guest sees; applied on request only.
    Unsafe,
    /// Shown, never applied.
    DisplayOnly,
}

/// One replacement of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; an empty span inserts.
    pub span: Span,
    /// The new text.
    pub text: String,
}

/// A change to the source that mends a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What the fix does, as an imperative sentence.
    pub title: String,
    /// How freely it may be applied.
    pub safety: Safety,
    /// The edits, which do not overlap.
    pub edits: Vec<Edit>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind.
    pub code: &'static Code,
    /// The severity, which may differ from the kind's default.
    pub severity: Severity,
    /// What is, lower case, no full stop, XML in backticks.
    pub message: String,
    /// The exact attribute, value or element; `None` where the finding is about the whole file.
    pub span: Option<Span>,
    /// Other places that matter.
    pub labels: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
    /// Everything that would be allowed in place of what is wrong, where that can be listed, the most likely first: values, or names of
    /// elements or attributes, without marks around them. Formats for machines carry all of it; the text shows what helps.
    pub alternatives: Vec<String>,
    /// Regular expressions (XML Schema part 2, appendix F) of which one would have to match. For machines only: no text shows them.
    pub patterns: Vec<String>,
    /// A fix, where there is one.
    pub fix: Option<Fix>,
    /// Whether all findings with this message have one cause. They are then one finding, at the first of their places.
    pub is_shared: bool,
}

/// More places than this are not shown of one finding.
const MOST_LABELS: usize = 8;

impl Diagnostic {
    /// A finding of kind `code`. Where a rule added what it is about, the message says so.
    pub fn at(code: &'static Code, place: impl Into<Place>, message: impl Into<String>) -> Self {
        let place = place.into();
        let mut message = message.into();
        if let Some(rule) = place.rule {
            message = [message.as_str(), " (added by rule `", rule, "`)"].concat();
        }
        Self { span: Some(place.span), ..Self::whole_file(code, message) }
    }

    /// A finding about a whole file.
    pub fn whole_file(code: &'static Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            code,
            severity: code.severity,
            message,
            span: None,
            labels: Vec::new(),
            help: None,
            alternatives: Vec::new(),
            patterns: Vec::new(),
            fix: None,
            is_shared: false,
        }
    }

    /// As one that has its cause in common with all findings of the same message: something that several places refer to and that is
    /// not there, say.
    #[must_use]
    pub fn shared(self) -> Self {
        Self { is_shared: true, ..self }
    }

    /// Takes over the place of another finding of the same cause.
    fn join(&mut self, mut other: Self) {
        if (other.span, other.help.is_none()) < (self.span, self.help.is_none()) {
            std::mem::swap(self, &mut other);
            std::mem::swap(&mut self.labels, &mut other.labels);
        }
        if let Some(span) = other.span.filter(|span| self.span != Some(*span) && self.labels.len() < MOST_LABELS) {
            self.labels.push(Label { span, text: "the same here".to_owned() });
        }
    }

    /// With a sentence that says what to do; an empty one is left out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into()).filter(|help| !help.is_empty());
        self
    }

    /// With the word that was likely meant in place of what is at `span`, where there is one, and a fix that writes it.
    #[must_use]
    pub fn meant(mut self, word: Option<&str>, span: Span) -> Self {
        let Some(word) = word else { return self };
        let question = format!("did you mean `{word}`?");
        self.help = Some(match self.help.take() {
            Some(help) => format!("{question} {help}"),
            None => question,
        });
        self.fix(Safety::Unsafe, format!("write `{word}`"), span, word)
    }

    /// With all that would be allowed instead; see [`Self::alternatives`].
    #[must_use]
    pub fn alternatives(mut self, alternatives: Vec<String>) -> Self {
        self.alternatives = alternatives;
        self
    }

    /// With a second place.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// With a fix of one edit.
    #[must_use]
    pub fn fix(mut self, safety: Safety, title: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        self.fix = Some(Fix { title: title.into(), safety, edits: vec![Edit { span, text: text.into() }] });
        self
    }
}

/// Findings in the order they were made; sorted by place for output.
#[must_use = "findings are to be shown to somebody"]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// No findings.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more finding; it joins one of the same cause.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let same = |known: &&mut Diagnostic| {
            known.is_shared && known.code == diagnostic.code && known.message == diagnostic.message
        };
        match self.0.iter_mut().find(|known| diagnostic.is_shared && same(known)) {
            Some(known) => known.join(diagnostic),
            None => self.0.push(diagnostic),
        }
    }

    /// Adds all findings of `other` after these.
    pub fn extend(&mut self, other: Self) {
        other.0.into_iter().for_each(|diagnostic| self.push(diagnostic));
    }

    /// Whether anything is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The findings as they were made.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// The findings by place (those about the whole file first), then by name.
    pub fn sorted(mut self) -> Self {
        self.0.sort_by(|a, b| (a.span, a.code.name).cmp(&(b.span, b.code.name)));
        self
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(iter: I) -> Self {
        let mut all = Self::new();
        iter.into_iter().for_each(|diagnostic| all.push(diagnostic));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static CODE: Code = Code { name: "code", severity: Severity::Error, explanation: "A code." };

    fn at(place: usize, message: &str) -> Diagnostic {
        Diagnostic::at(&CODE, Span::at(place), message)
    }

    #[test]
    fn findings_of_one_cause_are_one() {
        let all =
            [at(5, "a").shared(), at(9, "b").shared(), at(2, "a").shared(), at(7, "a").shared(), at(7, "a").shared()];
        let all: Diagnostics = all.into_iter().collect();
        let places: Vec<_> = all.iter().map(|found| (found.span, found.labels.len())).collect();
        assert_eq!(places, [(Some(Span::at(2)), 3), (Some(Span::at(9)), 0)]);
    }

    #[test]
    fn others_are_each_their_own() {
        let all: Diagnostics = [at(1, "a"), at(2, "a"), at(3, "a").shared()].into_iter().collect();
        assert_eq!(all.len(), 3);
    }
}
