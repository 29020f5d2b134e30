//! A simplified schema, ready for runs.

use std::borrow::Cow;

use crate::datatype::{Datatype, Literal, TypeId};
use crate::engine::arena::Pat;
use crate::engine::names::Names;
use crate::engine::nodes::Nodes;
use crate::synonyms::Synonyms;

/// An element of the schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Definition {
    /// A name set.
    pub names: u32,
    pub content: Pat,
    /// A text, 0 where there is none.
    pub doc: u32,
    /// How interleaves are nested in it: an index into `orders`, 0 where they are not.
    pub order: u32,
}

/// A compiled schema; the default one takes no document. It never changes, so threads may share it; each run has its own working memory.
#[derive(Debug, Default)]
pub struct Schema {
    pub(crate) nodes: Nodes,
    pub(crate) start: Pat,
    pub(crate) names: Names,
    pub(crate) definitions: Vec<Definition>,
    pub(crate) datatypes: Vec<Datatype>,
    /// How interleaves are nested, as written; see the file that reads it.
    pub(crate) orders: Vec<u32>,
    /// The patterns that `orders` speaks of.
    pub(crate) order_patterns: Vec<Pat>,
    /// Type, text, namespace.
    pub(crate) literals: Vec<(TypeId, u32, u32)>,
    /// All texts in one, and where each ends. Text 0 is empty.
    pub(crate) texts: Cow<'static, str>,
    pub(crate) text_ends: Vec<u32>,
    /// Words that messages suggest; no part of the stored form.
    pub(crate) synonyms: Synonyms,
}

impl Schema {
    pub(crate) fn text(&self, number: u32) -> &str {
        let number = number as usize;
        let end = self.text_ends.get(number).copied().unwrap_or_default() as usize;
        let start = number.checked_sub(1).and_then(|n| self.text_ends.get(n)).copied().unwrap_or_default() as usize;
        self.texts.get(start..end).unwrap_or_default()
    }

    pub(crate) fn definition(&self, number: u32) -> Option<Definition> {
        self.definitions.get(number as usize).copied()
    }

    pub(crate) fn literal(&self, number: u32) -> Option<Literal<'_>> {
        let (ty, text, ns) = *self.literals.get(number as usize)?;
        Some(Literal { ty, text: self.text(text), ns: self.text(ns) })
    }
}
