//! Values and text against patterns.

use rustc_hash::FxHashMap;

use super::arena::{Kind, Pat};
use super::derive::Engine;
use crate::datatype::{Context, TypeId, is_blank};
use crate::schema::Schema;

/// What was left of patterns once they had seen values.
pub(super) struct Values {
    known: FxHashMap<Pat, FxHashMap<Box<str>, Pat>>,
    count: usize,
    /// Whether a value can mean one thing here and another there, as a name with a prefix does. Then none is remembered.
    by_place: bool,
}

impl Values {
    pub(super) fn new(schema: &Schema) -> Self {
        let literals = schema.literals.iter().map(|(ty, ..)| *ty);
        let by_place = schema.datatypes.iter().map(|datatype| datatype.ty).chain(literals).any(TypeId::is_by_place);
        Self { known: FxHashMap::default(), count: 0, by_place }
    }
}

/// Longer values are not remembered, in bytes.
const LONGEST: usize = 64;
/// More values than this are forgotten.
const MAX_VALUES: usize = 1 << 14;

impl Engine<'_> {
    /// Whether `pat` takes `text` as the whole of an attribute's value or of an element's content.
    pub(crate) fn accepts(&mut self, pat: Pat, text: &str, context: Context<'_>) -> bool {
        let blank = self.arena.nullable(pat) && is_blank(text);
        if blank || matches!(self.arena.kind(pat), Kind::Text | Kind::Value | Kind::Empty | Kind::NotAllowed) {
            return blank || self.takes(pat, text, context);
        }
        let derive = |engine: &mut Self| if engine.takes(pat, text, context) { Pat::EMPTY } else { Pat::NOT_ALLOWED };
        self.remembered(pat, text, derive) == Pat::EMPTY
    }

    /// As [`Self::accepts`], without a memory.
    pub(super) fn fits(&mut self, pat: Pat, text: &str, context: Context<'_>) -> bool {
        (self.arena.nullable(pat) && is_blank(text)) || self.takes(pat, text, context)
    }

    /// What `derive` makes of `pat` and `text`. What was asked before is answered from memory: documents repeat their values.
    pub(super) fn remembered(&mut self, pat: Pat, text: &str, derive: impl FnOnce(&mut Self) -> Pat) -> Pat {
        if text.len() > LONGEST || self.values.by_place {
            return derive(self);
        }
        if let Some(known) = self.values.known.get(&pat).and_then(|values| values.get(text)) {
            return *known;
        }
        let derived = derive(self);
        if self.values.count >= MAX_VALUES {
            self.values.known.clear();
            self.values.count = 0;
        }
        self.values.count += 1;
        self.values.known.entry(pat).or_default().insert(text.into(), derived);
        derived
    }

    /// Whether `pat` takes `text` and nothing else.
    fn takes(&mut self, pat: Pat, text: &str, context: Context<'_>) -> bool {
        match self.arena.kind(pat) {
            Kind::NotAllowed | Kind::Empty | Kind::Attribute | Kind::Element | Kind::After => false,
            Kind::Text => true,
            Kind::Data => self.is_data(pat, text, context),
            Kind::Value => self.is_value(pat, text, context),
            Kind::List => {
                let inner = self.arena.part(pat, 0);
                self.takes_list(inner, text, context)
            }
            Kind::OneOrMore | Kind::Choice => {
                (0..self.arena.operands(pat).len()).any(|at| self.takes(self.arena.part(pat, at), text, context))
            }
            Kind::Group | Kind::Interleave => {
                let count = self.arena.operands(pat).len();
                let needed = (0..count).filter(|at| !self.arena.nullable(self.arena.part(pat, *at))).count();
                needed < 2
                    && (0..count).any(|at| {
                        let single = self.arena.part(pat, at);
                        (needed == 0 || !self.arena.nullable(single)) && self.takes(single, text, context)
                    })
            }
        }
    }

    fn is_data(&mut self, pat: Pat, text: &str, context: Context<'_>) -> bool {
        let schema = self.schema;
        let datatype = schema.datatypes.get(self.arena.operand(pat, 0) as usize);
        let except = self.arena.part(pat, 1);
        datatype.is_some_and(|d| d.allows(text, context))
            && (except == Pat::NOT_ALLOWED || !self.accepts(except, text, context))
    }

    fn is_value(&self, pat: Pat, text: &str, context: Context<'_>) -> bool {
        self.schema.literal(self.arena.operand(pat, 0)).is_some_and(|literal| literal.equals(text, context))
    }

    /// Whether the words of `text` match `pat` one after the other.
    fn takes_list(&mut self, pat: Pat, text: &str, context: Context<'_>) -> bool {
        let mut pat = pat;
        for word in text.split([' ', '\t', '\n', '\r']).filter(|word| !word.is_empty()) {
            pat = self.word(pat, word, context);
            if pat == Pat::NOT_ALLOWED {
                return false;
            }
        }
        self.arena.nullable(pat)
    }

    /// `pat` once one word of a list was seen.
    fn word(&mut self, pat: Pat, word: &str, context: Context<'_>) -> Pat {
        let parts: Vec<Pat> = self.arena.operands(pat).iter().map(|p| Pat(*p)).collect();
        let kind = self.arena.kind(pat);
        let mut out = Vec::new();
        match kind {
            Kind::Data | Kind::Value => {
                return if self.takes(pat, word, context) { Pat::EMPTY } else { Pat::NOT_ALLOWED };
            }
            Kind::Text => return pat,
            Kind::Choice => {
                for part in parts {
                    out.push(self.word(part, word, context));
                }
            }
            Kind::OneOrMore => {
                for part in parts {
                    let derived = self.word(part, word, context);
                    let more = self.arena.choice(&[pat, Pat::EMPTY]);
                    out.push(self.arena.group(&[derived, more]));
                }
            }
            Kind::Group => {
                for (at, part) in parts.iter().enumerate() {
                    let derived = self.word(*part, word, context);
                    let later = parts.get(at + 1..).unwrap_or_default();
                    let all: Vec<Pat> = [derived].into_iter().chain(later.iter().copied()).collect();
                    out.push(self.arena.group(&all));
                    if !self.arena.nullable(*part) {
                        break;
                    }
                }
            }
            // The specification allows none of these in a list.
            Kind::NotAllowed
            | Kind::Empty
            | Kind::List
            | Kind::Attribute
            | Kind::Element
            | Kind::Interleave
            | Kind::After => {}
        }
        self.arena.choice(&out)
    }
}
