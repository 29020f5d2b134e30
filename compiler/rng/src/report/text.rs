//! Faults of values and of text.

use virtc_diag::{Diagnostic, Safety, Span};
use virtc_xml::Element;

use super::Reporter;
use super::expected::values;
use super::suggest::{Docs, did_you_mean, likely};
use super::wording::{MANY, code, escaped, expected, nearest_first, short, with_doc};
use crate::codes::{BAD_VALUE, STRAY_TEXT};
use crate::engine::arena::{Kind, Pat};
use crate::engine::run::Open;

/// A value that is not allowed.
pub(super) struct Faulty<'v> {
    pub value: &'v str,
    /// What would be allowed.
    pub patterns: Vec<Pat>,
    /// The documentation by form.
    pub docs: &'v Docs,
    /// Whether the value can be replaced as it is.
    pub replaceable: bool,
}

impl<'d> Reporter<'_, '_, 'd> {
    /// Reports a value that is none of those expected.
    pub(super) fn bad_value(&mut self, diagnostic: Diagnostic, faulty: &Faulty<'_>) {
        let allowed = self.schema.values(&self.engine.arena, &faulty.patterns);
        let value = faulty.value.trim();
        let mut words = nearest_first(value, allowed.words, |word| word);
        let meant = likely(value, &words, self.schema.synonyms.values);
        words.sort_by_key(|word| meant.iter().position(|likely| likely == word).unwrap_or(usize::MAX));
        let forms = allowed.forms.join(", or ");
        // Where the suggestion is all that is allowed, or one of too many, a list is of no help.
        let listed = match meant.len() {
            0 => expected(value, &words, "values", code),
            _ if words.len() > meant.len() && words.len() <= MANY => expected(value, &words, "values", code),
            _ => String::new(),
        };
        let expected = match (forms.is_empty(), listed.strip_prefix("expected ")) {
            (true, _) => listed,
            (false, Some(words)) => format!("expected {words}, or {forms}"),
            (false, None) if listed.is_empty() => format!("expected {forms}"),
            (false, None) => format!("expected {forms}; {listed}"),
        };
        let question = did_you_mean(&meant, code);
        let space = if question.is_empty() || expected.is_empty() { "" } else { " " };
        let doc = self.doc_for(faulty.docs, meant.first().filter(|_| meant.len() == 1).map(String::as_str));
        let help = with_doc(format!("{question}{space}{expected}"), self.schema.text(doc));
        let mut diagnostic = Diagnostic { patterns: allowed.patterns, ..diagnostic.alternatives(words) };
        diagnostic = diagnostic.help(help);
        if let ([word], true, Some(span)) = (meant.as_slice(), faulty.replaceable, diagnostic.span) {
            let title = format!("write `{word}`");
            diagnostic = diagnostic.fix(Safety::Unsafe, title, span, escaped(word));
        }
        self.push(diagnostic);
    }

    /// What may be in an element.
    fn contents(&mut self, open: Open) -> Vec<Pat> {
        match open.rest {
            Some(_) => vec![open.pat],
            None => self.engine.branches(open.pat).into_iter().map(|(pat, _)| pat).collect(),
        }
    }

    /// Whether an element holds a value and no other element.
    pub(super) fn holds_value(&mut self, open: Open) -> bool {
        let patterns = self.contents(open);
        let arena = &self.engine.arena;
        patterns.iter().any(|pat| !values(arena, *pat).is_empty())
            && !patterns.iter().any(|pat| arena.has_elements(*pat))
    }

    /// Reports what is wrong with the text of an element that holds no other.
    pub(super) fn faulty_text(&mut self, element: Element<'d>, open: Open, docs: &Docs) {
        let text = element.text();
        let blank = text.trim().is_empty();
        let patterns = self.contents(open);
        let arena = &self.engine.arena;
        let takes_text = patterns.iter().any(|pat| !values(arena, *pat).is_empty());
        let nullable = patterns.iter().any(|pat| arena.nullable(*pat));
        if !takes_text && !blank {
            let first = patterns.first().copied().unwrap_or(Pat::NOT_ALLOWED);
            self.stray_text(element, element.text_span(), first);
            if nullable {
                return;
            }
        }
        let name = self.name(element);
        if takes_text {
            self.spoil(element);
            if blank && !self.complete {
                return;
            }
            let message = if blank {
                format!("`<{name}>` is empty")
            } else {
                format!("`{}` is no value of `<{name}>`", short(text.trim()))
            };
            let span = if blank { element.name_span() } else { element.text_span() };
            let plain = self.slice(span) == text.trim();
            let faulty = Faulty { value: &text, patterns, docs, replaceable: plain && !blank };
            self.bad_value(Diagnostic::at(&BAD_VALUE, span, message), &faulty);
        } else {
            self.missing_elements(element, open, 0);
        }
    }

    /// Reports text where none may be.
    pub(super) fn stray_text(&mut self, element: Element<'d>, span: Span, content: Pat) {
        let name = self.name(element);
        let text = short(self.slice(span));
        let shown = match text.trim() {
            // White space for the eye, but not for XML: a no-break space above all.
            "" => text.chars().next().map_or_else(String::new, |c| format!("character U+{:04X}", u32::from(c))),
            _ => format!("`{text}`"),
        };
        let holds = if self.engine.arena.has_elements(content) { "only elements" } else { "no text" };
        let mut diagnostic = Diagnostic::at(&STRAY_TEXT, span, format!("text in `<{name}>`, which holds {holds}"));
        if matches!(self.engine.arena.kind(content), Kind::Data | Kind::Value) {
            diagnostic = Diagnostic::at(&STRAY_TEXT, span, format!("text between elements in `<{name}>`"));
        }
        diagnostic = diagnostic.help(format!("remove {shown}, or put it where it belongs"));
        let raw = self.slice(span);
        if !raw.is_empty() && raw.trim().is_empty() {
            let spaces = " ".repeat(raw.chars().count());
            diagnostic = diagnostic.fix(Safety::Safe, "write spaces", span, spaces);
        }
        self.push(diagnostic);
    }
}
