//! What is missing: attributes when a start tag is closed, elements when an element ends.

use std::collections::{BTreeMap, BTreeSet};

use virtc_diag::Diagnostic;
use virtc_xml::Element;

use super::Reporter;
use super::wording::{all_of, code, tag, with_doc};
use crate::codes::{MISSING_ATTRIBUTE, MISSING_ELEMENT};
use crate::engine::arena::{Arena, Kind, Pat};
use crate::engine::names::Symbol;
use crate::engine::run::Open;

/// More ways than this to mend a fault are not looked at.
const MAX_WAYS: usize = 24;

/// Leaves that together would do.
type Way = BTreeSet<Pat>;

/// The ways in which a pattern can be satisfied, the least first. `closed` says whether attributes are over.
fn ways(arena: &Arena<'_>, pat: Pat, closed: bool) -> Vec<Way> {
    known_ways(arena, pat, closed, &mut BTreeMap::new())
}

fn known_ways(arena: &Arena<'_>, pat: Pat, closed: bool, known: &mut BTreeMap<Pat, Vec<Way>>) -> Vec<Way> {
    if (closed && arena.nullable(pat)) || (!closed && !arena.has_attributes(pat)) {
        return if pat == Pat::NOT_ALLOWED { Vec::new() } else { vec![Way::new()] };
    }
    if let Some(ways) = known.get(&pat) {
        return ways.clone();
    }
    let kind = arena.kind(pat);
    let parts = || arena.operands(pat).iter().map(|p| Pat(*p));
    let mut out = match kind {
        Kind::NotAllowed => Vec::new(),
        Kind::Empty | Kind::Text => vec![Way::new()],
        Kind::Attribute if closed => Vec::new(),
        Kind::Attribute | Kind::Element | Kind::Data | Kind::Value | Kind::List => vec![Way::from([pat])],
        Kind::OneOrMore | Kind::After => known_ways(arena, arena.part(pat, 0), closed, known),
        Kind::Choice => parts().flat_map(|part| known_ways(arena, part, closed, known)).collect(),
        Kind::Group | Kind::Interleave => parts().fold(vec![Way::new()], |all, part| {
            let more = known_ways(arena, part, closed, known);
            let pairs = all.iter().flat_map(|a| more.iter().map(move |b| a | b));
            let mut pairs: Vec<Way> = pairs.take(MAX_WAYS * MAX_WAYS).collect();
            least(&mut pairs);
            pairs
        }),
    };
    least(&mut out);
    known.insert(pat, out.clone());
    out
}

/// Drops ways that ask for more than another, and all beyond a number.
fn least(ways: &mut Vec<Way>) {
    ways.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    ways.dedup();
    if ways.first().is_some_and(Way::is_empty) {
        ways.truncate(1);
    }
    ways.truncate(MAX_WAYS);
}

impl<'d> Reporter<'_, '_, 'd> {
    /// Reports attributes without which the start tag cannot be closed.
    pub(super) fn missing_attributes(&mut self, element: Element<'d>, pat: Pat) {
        self.checked.lacking.insert(element.id());
        if self.is_full() || !self.complete {
            return;
        }
        let ways = ways(&self.engine.arena, pat, false);
        // A child that stands for the attribute is reported, and says so.
        let stray = |child: Element<'d>| child.children().next().is_none() && !self.is_in(pat, self.symbol(child));
        if self.is_told(&ways, &|name| element.child(name).is_some_and(stray)) {
            return;
        }
        let (said, doc) = self.shown(&ways, code);
        let word = if ways.first().is_some_and(|way| way.len() > 1) { "attributes" } else { "attribute" };
        let message = if said.is_empty() {
            format!("the attributes of `<{}>` do not go together", self.name(element))
        } else {
            format!("`<{}>` lacks {word} {said}", self.name(element))
        };
        let mut diagnostic = Diagnostic::new(&MISSING_ATTRIBUTE, element.name_span(), message);
        let help = with_doc(String::new(), self.schema.text(doc));
        if !help.is_empty() {
            diagnostic = diagnostic.help(help);
        }
        self.push(diagnostic);
    }

    /// Reports children without which an element cannot end. Where a fault among the children was reported already, that may be why.
    pub(super) fn missing_elements(&mut self, element: Element<'d>, open: Open, faults: usize) {
        self.checked.lacking.insert(element.id());
        if self.is_full() || !self.complete {
            return;
        }
        let ways = ways(&self.engine.arena, open.pat, true);
        // So is an attribute that stands for the element.
        let written = |name: &str| element.attribute(name).is_some_and(|a| self.checked.is_faulty_attribute(a));
        if self.is_told(&ways, &written) {
            return;
        }
        let is_text = |pat: &Pat| self.engine.arena.kind(*pat) != Kind::Element;
        if faults > 0 && ways.iter().any(|way| way.iter().any(is_text)) {
            return;
        }
        let (said, doc) = self.shown(&ways, tag);
        let message = if said.is_empty() {
            format!("`<{}>` is not complete", self.name(element))
        } else {
            format!("`<{}>` lacks {said}", self.name(element))
        };
        let mut diagnostic = Diagnostic::new(&MISSING_ELEMENT, element.name_span(), message);
        let help = with_doc(String::new(), self.schema.text(doc));
        if !help.is_empty() {
            diagnostic = diagnostic.help(help);
        }
        self.push(diagnostic);
    }

    /// Whether all that is missing in one of the ways stands there in another guise.
    fn is_told(&self, ways: &[Way], is_there: &dyn Fn(&str) -> bool) -> bool {
        let told = |leaf: &Pat| self.names_of(*leaf).into_iter().any(is_there);
        ways.iter().any(|way| !way.is_empty() && way.iter().all(told))
    }

    /// The local names of an attribute or an element.
    fn names_of(&self, leaf: Pat) -> Vec<&str> {
        let arena = &self.engine.arena;
        let names = match arena.kind(leaf) {
            Kind::Attribute => Some(arena.operand(leaf, 0)),
            Kind::Element => self.schema.definition(arena.operand(leaf, 0)).map(|definition| definition.names),
            _ => None,
        };
        let Some(set) = names.map(|names| self.schema.names.set(names)).filter(|set| !set.all_but) else {
            return Vec::new();
        };
        set.listed.iter().filter_map(|symbol| self.schema.known_name(Symbol(*symbol))).map(|(_, local)| local).collect()
    }

    /// The least ways in words, and the documentation of the one thing that is missing.
    fn shown(&self, ways: &[Way], decorate: fn(&str) -> String) -> (String, u32) {
        let fewest = ways.first().map_or(0, Way::len);
        let mut texts: Vec<String> = Vec::new();
        let mut doc = 0;
        for way in ways.iter().filter(|way| way.len() == fewest) {
            let leaves: Vec<(String, u32)> = way.iter().map(|leaf| self.leaf(*leaf, decorate)).collect();
            let names: Vec<&str> = leaves.iter().map(|(name, _)| name.as_str()).collect();
            let text = all_of(&names, str::to_owned);
            if !text.is_empty() && !texts.contains(&text) {
                texts.push(text);
                doc = if leaves.len() == 1 { leaves.first().map_or(0, |(_, doc)| *doc) } else { 0 };
            }
        }
        texts.sort();
        let doc = if texts.len() == 1 { doc } else { 0 };
        (super::wording::any_of(&texts, str::to_owned), doc)
    }

    fn leaf(&self, leaf: Pat, decorate: fn(&str) -> String) -> (String, u32) {
        let arena = &self.engine.arena;
        let (names, doc) = match arena.kind(leaf) {
            Kind::Attribute => (arena.operand(leaf, 0), arena.operand(leaf, 2)),
            Kind::Element => match self.schema.definition(arena.operand(leaf, 0)) {
                Some(definition) => (definition.names, definition.doc),
                None => return (String::new(), 0),
            },
            _ => return ("text".to_owned(), 0),
        };
        let set = self.schema.names.set(names);
        let known = set.listed.iter().filter_map(|symbol| self.schema.known_name(Symbol(*symbol)));
        let names: Vec<&str> = known.map(|(_, local)| local).collect();
        if set.all_but || names.is_empty() {
            return ("one of any name".to_owned(), doc);
        }
        (super::wording::any_of(&names, decorate), doc)
    }
}
