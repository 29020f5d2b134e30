//! Attributes such as `type`, where the content is that of another value.

use virtc_diag::{Diagnostic, Safety};
use virtc_xml::{Attribute, Element};

use super::Reporter;
use super::expected::values;
use super::wording::{any_of, code, short};
use crate::codes::MISMATCHED_TYPE;
use crate::engine::arena::{Kind, Pat};
use crate::engine::run::Pretence;

/// How many values of one attribute are tried.
const MAX_VALUES: usize = 64;

impl<'d> Reporter<'_, '_, 'd> {
    /// Whether an element that fails would be valid if one attribute had another value. Then that is reported, and
    /// what follows is given.
    pub(super) fn alternative(&mut self, start: Pat, element: Element<'d>) -> Option<Pat> {
        let fresh = self.engine.split(start).pat;
        let mut best: Option<(Attribute<'d>, Vec<String>)> = None;
        for attribute in element.attributes() {
            let name = self.attribute_symbol(attribute);
            let derived = self.engine.attribute(fresh, name);
            let forms = self.engine.branches(derived);
            let own = self.engine.value(derived, Some(attribute.value()), element);
            if forms.len() < 2 || own == Pat::NOT_ALLOWED || !self.may_try() {
                continue;
            }
            let any = Pretence { element: element.id(), name, value: None };
            if self.engine.run_open(start, element, self.pretending(any)) == Pat::NOT_ALLOWED {
                continue;
            }
            let mut fits = Vec::new();
            for word in self.words(&forms).into_iter().take(MAX_VALUES) {
                let pretence = Pretence { element: element.id(), name, value: Some(&word) };
                if self.may_try() && self.engine.run_open(start, element, self.pretending(pretence)) != Pat::NOT_ALLOWED
                {
                    fits.push(word);
                }
            }
            let better = best.as_ref().is_none_or(|(_, known)| fits.len() < known.len());
            if !fits.is_empty() && better {
                best = Some((attribute, fits));
            }
        }
        let (attribute, fits) = best?;
        // Where it fails as it is, which the message shows beside the attribute.
        self.engine.run_open(start, element, self.view());
        let failed = self.engine.failed_at;
        self.spoil_attribute(attribute);
        let (name, value) = (self.slice(attribute.name_span()), short(attribute.value()));
        let tag = element.name();
        let message = format!("`<{tag} {name}='{value}'>`, but the content is that of {}", any_of(&fits, code));
        let mut diagnostic = Diagnostic::new(&MISMATCHED_TYPE, attribute.value_span(), message);
        if let Some(span) = failed {
            diagnostic = diagnostic.label(span, format!("does not go with `{name}='{value}'`"));
        }
        diagnostic = diagnostic.help(format!("change `{name}`, or give what `{name}='{value}'` takes"));
        if let [single] = fits.as_slice() {
            diagnostic = diagnostic.fix(
                Safety::Unsafe,
                format!("write `{name}='{single}'`"),
                attribute.value_span(),
                single.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;").replace('"', "&quot;"),
            );
        }
        self.push(diagnostic);
        let name = self.attribute_symbol(attribute);
        let any = Pretence { element: element.id(), name, value: None };
        Some(self.engine.run_open(start, element, self.pretending(any)))
    }

    /// The words that the values of an attribute can be.
    pub(super) fn words(&self, forms: &[(Pat, Pat)]) -> Vec<String> {
        let arena = &self.engine.arena;
        let leaves = forms.iter().flat_map(|(value, _)| values(arena, *value));
        let words = leaves.filter(|leaf| arena.kind(*leaf) == Kind::Value);
        let mut words: Vec<String> = words
            .filter_map(|leaf| self.schema.literal(arena.operand(leaf, 0)))
            .map(|literal| literal.text.to_owned())
            .collect();
        words.sort();
        words.dedup();
        words
    }
}
