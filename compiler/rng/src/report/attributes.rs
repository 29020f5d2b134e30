//! Attributes of an element: those that say which form it has first, then the others.

use virtc_diag::{Diagnostic, Safety};
use virtc_xml::{Attribute, Element};

use super::Reporter;
use super::expected::{Candidate, attributes};
use super::text::Faulty;
use super::wording::{any_of, code, distance, is_near, nearest_first, short, with_doc};
use crate::codes::{BAD_VALUE, UNKNOWN_ATTRIBUTE};
use crate::engine::arena::Pat;
use crate::engine::run::Open;

impl<'d> Reporter<'_, '_, 'd> {
    /// Takes the attributes of an element whose start tag is open, and closes it.
    pub(super) fn attributes(&mut self, start: Pat, element: Element<'d>) -> Open {
        let mut open = self.engine.split(start);
        let fresh = open.pat;
        let mut list: Vec<(usize, Attribute<'d>)> = Vec::new();
        for attribute in element.attributes() {
            let derived = self.engine.attribute(fresh, self.attribute_symbol(attribute));
            list.push((self.engine.branches(derived).len(), attribute));
        }
        list.sort_by_key(|(branches, _)| std::cmp::Reverse(*branches));
        let mut taken: Vec<Attribute<'d>> = Vec::new();
        for (_, attribute) in list {
            let derived = self.engine.attribute(open.pat, self.attribute_symbol(attribute));
            if derived == Pat::NOT_ALLOWED {
                self.spoil_attribute(attribute);
                self.strange_attribute(element, attribute, fresh, &taken);
                continue;
            }
            open.pat = match self.engine.value(derived, Some(attribute.value()), element) {
                Pat::NOT_ALLOWED => {
                    self.spoil_attribute(attribute);
                    self.faulty_value(element, attribute, fresh, derived, &taken);
                    self.engine.value(derived, None, element)
                }
                pat => {
                    taken.push(attribute);
                    pat
                }
            };
        }
        let closed = self.engine.close_tag(open.pat);
        if closed == Pat::NOT_ALLOWED {
            self.missing_attributes(element, open.pat);
            open.pat = self.engine.close_tag_anyway(open.pat);
        } else {
            open.pat = closed;
        }
        open
    }

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

    fn strange_attribute(&mut self, element: Element<'d>, attribute: Attribute<'d>, fresh: Pat, taken: &[Attribute<'d>]) {
        if self.is_full() {
            return;
        }
        let symbol = self.attribute_symbol(attribute);
        let (tag, name) = (element.name(), self.slice(attribute.name_span()));
        if self.engine.attribute(fresh, symbol) != Pat::NOT_ALLOWED {
            let culprit = self.culprit(element, fresh, taken, &mut |this, pat| {
                this.engine.attribute(pat, symbol) != Pat::NOT_ALLOWED
            });
            let with = culprit.map(|c| self.written(c)).unwrap_or_default();
            let message = format!("`<{tag}>` with `{with}` takes no attribute `{name}`");
            let mut diagnostic = Diagnostic::new(&UNKNOWN_ATTRIBUTE, attribute.name_span(), message);
            if let Some(culprit) = culprit {
                diagnostic = diagnostic.label(culprit.span(), "this decides which attributes go with it");
            }
            return self.push(diagnostic.help(format!("remove `{name}`, or change `{with}`")));
        }
        let present: Vec<&str> = element.attributes().map(|a| a.name()).collect();
        let candidates = self.schema.attribute_names(&self.engine.arena, fresh);
        let local = attribute.name();
        let mut named: Vec<(&str, Candidate)> = Vec::new();
        for candidate in candidates {
            if let Some((_, known)) = self.schema.known_name(candidate.symbol).filter(|(_, known)| !present.contains(known)) {
                named.push((known, candidate));
            }
        }
        let named = nearest_first(local, named, |(name, _)| name);
        let near = named.first().filter(|(known, _)| is_near(local, known)).copied();
        let message = format!("`<{tag}>` takes no attribute `{name}`");
        let mut diagnostic = Diagnostic::new(&UNKNOWN_ATTRIBUTE, attribute.name_span(), message);
        let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
        let help = match near {
            Some((known, candidate)) => {
                with_doc(format!("did you mean `{known}`?"), self.schema.text(candidate.doc))
            }
            None if names.is_empty() => "remove it".to_owned(),
            None => format!("expected {}", any_of(&names, code)),
        };
        diagnostic = diagnostic.help(help);
        if let Some((known, candidate)) = near {
            let derived = self.engine.attribute(fresh, candidate.symbol);
            let fits = self.engine.value(derived, Some(attribute.value()), element) != Pat::NOT_ALLOWED;
            if fits || distance(local, known) <= 2 {
                let title = format!("rename it to `{known}`");
                diagnostic = diagnostic.fix(Safety::Unsafe, title, attribute.name_span(), known);
            }
        }
        self.push(diagnostic);
    }

    fn faulty_value(
        &mut self,
        element: Element<'d>,
        attribute: Attribute<'d>,
        fresh: Pat,
        derived: Pat,
        taken: &[Attribute<'d>],
    ) {
        if self.is_full() {
            return;
        }
        let symbol = self.attribute_symbol(attribute);
        let value = Some(attribute.value());
        let mut allowed = |this: &mut Self, pat: Pat| {
            let derived = this.engine.attribute(pat, symbol);
            this.engine.value(derived, value, element) != Pat::NOT_ALLOWED
        };
        let (tag, name) = (element.name(), self.slice(attribute.name_span()));
        let shown = short(attribute.value());
        let patterns: Vec<Pat> = self.engine.branches(derived).into_iter().map(|(value, _)| value).collect();
        let doc = attributes(&self.engine.arena, fresh).into_iter().find(|pat| {
            self.schema.names.set(self.engine.arena.operand(*pat, 0)).contains(symbol) && self.engine.arena.operand(*pat, 2) != 0
        });
        let doc = doc.map_or(0, |pat| self.engine.arena.operand(pat, 2));
        if allowed(self, fresh) {
            let culprit = self.culprit(element, fresh, taken, &mut allowed);
            let with = culprit.map(|c| self.written(c)).unwrap_or_default();
            let message = format!("`{name}='{shown}'` does not go with `{with}` in `<{tag}>`");
            let mut diagnostic = Diagnostic::new(&BAD_VALUE, attribute.value_span(), message);
            if let Some(culprit) = culprit {
                diagnostic = diagnostic.label(culprit.span(), "this decides which values go with it");
            }
            let values = self.schema.values(&self.engine.arena, &patterns);
            let words = nearest_first(attribute.value(), values.words, |word| word);
            let forms = values.forms.join(", or ");
            let said = if words.is_empty() { forms } else { any_of(&words, code) };
            return self.push(diagnostic.help(with_doc(format!("expected {said}"), self.schema.text(doc))));
        }
        let message = match attribute.value().trim() {
            "" => format!("attribute `{name}` of `<{tag}>` is empty"),
            _ => format!("`{shown}` is no value of attribute `{name}` of `<{tag}>`"),
        };
        let span = attribute.value_span();
        self.bad_value(message, &Faulty { value: attribute.value(), span, patterns, doc, replaceable: true });
    }

    /// An attribute as it is written, with single quotes.
    pub(super) fn written(&self, attribute: Attribute<'d>) -> String {
        format!("{}='{}'", self.slice(attribute.name_span()), short(attribute.value()))
    }
}
