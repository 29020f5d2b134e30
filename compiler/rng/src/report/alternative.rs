//! Attributes such as `type`, where the content is that of another value, or of some value while there is none.

use virtc_diag::{Diagnostic, Safety, Span};
use virtc_xml::{Attribute, Element, QName};

use super::Reporter;
use super::expected::values;
use super::wording::{any_of, code, escaped, short};
use crate::codes::{MISMATCHED_TYPE, MISSING_ATTRIBUTE};
use crate::engine::arena::{Kind, Pat};
use crate::engine::names::Symbol;
use crate::engine::run::{Pretence, Stop, What};
use crate::synonyms::meant;

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
            if self.engine.value(derived, Some(attribute.value()), element) == Pat::NOT_ALLOWED {
                continue;
            }
            let fits = self.fits(start, element, fresh, name);
            let better = best.as_ref().is_none_or(|(_, known)| fits.len() < known.len());
            if !fits.is_empty() && better {
                best = Some((attribute, fits));
            }
        }
        let Some((attribute, fits)) = best else { return self.without(start, element, fresh, stop) };
        // One other value is a better guess than another name, several are not.
        if fits.len() > 1 && self.is_misnamed(start, element, stop) {
            return None;
        }
        self.spoil_attribute(attribute);
        let (name, value) = (self.slice(attribute.name_span()), short(attribute.value()));
        let tag = self.name(element);
        let message = format!("`<{tag} {name}='{value}'>`, but the content is that of {}", any_of(&fits, code));
        let mut diagnostic = Diagnostic::at(&MISMATCHED_TYPE, attribute.value_span(), message);
        diagnostic = diagnostic
            .label(stop.at, format!("does not go with `{name}='{value}'`"))
            .help(format!("change `{name}`, or give what `{name}='{value}'` takes"))
            .alternatives(fits.clone());
        if let [single] = fits.as_slice() {
            diagnostic = diagnostic.fix(
                Safety::Unsafe,
                format!("write `{name}='{single}'`"),
                attribute.value_span(),
                escaped(single),
            );
        }
        self.push(diagnostic);
        let name = self.attribute_symbol(attribute);
        let any = Pretence { element: element.id(), name, what: What::Value(None) };
        Some(self.engine.run_open(start, element, self.pretending(any)))
    }

    /// Whether an element would be valid if the attribute at which it failed had the name that is likely meant.
    fn is_misnamed(&mut self, start: Pat, element: Element<'d>, stop: Stop) -> bool {
        let failed = self.checked.document().element(stop.element);
        let Some(attribute) = failed.and_then(|e| e.attributes().find(|a| a.name_span() == stop.at)) else {
            return false;
        };
        let written = self.attribute_symbol(attribute);
        meant(self.schema.synonyms.attributes, attribute.name()).any(|name| {
            let symbol = self.schema.symbol(QName { namespace: "", local: name });
            let other = Pretence { element: stop.element, name: written, what: What::Name(symbol) };
            self.may_try() && self.engine.run_open(start, element, self.pretending(other)) != Pat::NOT_ALLOWED
        })
    }

    /// Whether an element that fails would be valid with one attribute more.
    fn without(&mut self, start: Pat, element: Element<'d>, fresh: Pat, stop: Stop) -> Option<Pat> {
        let present: Vec<Symbol> = element.attributes().map(|attribute| self.attribute_symbol(attribute)).collect();
        let mut best: Option<(Symbol, Vec<String>)> = None;
        for candidate in self.schema.attribute_names(&self.engine.arena, fresh) {
            let any = Pretence { element: element.id(), name: candidate.symbol, what: What::Value(None) };
            if present.contains(&candidate.symbol)
                || !self.may_try()
                || self.engine.run_open(start, element, self.pretending(any)) == Pat::NOT_ALLOWED
            {
                continue;
            }
            let fits = self.fits(start, element, fresh, candidate.symbol);
            // The fewer values, the more is said; one whose values do not matter comes last.
            let rank = |fits: &[String]| if fits.is_empty() { usize::MAX } else { fits.len() };
            if best.as_ref().is_none_or(|(_, known)| rank(&fits) < rank(known)) {
                best = Some((candidate.symbol, fits));
            }
        }
        let (symbol, fits) = best?;
        let (_, name) = self.schema.known_name(symbol)?;
        self.checked.lacking.insert(element.id());
        let tag = self.name(element);
        let message = match fits.as_slice() {
            [] => format!("`<{tag}>` lacks `{name}`, without which it cannot have this content"),
            fits => format!("`<{tag}>` lacks `{name}`, and the content is that of {}", any_of(fits, code)),
        };
        let mut diagnostic = Diagnostic::at(&MISSING_ATTRIBUTE, element.name_span(), message)
            .label(stop.at, format!("does not go with a `<{tag}>` without `{name}`"))
            .help(format!("add `{name}`, or give what `<{tag}>` takes without it"))
            .alternatives(fits.clone());
        if let [single] = fits.as_slice() {
            let new = format!(" {name}='{}'", escaped(single));
            let at = Span::at(element.name_span().end as usize);
            diagnostic = diagnostic.fix(Safety::Unsafe, format!("add `{name}='{single}'`"), at, new);
        }
        self.push(diagnostic);
        let any = Pretence { element: element.id(), name: symbol, what: What::Value(None) };
        Some(self.engine.run_open(start, element, self.pretending(any)))
    }

    /// The words that would make an element valid as the value of an attribute that decides its form.
    pub(super) fn fits(&mut self, start: Pat, element: Element<'d>, fresh: Pat, name: Symbol) -> Vec<String> {
        let derived = self.engine.attribute(fresh, name);
        let forms = self.engine.branches(derived);
        let words = self.words(&forms);
        if words.is_empty() || forms.len() < 2 || !self.may_try() {
            return Vec::new();
        }
        let any = Pretence { element: element.id(), name, what: What::Value(None) };
        if self.engine.run_open(start, element, self.pretending(any)) == Pat::NOT_ALLOWED {
            return Vec::new();
        }
        let mut fits = Vec::new();
        for word in words.into_iter().take(MAX_VALUES) {
            let pretence = Pretence { element: element.id(), name, what: What::Value(Some(&word)) };
            if self.may_try() && self.engine.run_open(start, element, self.pretending(pretence)) != Pat::NOT_ALLOWED {
                fits.push(word);
            }
        }
        fits
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
