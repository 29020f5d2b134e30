//! Attributes of an element: those that say which form it has first, then the others.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use virtc_diag::{Diagnostic, Safety};
use virtc_xml::{Attribute, Element};

use super::expected::Candidate;
use super::text::Faulty;
use super::wording::{any_of, code, distance, escaped, expected, is_near, nearest_first, short, with_doc};
use super::{Around, MAX_REPORTS, Reporter};
use crate::codes::{BAD_VALUE, UNKNOWN_ATTRIBUTE};
use crate::engine::arena::Pat;
use crate::engine::names::Symbol;
use crate::engine::run::Open;
use crate::synonyms::meant;

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
        let mut strange: Vec<Attribute<'d>> = Vec::new();
        let present: BTreeSet<Symbol> = element.attributes().map(|a| self.attribute_symbol(a)).collect();
        for (_, attribute) in list {
            let derived = self.engine.attribute(open.pat, self.attribute_symbol(attribute));
            if derived == Pat::NOT_ALLOWED {
                self.spoil_attribute(attribute);
                let known = self.engine.attribute(fresh, self.attribute_symbol(attribute)) != Pat::NOT_ALLOWED;
                if known && !faulty_form {
                    self.excluded_attribute(element, attribute, fresh, &taken);
                    foreign = true;
                } else if !known {
                    let meant = if strange.len() < MAX_REPORTS {
                        self.misspelt_attribute(element, attribute, open.pat, &present, around)
                    } else {
                        None
                    };
                    match meant {
                        Some(pat) => open.pat = pat,
                        None => strange.push(attribute),
                    }
                }
                continue;
            }
            open.pat = match self.engine.value(derived, Some(attribute.value()), element) {
                Pat::NOT_ALLOWED => {
                    self.spoil_attribute(attribute);
                    faulty_form = true;
                    self.faulty_value(element, attribute, fresh, open.pat, &taken);
                    self.engine.value(derived, None, element)
                }
                pat => {
                    taken.push(attribute);
                    pat
                }
            };
        }
        let closed = self.engine.close_tag(open.pat);
        if closed != Pat::NOT_ALLOWED {
            for attribute in strange {
                self.strange_attribute(element, attribute, open.pat, &present, around, "");
            }
            open.pat = closed;
            return open;
        }
        self.checked.lacking.insert(element.id());
        let lacked = self.lacked(start, element, open.pat);
        // What is unknown is in the place of what is missing: that is one fault.
        let (mut told, mut lacks) = (false, "");
        if let Some(lacked) = lacked.as_ref().filter(|lacked| lacked.number <= strange.len()) {
            (told, lacks) = (lacked.number > 0, &*lacked.said);
        }
        for attribute in strange {
            foreign |= self.strange_attribute(element, attribute, open.pat, &present, around, lacks);
            lacks = "";
        }
        if let Some(lacked) = lacked.as_ref().filter(|_| !foreign && !told) {
            self.missing_attributes(element, lacked);
        }
        open.pat = self.engine.close_tag_anyway(open.pat);
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
        let mut diagnostic = Diagnostic::at(&UNKNOWN_ATTRIBUTE, attribute.name_span(), message);
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

    /// The attributes that may still come in a pattern, nearest to the name of `attribute` first.
    fn expected(
        &self,
        element: Element<'d>,
        attribute: Attribute<'d>,
        pat: Pat,
        present: &BTreeSet<Symbol>,
    ) -> Vec<(String, Candidate)> {
        let all = self.schema.attribute_names(&self.engine.arena, pat);
        let absent = all.into_iter().filter(|candidate| !present.contains(&candidate.symbol));
        let named = absent.filter_map(|candidate| Some((self.written_name(candidate.symbol, element)?, candidate)));
        nearest_first(attribute.name(), named.collect(), |(name, _)| name)
    }

    /// The attribute that was likely meant by one that no form of the element takes, `expected` being those that may come.
    fn meant_attribute(
        &mut self,
        element: Element<'d>,
        attribute: Attribute<'d>,
        pat: Pat,
        expected: &[(String, Candidate)],
    ) -> Option<(String, Candidate)> {
        let local = attribute.name();
        if let Some(near) = expected.first().filter(|(known, _)| is_near(local, known)) {
            return Some(near.clone());
        }
        let named = |name: &str| expected.iter().find(|(known, _)| known == name).cloned();
        let mut known: Vec<(String, Candidate)> =
            meant(self.schema.synonyms.attributes, local).filter_map(named).collect();
        // The one that takes the value comes first.
        known.sort_by_cached_key(|(_, candidate)| {
            let derived = self.engine.attribute(pat, candidate.symbol);
            self.engine.value(derived, Some(attribute.value()), element) == Pat::NOT_ALLOWED
        });
        known.into_iter().next()
    }

    /// An attribute that no form of the element takes, and which is likely another one: what follows if that is meant.
    fn misspelt_attribute(
        &mut self,
        element: Element<'d>,
        attribute: Attribute<'d>,
        pat: Pat,
        present: &BTreeSet<Symbol>,
        around: Option<Around<'d>>,
    ) -> Option<Pat> {
        if self.is_full() {
            return None;
        }
        let (tag, name, local) = (self.name(element), self.slice(attribute.name_span()), attribute.name());
        let expected = self.expected(element, attribute, pat, present);
        let (known, candidate) = self.meant_attribute(element, attribute, pat, &expected)?;
        let derived = self.engine.attribute(pat, candidate.symbol);
        let mut after = self.engine.value(derived, Some(attribute.value()), element);
        let docs = self.attribute_docs(pat, candidate.symbol);
        let values: Vec<Pat> = docs.iter().map(|(value, _)| *value).collect();
        let words = self.schema.values(&self.engine.arena, &values).words;
        let fits = after != Pat::NOT_ALLOWED;
        let (said, word) = self.as_attribute(&known, attribute.value(), if fits { &[] } else { &words });
        if let Some(word) = &word {
            after = self.engine.value(derived, Some(word), element);
        }
        let doc = self.doc_for(&docs, Some(word.as_deref().unwrap_or(attribute.value())));
        let mut help = with_doc(said, self.schema.text(doc));
        if let Some((_, forms)) = around.and_then(|around| self.form_around(element, attribute, around)) {
            let _ = write!(help, "\n`{name}` goes with {}", any_of(&forms, code));
        }
        let message = format!("`<{tag}>` takes no attribute `{name}`");
        let names = expected.into_iter().map(|(name, _)| name).collect();
        let mut diagnostic =
            Diagnostic::at(&UNKNOWN_ATTRIBUTE, attribute.name_span(), message).help(help).alternatives(names);
        if let Some(word) = word {
            let text = format!("{known}='{}'", escaped(&word));
            diagnostic = diagnostic.fix(Safety::Unsafe, format!("write `{known}='{word}'`"), attribute.span(), text);
        } else if fits || distance(local, &known) <= 2 {
            diagnostic =
                diagnostic.fix(Safety::Unsafe, format!("rename it to `{known}`"), attribute.name_span(), known.clone());
        }
        self.push(diagnostic);
        Some(if after == Pat::NOT_ALLOWED { self.engine.value(derived, None, element) } else { after })
    }

    /// An attribute that no form of the element takes, and that is like none. `lacks` says what is missing in its place. Whether it is
    /// one that another form of the element around has.
    fn strange_attribute(
        &mut self,
        element: Element<'d>,
        attribute: Attribute<'d>,
        pat: Pat,
        present: &BTreeSet<Symbol>,
        around: Option<Around<'d>>,
        lacks: &str,
    ) -> bool {
        if self.is_full() {
            return false;
        }
        let (tag, name, local) = (self.name(element), self.slice(attribute.name_span()), attribute.name());
        let known = self.expected(element, attribute, pat, present);
        let names: Vec<String> = known.into_iter().map(|(name, _)| name).collect();
        let other = around.and_then(|around| self.form_around(element, attribute, around));
        let is_foreign = other.is_some();
        let mut message = format!("`<{tag}>` takes no attribute `{name}`");
        if !lacks.is_empty() && !is_foreign {
            message = format!("{message}, and {lacks}");
        }
        let mut diagnostic = Diagnostic::at(&UNKNOWN_ATTRIBUTE, attribute.name_span(), message);
        let mut help =
            if names.is_empty() { "remove it".to_owned() } else { expected(local, &names, "attributes", code) };
        if let Some((culprit, forms)) = other {
            diagnostic = diagnostic.label(culprit.span(), "this decides which attributes go with it");
            help = format!("{help}\n`{name}` goes with {}", any_of(&forms, code));
        }
        let children = self.schema.elements(&self.engine.arena, pat, false);
        let like = |c: &&Candidate| self.schema.known_name(c.symbol) == Some(("", local));
        if let Some(child) = children.iter().find(like).filter(|_| element.child(local).is_none()) {
            let written =
                format!("`{name}` is an element: write `<{name}>{}</{name}>` in it", short(attribute.value()));
            help = with_doc(written, self.schema.text(child.doc));
        }
        self.push(diagnostic.help(help).alternatives(names));
        is_foreign
    }

    fn faulty_value(
        &mut self,
        element: Element<'d>,
        attribute: Attribute<'d>,
        fresh: Pat,
        pat: Pat,
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
        let derived = self.engine.attribute(pat, symbol);
        let patterns: Vec<Pat> = self.engine.branches(derived).into_iter().map(|(value, _)| value).collect();
        let docs = self.attribute_docs(pat, symbol);
        let span = attribute.value_span();
        let diagnostic = if allowed(self, fresh) {
            let culprit = self.culprit(element, fresh, taken, &mut allowed);
            let with = culprit.map(|c| self.written(c)).unwrap_or_default();
            let message = format!("`{name}='{shown}'` does not go with `{with}` in `<{tag}>`");
            let diagnostic = Diagnostic::at(&BAD_VALUE, span, message);
            match culprit {
                Some(culprit) => diagnostic.label(culprit.span(), "this decides which values go with it"),
                None => diagnostic,
            }
        } else {
            let message = match attribute.value().trim() {
                "" => format!("attribute `{name}` of `<{tag}>` is empty"),
                _ => format!("`{shown}` is no value of attribute `{name}` of `<{tag}>`"),
            };
            Diagnostic::at(&BAD_VALUE, span, message)
        };
        self.bad_value(diagnostic, &Faulty { value: attribute.value(), patterns, docs: &docs, replaceable: true });
    }

    /// An attribute as it is written, with single quotes.
    pub(super) fn written(&self, attribute: Attribute<'d>) -> String {
        format!("{}='{}'", self.slice(attribute.name_span()), short(attribute.value()))
    }
}
