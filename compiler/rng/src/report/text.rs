//! Faults of values and of text.

use virtc_diag::{Diagnostic, Safety, Span};
use virtc_xml::Element;

use super::Reporter;
use super::expected::values;
use super::wording::{any_of, code, escaped, is_near, nearest_first, short, with_doc};
use crate::codes::{BAD_VALUE, STRAY_TEXT};
use crate::engine::arena::{Kind, Pat};
use crate::engine::run::Open;

/// A value that is not allowed.
pub(super) struct Faulty<'v> {
    pub value: &'v str,
    pub span: Span,
    /// What would be allowed.
    pub patterns: Vec<Pat>,
    /// The documentation, 0 where there is none.
    pub doc: u32,
    /// Whether the value can be replaced as it stands.
    pub replaceable: bool,
}

impl<'d> Reporter<'_, '_, 'd> {
    /// Reports a value that is none of those expected.
    pub(super) fn bad_value(&mut self, message: String, faulty: &Faulty<'_>) {
        let allowed = self.schema.values(&self.engine.arena, &faulty.patterns);
        let value = faulty.value.trim();
        let words = nearest_first(value, allowed.words, |word| word);
        let near = words.first().filter(|word| is_near(value, word) && !value.is_empty()).cloned();
        let mut said = Vec::new();
        if !words.is_empty() {
            said.push(any_of(&words, code));
        }
        said.extend(allowed.forms);
        let expected = if said.is_empty() { String::new() } else { format!("expected {}", said.join(", or ")) };
        let doc = self.schema.text(faulty.doc);
        let mut diagnostic = Diagnostic::at(&BAD_VALUE, faulty.span, message);
        let help = match &near {
            Some(word) => format!("did you mean `{word}`? {expected}"),
            None => expected,
        };
        let help = with_doc(help, doc);
        if !help.is_empty() {
            diagnostic = diagnostic.help(help);
        }
        if let Some(word) = near.filter(|_| faulty.replaceable) {
            diagnostic = diagnostic.fix(Safety::Unsafe, format!("write `{word}`"), faulty.span, escaped(&word));
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
    pub(super) fn faulty_text(&mut self, element: Element<'d>, open: Open, doc: u32) {
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
            self.bad_value(message, &Faulty { value: &text, span, patterns, doc, replaceable: plain && !blank });
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
        let holds = if self.engine.arena.has_elements(content) { "elements alone" } else { "no text" };
        let mut diagnostic = Diagnostic::at(&STRAY_TEXT, span, format!("text in `<{name}>`, which holds {holds}"));
        if matches!(self.engine.arena.kind(content), Kind::Data | Kind::Value) {
            diagnostic = Diagnostic::at(&STRAY_TEXT, span, format!("text beside elements in `<{name}>`"));
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
