//! What patterns hold, for the restrictions: content types (specification 7.2), names (7.3, 7.4).

use std::collections::BTreeMap;
use std::rc::Rc;

use super::symbols::Symbols;
use super::translate::Translated;
use crate::engine::arena::{Arena, Kind, Pat};

/// The content type of a pattern, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Content {
    Empty,
    Complex,
    Simple,
}

/// What is in a pattern outside of its elements.
#[derive(Debug, Default)]
pub(super) struct Inside {
    pub attributes: Symbols,
    pub elements: Symbols,
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

    fn set(&self, names: u32) -> Symbols {
        let set = self.translated.names.names.set(names);
        Symbols { all_but: set.all_but, listed: set.listed.iter().copied().collect() }
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

    /// The content type; `None` where text that is a value is mixed with something else.
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
