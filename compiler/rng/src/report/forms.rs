//! Forms of an element, and the attributes that decide between them.

use virtc_xml::{Attribute, Element};

use super::expected::{attributes, definitions};
use super::{Around, Reporter};
use crate::engine::arena::Pat;
use crate::engine::names::Symbol;

impl<'d> Reporter<'_, '_, 'd> {
    /// The attribute after which `test` holds no more.
    pub(super) fn culprit(
        &mut self,
        element: Element<'d>,
        fresh: Pat,
        taken: &[Attribute<'d>],
        test: &mut dyn FnMut(&mut Self, Pat) -> bool,
    ) -> Option<Attribute<'d>> {
        let mut pat = fresh;
        for attribute in taken {
            let derived = self.engine.attribute(pat, self.attribute_symbol(*attribute));
            pat = self.engine.value(derived, Some(attribute.value()), element);
            if !test(self, pat) {
                return Some(*attribute);
            }
        }
        None
    }

    /// Whether an attribute of this name is allowed in a pattern.
    pub(super) fn has_attribute(&self, pat: Pat, symbol: Symbol) -> bool {
        let arena = &self.engine.arena;
        attributes(arena, pat).into_iter().any(|a| self.schema.names.set(arena.operand(a, 0)).contains(symbol))
    }

    /// The values of `attribute`, written with its name, for which `test` holds.
    pub(super) fn forms(
        &mut self,
        fresh: Pat,
        attribute: Attribute<'d>,
        element: Element<'d>,
        test: &dyn Fn(&Self, Pat) -> bool,
    ) -> Vec<String> {
        let derived = self.engine.attribute(fresh, self.attribute_symbol(attribute));
        let branches = self.engine.branches(derived);
        let name = self.slice(attribute.name_span());
        let mut forms = Vec::new();
        for word in self.words(&branches) {
            let pat = self.engine.value(derived, Some(&word), element);
            if test(self, pat) {
                forms.push(format!("{name}='{word}'"));
            }
        }
        forms
    }

    /// The attribute of the element around that excludes `attribute`, and the forms that would take it.
    pub(super) fn form_around(
        &mut self,
        element: Element<'d>,
        attribute: Attribute<'d>,
        around: Around<'d>,
    ) -> Option<(Attribute<'d>, Vec<String>)> {
        let (child, symbol) = (self.symbol(element), self.attribute_symbol(attribute));
        let allowed = move |this: &Self, pat: Pat| {
            let arena = &this.engine.arena;
            let found = definitions(arena, pat, false).into_iter().filter_map(|number| this.schema.definition(number));
            let named = found.filter(|definition| this.schema.names.set(definition.names).contains(child));
            named.into_iter().any(|definition| this.has_attribute(definition.content, symbol))
        };
        if !allowed(self, around.fresh) {
            return None;
        }
        let taken: Vec<_> = around.element.attributes().filter(|a| !self.checked.is_faulty_attribute(*a)).collect();
        let culprit = self.culprit(around.element, around.fresh, &taken, &mut |this, pat| allowed(this, pat))?;
        let forms = self.forms(around.fresh, culprit, around.element, &allowed);
        let shown: Vec<String> =
            forms.into_iter().map(|form| format!("<{} {form}>", self.name(around.element))).collect();
        if shown.is_empty() { None } else { Some((culprit, shown)) }
    }
}
