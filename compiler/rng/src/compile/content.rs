//! What patterns hold, for the restrictions: content types (specification 7.2), names (7.3, 7.4).

use std::collections::BTreeMap;
use std::rc::Rc;

use super::translate::Translated;
use crate::engine::arena::{Arena, Kind, Pat};

/// The content type of a pattern, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Content {
    Empty,
    Complex,
    Simple,
}

/// A set of symbols.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    fn put(&mut self, symbol: usize) {
        if self.0.len() <= symbol / 64 {
            self.0.resize(symbol / 64 + 1, 0);
        }
        if let Some(word) = self.0.get_mut(symbol / 64) {
            *word |= 1 << (symbol % 64);
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }

    /// A symbol that is in both.
    pub(super) fn common(&self, other: &Self) -> Option<usize> {
        let both = self.0.iter().zip(&other.0).map(|(a, b)| a & b).enumerate().find(|(_, both)| *both != 0);
        both.map(|(at, both)| at * 64 + both.trailing_zeros() as usize)
    }
}

/// What stands in a pattern outside of its elements.
#[derive(Debug, Default)]
pub(super) struct Inside {
    pub attributes: Bits,
    pub elements: Bits,
    pub text: bool,
}

/// Works out and remembers.
pub(super) struct Contents<'t> {
    pub translated: &'t Translated,
    pub arena: &'t Arena<'t>,
    inside: BTreeMap<Pat, Rc<Inside>>,
    types: BTreeMap<Pat, Option<Content>>,
}

impl<'t> Contents<'t> {
    pub(super) fn new(translated: &'t Translated, arena: &'t Arena<'t>) -> Self {
        Self { translated, arena, inside: BTreeMap::new(), types: BTreeMap::new() }
    }

    fn parts(&self, pat: Pat) -> Vec<Pat> {
        self.arena.operands(pat).iter().map(|p| Pat(*p)).collect()
    }

    fn set(&self, names: u32) -> Bits {
        let set = self.translated.names.names.set(names);
        let mut bits = Bits::default();
        for symbol in 0..self.translated.names.size() {
            if set.contains(crate::engine::names::Symbol(u32::try_from(symbol).unwrap_or(u32::MAX))) {
                bits.put(symbol);
            }
        }
        bits
    }

    /// Whether a name set has names without end.
    pub(super) fn is_infinite(&self, names: u32) -> bool {
        let set = self.translated.names.names.set(names);
        let known = self.translated.names.names.known.len();
        set.all_but || set.listed.last().is_some_and(|symbol| *symbol as usize >= known)
    }

    pub(super) fn inside(&mut self, pat: Pat) -> Rc<Inside> {
        if let Some(known) = self.inside.get(&pat) {
            return Rc::clone(known);
        }
        let mut inside = Inside::default();
        match self.arena.kind(pat) {
            Kind::Attribute => inside.attributes = self.set(self.arena.operand(pat, 0)),
            Kind::Element => {
                let definition = self.translated.definitions.get(self.arena.operand(pat, 0) as usize);
                inside.elements = definition.map(|d| self.set(d.names)).unwrap_or_default();
            }
            Kind::Text => inside.text = true,
            Kind::OneOrMore | Kind::Group | Kind::Interleave | Kind::Choice => {
                for part in self.parts(pat) {
                    let found = self.inside(part);
                    inside.attributes.join(&found.attributes);
                    inside.elements.join(&found.elements);
                    inside.text |= found.text;
                }
            }
            Kind::NotAllowed | Kind::Empty | Kind::Data | Kind::Value | Kind::List | Kind::After => {}
        }
        let inside = Rc::new(inside);
        self.inside.insert(pat, Rc::clone(&inside));
        inside
    }

    /// The content type; `None` where text that is a value stands beside something else.
    pub(super) fn content_type(&mut self, pat: Pat) -> Option<Content> {
        if let Some(known) = self.types.get(&pat) {
            return *known;
        }
        let found = match self.arena.kind(pat) {
            Kind::Value | Kind::List => Some(Content::Simple),
            Kind::Data => match self.arena.part(pat, 1) {
                Pat::NOT_ALLOWED => Some(Content::Simple),
                except => self.content_type(except).map(|_| Content::Simple),
            },
            Kind::Text | Kind::Element => Some(Content::Complex),
            Kind::NotAllowed | Kind::Empty | Kind::After => Some(Content::Empty),
            Kind::Attribute => {
                let value = self.arena.part(pat, 1);
                self.content_type(value).map(|_| Content::Empty)
            }
            Kind::OneOrMore => {
                let repeated = self.arena.part(pat, 0);
                self.content_type(repeated).filter(|found| *found != Content::Simple)
            }
            Kind::Choice => self.greatest(pat),
            Kind::Group | Kind::Interleave => {
                let full =
                    self.parts(pat).into_iter().filter(|part| self.content_type(*part) != Some(Content::Empty)).count();
                self.greatest(pat).filter(|found| *found != Content::Simple || full < 2)
            }
        };
        self.types.insert(pat, found);
        found
    }

    fn greatest(&mut self, pat: Pat) -> Option<Content> {
        let mut greatest = Content::Empty;
        for part in self.parts(pat) {
            greatest = greatest.max(self.content_type(part)?);
        }
        Some(greatest)
    }
}
