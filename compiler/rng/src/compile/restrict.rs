//! The restrictions of specification section 7.

use std::collections::BTreeSet;

use super::content::Contents;
use super::symbols::Symbols;
use super::translate::Translated;
use crate::engine::arena::{Arena, Kind, Pat};
use crate::engine::names::Symbol;
use crate::error::{Fault, Place};

/// What a pattern is in, as bits.
const ATTRIBUTE: u8 = 1;
const REPEAT: u8 = 2;
const REPEATED_GROUP: u8 = 4;
const LIST: u8 = 8;
const EXCEPT: u8 = 16;
const START: u8 = 32;

/// Where there are more faults than this, parts are compared no more.
const MAX_FAULTS: usize = 100;

struct Checker<'t> {
    contents: Contents<'t>,
    seen: BTreeSet<(Pat, u8)>,
    faults: Vec<Fault>,
}

pub(super) fn check(translated: &Translated) -> Result<(), Vec<Fault>> {
    let arena = Arena::new(&translated.nodes);
    let contents = Contents::new(translated, &arena);
    let mut checker = Checker { contents, seen: BTreeSet::new(), faults: Vec::new() };
    checker.walk(translated.start, START, translated.start_place);
    // Elements next to what is not allowed went with it.
    let (_, needed) = super::pack::needed(&arena, translated);
    for number in needed.into_keys() {
        let at = number as usize;
        let (Some(definition), Some(place)) = (translated.definitions.get(at), translated.places.get(at)) else {
            continue;
        };
        if checker.contents.content_type(definition.content).is_none() {
            checker.fault(
                *place,
                "a value is mixed with other content in this element, so that text could not be told apart",
            );
        }
        checker.walk(definition.content, 0, *place);
    }
    checker.faults.sort_by_key(|fault| fault.at);
    if checker.faults.is_empty() { Ok(()) } else { Err(checker.faults) }
}

impl Checker<'_> {
    fn fault(&mut self, at: Place, message: impl Into<String>) {
        self.faults.push(Fault::new(at, message));
    }

    /// Checks a pattern that is in what `within` says, near `near`.
    fn walk(&mut self, pat: Pat, within: u8, near: Place) {
        if !self.seen.insert((pat, within)) {
            return;
        }
        let arena = self.contents.arena;
        let kind = arena.kind(pat);
        let here = self.contents.translated.pattern_places.get(&pat).copied();
        self.place(kind, within, here.filter(|_| kind != Kind::Text).unwrap_or(near));
        let parts: Vec<Pat> = arena.operands(pat).iter().map(|p| Pat(*p)).collect();
        match kind {
            Kind::Attribute => {
                let at = here.unwrap_or(near);
                if within & REPEAT == 0 && self.contents.is_infinite(arena.operand(pat, 0)) {
                    self.fault(at, "an attribute with any name must be allowed more than once");
                }
                let value = arena.part(pat, 1);
                if self.contents.content_type(value).is_none() {
                    self.fault(at, "a value is mixed with other content in this attribute");
                }
                self.walk(value, (within & !START) | ATTRIBUTE, at);
            }
            Kind::OneOrMore => parts.iter().for_each(|part| self.walk(*part, within | REPEAT, near)),
            Kind::Group | Kind::Interleave => {
                let inner = if within & REPEAT == 0 { within } else { within | REPEATED_GROUP };
                for part in &parts {
                    self.walk(*part, inner, near);
                }
                self.apart(kind, &parts, near);
            }
            Kind::Choice => parts.iter().for_each(|part| self.walk(*part, within, near)),
            Kind::List => parts.iter().for_each(|part| self.walk(*part, within | LIST, here.unwrap_or(near))),
            Kind::Data => {
                let except = arena.part(pat, 1);
                if except != Pat::NOT_ALLOWED {
                    self.walk(except, within | EXCEPT, here.unwrap_or(near));
                }
            }
            Kind::NotAllowed | Kind::Empty | Kind::Text | Kind::Value | Kind::Element | Kind::After => {}
        }
    }

    /// Whether a pattern of this kind is allowed here (7.1).
    fn place(&mut self, kind: Kind, within: u8, at: Place) {
        let text = matches!(kind, Kind::Text);
        let compound = matches!(kind, Kind::Group | Kind::Interleave | Kind::OneOrMore);
        let (is_attribute, is_list) = (kind == Kind::Attribute, kind == Kind::List);
        let value = matches!(kind, Kind::Data | Kind::Value);
        let what = match kind {
            Kind::Attribute => "an attribute",
            Kind::Element => "an element",
            Kind::List => "a list",
            Kind::Text => "text",
            Kind::Interleave => "an interleave",
            Kind::Group => "a group",
            Kind::OneOrMore => "a repetition",
            Kind::Empty => "empty",
            Kind::Data | Kind::Value => "a value",
            Kind::NotAllowed | Kind::Choice | Kind::After => return,
        };
        let rules = [
            (ATTRIBUTE, is_attribute || kind == Kind::Element, "an attribute"),
            (REPEATED_GROUP, is_attribute, "a group or interleave that is repeated"),
            (LIST, is_attribute || kind == Kind::Element || is_list || text || kind == Kind::Interleave, "a list"),
            (
                EXCEPT,
                is_attribute || kind == Kind::Element || is_list || text || compound || kind == Kind::Empty,
                "what is excepted from a datatype",
            ),
            (
                START,
                is_attribute || is_list || text || compound || value || kind == Kind::Empty,
                "the start, outside of any element",
            ),
        ];
        for (place, forbidden, name) in rules {
            if within & place != 0 && forbidden {
                self.fault(at, format!("{what} is not allowed in {name}"));
            }
        }
    }

    /// Whether the parts of a group or interleave can be told apart (7.3, 7.4).
    fn apart(&mut self, kind: Kind, parts: &[Pat], near: Place) {
        if self.faults.len() >= MAX_FAULTS {
            return;
        }
        let (mut attributes, mut elements, mut text) = (Symbols::default(), Symbols::default(), false);
        let size = u32::try_from(self.contents.translated.names.size()).unwrap_or(u32::MAX);
        for part in parts {
            let inside = self.contents.inside(*part);
            let at = self.contents.translated.pattern_places.get(part).copied().unwrap_or(near);
            if let Some(symbol) = attributes.common(&inside.attributes, size) {
                self.fault(at, format!("attribute {} is twice in a group", self.shown(symbol)));
            }
            attributes.join(&inside.attributes);
            if kind == Kind::Interleave {
                if let Some(symbol) = elements.common(&inside.elements, size) {
                    self.fault(at, format!("element {} is in two parts of an interleave", self.shown(symbol)));
                }
                if text && inside.text {
                    self.fault(near, "text is in two parts of an interleave");
                }
                elements.join(&inside.elements);
                text |= inside.text;
            }
        }
    }

    fn shown(&self, symbol: u32) -> String {
        let name = self.contents.translated.local_name(Symbol(symbol));
        name.map_or_else(|| "of any name".to_owned(), |name| format!("`{name}`"))
    }
}
