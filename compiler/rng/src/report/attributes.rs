//! Attributes of an element: those that say which form it has first, then the others.

use virtc_diag::{Diagnostic, Safety};
use virtc_xml::{Attribute, Element};

use super::expected::{Candidate, attributes};
use super::text::Faulty;
use super::wording::{any_of, code, distance, is_near, nearest_first, short, with_doc};
use super::{Around, Reporter};
use crate::codes::{BAD_VALUE, UNKNOWN_ATTRIBUTE};
use crate::engine::arena::Pat;
use crate::engine::run::Open;

/// What an unknown attribute is likely to be.
enum Meant {
    /// Another one with a name that is near; this follows it.
    Attribute(Pat),
    /// One of this name that another form of the element around has.
    OtherForm,
    Nothing,
}

impl<'d> Reporter<'_, '_, 'd> {
    /// Takes the attributes of an element whose start tag is open, and closes it.
    pub(super) fn attributes(&mut self, start: Pat, element: Element<'d>, around: Option<Around<'d>>) -> Open {
        let mut open = self.engine.split(start);
        let fresh = open.pat;
        let mut list: Vec<(usize, Attribute<'d>)> = Vec::new();
        for attribute in element.attributes() {
            let derived = self.engine.attribute(fresh, self.attribute_symbol(attribute));
            list.push((self.engine.branches(derived).len(), attribute));
        }
        list.sort_by_key(|(branches, _)| std::cmp::Reverse(*branches));
        let mut taken: Vec<Attribute<'d>> = Vec::new();
        // A value of a form that is not there, or an attribute of another form: that explains what else is wrong here.
        let (mut faulty_form, mut foreign) = (false, false);
        for (_, attribute) in list {
            let derived = self.engine.attribute(open.pat, self.attribute_symbol(attribute));
            if derived == Pat::NOT_ALLOWED {
                self.spoil_attribute(attribute);
                let known = self.engine.attribute(fresh, self.attribute_symbol(attribute)) != Pat::NOT_ALLOWED;
                if known && !faulty_form {
                    self.excluded_attribute(element, attribute, fresh, &taken);
                    foreign = true;
                } else if !known {
                    match self.strange_attribute(element, attribute, open.pat, around) {
                        Meant::Attribute(pat) => open.pat = pat,
                        Meant::OtherForm => foreign = true,
                        Meant::Nothing => {}
                    }
                }
                continue;
            }
            open.pat = match self.engine.value(derived, Some(attribute.value()), element) {
                Pat::NOT_ALLOWED => {
                    self.spoil_attribute(attribute);
                    faulty_form = true;
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
            if foreign {
                self.checked.lacking.insert(element.id());
            } else {
                self.missing_attributes(element, open.pat);
            }
            open.pat = self.engine.close_tag_anyway(open.pat);
        } else {
            open.pat = closed;
        }
        open
    }

    /// An attribute that does not go with another one.
    fn excluded_attribute(
        &mut self,
        element: Element<'d>,
        attribute: Attribute<'d>,
        fresh: Pat,
        taken: &[Attribute<'d>],
    ) {
        if self.is_full() {
            return;
        }
        let symbol = self.attribute_symbol(attribute);
        let (tag, name) = (self.name(element), self.slice(attribute.name_span()));
        let mut allowed = |this: &mut Self, pat: Pat| this.engine.attribute(pat, symbol) != Pat::NOT_ALLOWED;
        let culprit = self.culprit(element, fresh, taken, &mut allowed);
        let with = culprit.map(|c| self.written(c)).unwrap_or_default();
        let message = format!("`<{tag}>` with `{with}` takes no attribute `{name}`");
        let mut diagnostic = Diagnostic::new(&UNKNOWN_ATTRIBUTE, attribute.name_span(), message);
        let mut help = format!("remove `{name}`, or change `{with}`");
        if let Some(culprit) = culprit {
            diagnostic = diagnostic.label(culprit.span(), "this decides which attributes go with it");
            let forms = self.forms(fresh, culprit, element, &|this, pat| this.has_attribute(pat, symbol));
            if !forms.is_empty() {
                help = format!("`{name}` goes with {}", any_of(&forms, code));
            }
        }
        self.push(diagnostic.help(help));
    }

    /// An attribute that no form of the element takes.
    fn strange_attribute(
        &mut self,
        element: Element<'d>,
        attribute: Attribute<'d>,
        pat: Pat,
        around: Option<Around<'d>>,
    ) -> Meant {
        if self.is_full() {
            return Meant::Nothing;
        }
        let (tag, name, local) = (self.name(element), self.slice(attribute.name_span()), attribute.name());
        let present: Vec<&str> = element.attributes().map(virtc_xml::Attribute::name).collect();
        let mut expected: Vec<(&str, Candidate)> = Vec::new();
        for candidate in self.schema.attribute_names(&self.engine.arena, pat) {
            if let Some((_, known)) =
                self.schema.known_name(candidate.symbol).filter(|(_, known)| !present.contains(known))
            {
                expected.push((known, candidate));
            }
        }
        let expected = nearest_first(local, expected, |(name, _)| name);
        let message = format!("`<{tag}>` takes no attribute `{name}`");
        let mut diagnostic = Diagnostic::new(&UNKNOWN_ATTRIBUTE, attribute.name_span(), message);
        let Some((known, candidate)) = expected.first().filter(|(known, _)| is_near(local, known)).copied() else {
            let mut meant = Meant::Nothing;
            let names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
            let mut help =
                if names.is_empty() { "remove it".to_owned() } else { format!("expected {}", any_of(&names, code)) };
            if let Some((culprit, forms)) = around.and_then(|around| self.form_around(element, attribute, around)) {
                diagnostic = diagnostic.label(culprit.span(), "this decides which attributes go with it");
                help = format!("{help}\n`{name}` goes with {}", any_of(&forms, code));
                meant = Meant::OtherForm;
            }
            let children = self.schema.elements(&self.engine.arena, pat, false);
            let like = |c: &&Candidate| self.schema.known_name(c.symbol) == Some(("", local));
            if let Some(child) = children.iter().find(like).filter(|_| element.child(local).is_none()) {
                let written =
                    format!("`{name}` is an element: write `<{name}>{}</{name}>` in it", short(attribute.value()));
                help = with_doc(written, self.schema.text(child.doc));
            }
            self.push(diagnostic.help(help));
            return meant;
        };
        let derived = self.engine.attribute(pat, candidate.symbol);
        let after = self.engine.value(derived, Some(attribute.value()), element);
        let help = with_doc(format!("did you mean `{known}`?"), self.schema.text(candidate.doc));
        diagnostic = diagnostic.help(help);
        if after != Pat::NOT_ALLOWED || distance(local, known) <= 2 {
            diagnostic =
                diagnostic.fix(Safety::Unsafe, format!("rename it to `{known}`"), attribute.name_span(), known);
        }
        self.push(diagnostic);
        Meant::Attribute(if after == Pat::NOT_ALLOWED { self.engine.value(derived, None, element) } else { after })
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
        let (tag, name) = (self.name(element), self.slice(attribute.name_span()));
        let shown = short(attribute.value());
        let patterns: Vec<Pat> = self.engine.branches(derived).into_iter().map(|(value, _)| value).collect();
        let doc = attributes(&self.engine.arena, fresh).into_iter().find(|pat| {
            self.schema.names.set(self.engine.arena.operand(*pat, 0)).contains(symbol)
                && self.engine.arena.operand(*pat, 2) != 0
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
