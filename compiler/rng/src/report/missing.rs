//! What is missing: attributes when a start tag is closed, elements when an element ends.

use std::collections::{BTreeMap, BTreeSet};

use virtc_diag::{Diagnostic, Safety, Span};
use virtc_xml::Element;

use super::Reporter;
use super::wording::{all_of, any_of, code, escaped, tag, with_doc};
use crate::codes::{MISSING_ATTRIBUTE, MISSING_ELEMENT};
use crate::engine::arena::{Arena, Kind, Pat};
use crate::engine::names::Symbol;
use crate::engine::run::Open;

/// More ways than this to mend a fault are not looked at.
const MAX_WAYS: usize = 24;

/// Leaves that together would do.
pub(super) type Way = BTreeSet<Pat>;

/// The ways in which a pattern can be satisfied, the least first. `closed` says whether attributes are over.
pub(super) fn ways(arena: &Arena<'_>, pat: Pat, closed: bool) -> Vec<Way> {
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

/// Attributes that are missing.
pub(super) struct Lacked {
    /// How many at least.
    pub number: usize,
    /// "lacks attribute `a`", empty where the attributes do not go together.
    pub said: String,
    pub help: String,
    /// The values that the one attribute can have.
    values: Vec<String>,
    /// The attribute as it is to be written, where there is only one way.
    fix: Option<String>,
}

impl<'d> Reporter<'_, '_, 'd> {
    /// The attributes without which the start tag cannot be closed. `None` where that is said already.
    pub(super) fn lacked(&mut self, start: Pat, element: Element<'d>, pat: Pat) -> Option<Lacked> {
        if self.is_full() || !self.complete {
            return None;
        }
        let ways = ways(&self.engine.arena, pat, false);
        // A child that is meant as the attribute is reported, and says so.
        let stray = |child: Element<'d>| child.children().next().is_none() && !self.is_in(pat, self.symbol(child));
        if self.is_told(&ways, &|name| element.child(name).is_some_and(stray)) {
            return None;
        }
        let number = ways.first().map_or(0, Way::len);
        let (said, doc) = self.shown(&ways, element, code);
        let word = if number > 1 { "attributes" } else { "attribute" };
        let said = if said.is_empty() { said } else { format!("lacks {word} {said}") };
        let mut lacked = Lacked { number, said, help: self.schema.text(doc).to_owned(), values: Vec::new(), fix: None };
        if number == 1 {
            self.say_values(start, element, pat, &ways, &mut lacked);
        }
        Some(lacked)
    }

    /// Says what the one attribute that is missing can be, and which of that the content fits.
    fn say_values(&mut self, start: Pat, element: Element<'d>, pat: Pat, ways: &[Way], lacked: &mut Lacked) {
        let leaves: BTreeSet<Pat> = ways.iter().filter(|way| way.len() == 1).flatten().copied().collect();
        let sets: BTreeSet<u32> = leaves.iter().map(|leaf| self.engine.arena.operand(*leaf, 0)).collect();
        let symbols: Vec<u32> = sets.iter().flat_map(|set| self.schema.names.set(*set).listed).copied().collect();
        let [symbol] = symbols.as_slice() else { return };
        let Some(name) = self.written_name(Symbol(*symbol), element) else { return };
        let values: Vec<Pat> = leaves.iter().map(|leaf| self.engine.arena.part(*leaf, 1)).collect();
        let values = self.schema.values(&self.engine.arena, &values);
        if values.words.is_empty() || !values.forms.is_empty() {
            return;
        }
        let mut fits = self.fits(start, element, pat, Symbol(*symbol));
        if fits.len() < values.words.len() && !fits.is_empty() {
            lacked.said = format!("{}, and the content is that of {}", lacked.said, any_of(&fits, code));
        } else {
            fits.clone_from(&values.words);
        }
        lacked.help = match fits.as_slice() {
            [single] => {
                let single = format!("{name}='{}'", escaped(single));
                let said = format!("add `{single}`");
                lacked.fix = Some(single);
                with_doc(said, &lacked.help)
            }
            _ => with_doc(format!("`{name}` can be {}", any_of(&values.words, code)), &lacked.help),
        };
        lacked.values = fits;
    }

    /// Reports attributes without which the start tag cannot be closed.
    pub(super) fn missing_attributes(&mut self, element: Element<'d>, lacked: &Lacked) {
        let name = self.name(element);
        let message = match &*lacked.said {
            "" => format!("the attributes of `<{name}>` do not go together"),
            said => format!("`<{name}>` {said}"),
        };
        let mut diagnostic = Diagnostic::at(&MISSING_ATTRIBUTE, element.name_span(), message);
        diagnostic = diagnostic.help(&*lacked.help).alternatives(lacked.values.clone());
        if let Some(fix) = &lacked.fix {
            let at = Span::at(element.name_span().range().end);
            diagnostic = diagnostic.fix(Safety::Unsafe, format!("add `{fix}`"), at, format!(" {fix}"));
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
        // So is an attribute that is meant as the element.
        let written = |name: &str| element.attribute(name).is_some_and(|a| self.checked.is_faulty_attribute(a));
        if self.is_told(&ways, &written) {
            return;
        }
        let is_text = |pat: &Pat| self.engine.arena.kind(*pat) != Kind::Element;
        if faults > 0 && ways.iter().any(|way| way.iter().any(is_text)) {
            return;
        }
        let (said, doc) = self.shown(&ways, element, tag);
        let message = if said.is_empty() {
            format!("`<{}>` is not complete", self.name(element))
        } else {
            format!("`<{}>` lacks {said}", self.name(element))
        };
        // Where only one element would do, it is shown as it can be written.
        let sample = match ways.as_slice() {
            [way] if way.len() == 1 => way.first().and_then(|leaf| self.sample(*leaf, element)),
            _ => None,
        };
        let said = sample.map_or_else(String::new, |sample| format!("add `{sample}`"));
        let help = with_doc(said, self.schema.text(doc));
        self.push(Diagnostic::at(&MISSING_ELEMENT, element.name_span(), message).help(help));
    }

    /// Whether all that is missing in one of the ways is there in another guise.
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
            Kind::NotAllowed
            | Kind::Empty
            | Kind::Text
            | Kind::Data
            | Kind::Value
            | Kind::List
            | Kind::OneOrMore
            | Kind::Group
            | Kind::Interleave
            | Kind::Choice
            | Kind::After => None,
        };
        let Some(set) = names.map(|names| self.schema.names.set(names)).filter(|set| !set.all_but) else {
            return Vec::new();
        };
        set.listed.iter().filter_map(|symbol| self.schema.known_name(Symbol(*symbol))).map(|(_, local)| local).collect()
    }

    /// The least ways in words, and the documentation of the one thing that is missing.
    fn shown(&self, ways: &[Way], place: Element<'d>, decorate: fn(&str) -> String) -> (String, u32) {
        let fewest = ways.first().map_or(0, Way::len);
        let mut texts: Vec<String> = Vec::new();
        let mut docs = BTreeSet::new();
        for way in ways.iter().filter(|way| way.len() == fewest) {
            let leaves: Vec<(String, u32)> = way.iter().map(|leaf| self.leaf(*leaf, place, decorate)).collect();
            let names: Vec<&str> = leaves.iter().map(|(name, _)| name.as_str()).collect();
            let text = all_of(&names, str::to_owned);
            docs.insert(leaves.first().map_or(0, |(_, doc)| *doc));
            if !text.is_empty() && !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts.sort();
        // Of several forms, none speaks for all.
        let doc = docs.first().copied().filter(|_| fewest == 1 && docs.len() == 1 && texts.len() == 1);
        (any_of(&texts, str::to_owned), doc.unwrap_or_default())
    }

    fn leaf(&self, leaf: Pat, place: Element<'d>, decorate: fn(&str) -> String) -> (String, u32) {
        let arena = &self.engine.arena;
        let (names, doc) = match arena.kind(leaf) {
            Kind::Attribute => (arena.operand(leaf, 0), arena.operand(leaf, 2)),
            Kind::Element => match self.schema.definition(arena.operand(leaf, 0)) {
                Some(definition) => (definition.names, definition.doc),
                None => return (String::new(), 0),
            },
            Kind::NotAllowed
            | Kind::Empty
            | Kind::Text
            | Kind::Data
            | Kind::Value
            | Kind::List
            | Kind::OneOrMore
            | Kind::Group
            | Kind::Interleave
            | Kind::Choice
            | Kind::After => return ("text".to_owned(), 0),
        };
        let set = self.schema.names.set(names);
        let names: Vec<String> =
            set.listed.iter().filter_map(|symbol| self.written_name(Symbol(*symbol), place)).collect();
        if set.all_but || names.is_empty() {
            return ("one of any name".to_owned(), doc);
        }
        (any_of(&names, decorate), doc)
    }
}
