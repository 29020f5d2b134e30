//! Attributes such as `type`, where the content is that of another value.

use virtc_diag::{Diagnostic, Safety};
use virtc_xml::{Attribute, Element};

use super::Reporter;
use super::expected::values;
use super::wording::{any_of, code, short};
use crate::codes::MISMATCHED_TYPE;
use crate::engine::arena::{Kind, Pat};
use crate::engine::run::{Pretence, Stop};

/// How many values of one attribute are tried.
const MAX_VALUES: usize = 64;

impl<'d> Reporter<'_, '_, 'd> {
    /// Whether an element that fails would be valid if one attribute had another value. Then that is reported, and
    /// what follows is given.
    pub(super) fn alternative(&mut self, start: Pat, element: Element<'d>) -> Option<Pat> {
        let stop = self.engine.stop?;
        let fresh = self.engine.split(start).pat;
        if !self.is_of_another_form(element, fresh, stop) {
            return None;
        }
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
        self.spoil_attribute(attribute);
        let (name, value) = (self.slice(attribute.name_span()), short(attribute.value()));
        let tag = self.name(element);
        let message = format!("`<{tag} {name}='{value}'>`, but the content is that of {}", any_of(&fits, code));
        let mut diagnostic = Diagnostic::new(&MISMATCHED_TYPE, attribute.value_span(), message);
        diagnostic = diagnostic
            .label(stop.at, format!("does not go with `{name}='{value}'`"))
            .help(format!("change `{name}`, or give what `{name}='{value}'` takes"));
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

    /// Whether the way in which an element fails speaks for another form of it. Something that is merely missing does not, nor does a
    /// single attribute.
    fn is_of_another_form(&mut self, element: Element<'d>, fresh: Pat, stop: Stop) -> bool {
        if stop.element != element.id() {
            let inner = self.checked.document().element(stop.element);
            let bare = |e: Element<'_>| e.attributes().next().is_none() && e.content().next().is_none();
            return !(stop.missing && inner.is_none_or(bare));
        }
        let own_attributes = stop.at.start < element.start_tag().end;
        if stop.missing || !own_attributes {
            return !stop.missing;
        }
        // Two attributes that are refused, or one that is refused and one that is missing in its place.
        let (mut pat, mut refused) = (fresh, 0);
        for attribute in element.attributes() {
            let symbol = self.attribute_symbol(attribute);
            let derived = self.engine.attribute(pat, symbol);
            match self.engine.value(derived, Some(attribute.value()), element) {
                Pat::NOT_ALLOWED => refused += usize::from(self.has_attribute(fresh, symbol)),
                next => pat = next,
            }
        }
        refused > 1 || (refused > 0 && self.engine.close_tag(pat) == Pat::NOT_ALLOWED)
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
