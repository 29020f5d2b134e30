//! How interleaves are nested: simplification flattens that, but libxml2 does not.

use std::collections::BTreeMap;

use super::load::Loaded;
use super::name_sets::NameSets;
use crate::engine::arena::Pat;
use crate::syntax::ast::{Combine, Kind, NameClass, NameKind, Pattern};

/// What matters of a pattern to the order of children, as written and in its order.
enum Item {
    Interleave(Vec<Part>),
    Choice(Vec<NameClass>, Vec<Alternative>),
    /// An attribute that may be missing.
    Optional(NameClass),
}

/// A part of an interleave: the names of its elements, and what is in it.
struct Part {
    names: Vec<NameClass>,
    inner: Vec<Item>,
}

/// An alternative of a choice: its pattern as translated, the names of its elements, and what is in it.
struct Alternative {
    pattern: Pat,
    names: Vec<NameClass>,
    inner: Vec<Item>,
}

impl Item {
    fn has_interleave(&self) -> bool {
        match self {
            Self::Interleave(_) => true,
            Self::Choice(_, alternatives) => alternatives.iter().any(|one| one.inner.iter().any(Self::has_interleave)),
            Self::Optional(_) => false,
        }
    }

    /// Whether an interleave is inside another.
    fn is_nested(&self) -> bool {
        match self {
            Self::Interleave(parts) => parts.iter().any(|part| part.inner.iter().any(Self::has_interleave)),
            Self::Choice(_, alternatives) => alternatives.iter().any(|one| one.inner.iter().any(Self::is_nested)),
            Self::Optional(_) => false,
        }
    }
}

/// What is written down for all elements of a schema.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// [`Orders::write`] says how to read it.
    pub words: Vec<u32>,
    /// The patterns of alternatives, as the words number them.
    pub patterns: Vec<Pat>,
    /// The alternatives of choices, by where they are in memory.
    pub translated: BTreeMap<*const Pattern, Pat>,
}

/// Kinds of item in the words.
pub(crate) const INTERLEAVE: u32 = 0;
pub(crate) const CHOICE: u32 = 1;
pub(crate) const OPTIONAL: u32 = 2;

impl Orders {
    /// Writes down the interleaves in the content of an element where one is inside another: the length in words and each item. An
    /// item is its length, this word included, its kind, and what the kind has: an interleave its parts, each a name set, the length
    /// of the items inside, and these; a choice a name set and its alternatives, each the length of the items inside plus two,
    /// the number of a pattern, a name set, and the items; an optional attribute a name set. The content must not refer to itself. Gives where that begins, 0 where
    /// there is none.
    pub(super) fn write(&mut self, content: &Pattern, scope: usize, loaded: &Loaded, sets: &mut NameSets) -> u32 {
        let mut items = Vec::new();
        let mut collector = Collector { loaded, translated: &self.translated, left: MAX_PATTERNS };
        collector.collect(content, scope, &mut Vec::new(), &mut items);
        if collector.left == 0 {
            return 0;
        }
        items.retain(Item::is_nested);
        if items.is_empty() {
            return 0;
        }
        if self.words.is_empty() {
            self.words.push(0);
        }
        let start = number(self.words.len());
        let words = self.all(&items, sets);
        self.words.push(number(words.len()));
        self.words.extend(words);
        start
    }

    fn all(&mut self, items: &[Item], sets: &mut NameSets) -> Vec<u32> {
        items.iter().flat_map(|item| self.item(item, sets)).collect()
    }

    fn item(&mut self, item: &Item, sets: &mut NameSets) -> Vec<u32> {
        let mut out = vec![0];
        match item {
            Item::Interleave(parts) => {
                out.push(INTERLEAVE);
                for part in parts {
                    let Some(set) = set(&part.names, sets) else { continue };
                    let inner = self.all(&part.inner, sets);
                    out.extend([set, number(inner.len())]);
                    out.extend(inner);
                }
            }
            Item::Choice(names, alternatives) => {
                let Some(all) = set(names, sets) else { return Vec::new() };
                out.extend([CHOICE, all]);
                for alternative in alternatives {
                    let pattern = number(self.patterns.len());
                    self.patterns.push(alternative.pattern);
                    let inner = self.all(&alternative.inner, sets);
                    let set = set(&alternative.names, sets).unwrap_or(u32::MAX);
                    out.extend([number(inner.len() + 2), pattern, set]);
                    out.extend(inner);
                }
            }
            Item::Optional(name) => out.extend([OPTIONAL, sets.number(name)]),
        }
        let length = number(out.len());
        if let Some(first) = out.first_mut() {
            *first = length;
        }
        out
    }
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn set(names: &[NameClass], sets: &mut NameSets) -> Option<u32> {
    let at = names.first()?.at;
    Some(sets.number(&NameClass { kind: NameKind::Choice(names.to_vec()), at }))
}

/// More patterns than this in one element, definitions put in, are not looked at.
const MAX_PATTERNS: usize = 20_000;

struct Collector<'l> {
    loaded: &'l Loaded,
    translated: &'l BTreeMap<*const Pattern, Pat>,
    left: usize,
}

impl Collector<'_> {
    /// Gathers names of elements and items in a pattern.
    fn collect(&mut self, pattern: &Pattern, scope: usize, names: &mut Vec<NameClass>, items: &mut Vec<Item>) {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            return;
        }
        match &pattern.kind {
            Kind::Element(class, _) => names.push(class.clone()),
            Kind::Group(parts) => {
                for part in parts {
                    self.collect(part, scope, names, items);
                }
            }
            Kind::Choice(parts) => self.choice(parts, scope, names, items),
            Kind::Interleave(parts) => self.interleave(parts, scope, names, items),
            Kind::Optional(part) => match &part.kind {
                Kind::Attribute(class, _) => items.push(Item::Optional(class.clone())),
                Kind::Empty
                | Kind::NotAllowed
                | Kind::Text
                | Kind::Element(..)
                | Kind::Group(_)
                | Kind::Interleave(_)
                | Kind::Choice(_)
                | Kind::Optional(_)
                | Kind::ZeroOrMore(_)
                | Kind::OneOrMore(_)
                | Kind::List(_)
                | Kind::Mixed(_)
                | Kind::Ref(_)
                | Kind::ParentRef(_)
                | Kind::Data(_)
                | Kind::Value(_)
                | Kind::External(_)
                | Kind::Grammar(_)
                | Kind::Scope(_) => self.collect(part, scope, names, items),
            },
            Kind::ZeroOrMore(part) | Kind::OneOrMore(part) => self.collect(part, scope, names, items),
            Kind::Mixed(part) => self.interleave(std::slice::from_ref(part), scope, names, items),
            Kind::Ref(name) => self.define(Some(name), scope, names, items),
            Kind::ParentRef(name) => {
                let parent = self.loaded.scopes.get(scope).and_then(|s| s.parent);
                self.define(Some(name), parent.unwrap_or(usize::MAX), names, items);
            }
            Kind::Scope(number) => self.define(None, *number, names, items),
            Kind::Empty
            | Kind::NotAllowed
            | Kind::Text
            | Kind::Attribute(..)
            | Kind::List(_)
            | Kind::Data(_)
            | Kind::Value(_)
            | Kind::External(_)
            | Kind::Grammar(_) => {}
        }
    }

    fn define(&mut self, name: Option<&str>, scope: usize, names: &mut Vec<NameClass>, items: &mut Vec<Item>) {
        let key = name.map(Into::into);
        let Some(joined) = self.loaded.scopes.get(scope).and_then(|s| s.defines.get(&key)) else { return };
        match (joined.combine, joined.bodies.as_slice()) {
            (_, [single]) => self.collect(single, scope, names, items),
            (Some(Combine::Interleave), bodies) => self.interleave(bodies, scope, names, items),
            (_, bodies) => self.choice(bodies, scope, names, items),
        }
    }

    fn interleave(&mut self, parts: &[Pattern], scope: usize, names: &mut Vec<NameClass>, items: &mut Vec<Item>) {
        let mut all = Vec::new();
        for part in parts {
            let (mut own, mut inner) = (Vec::new(), Vec::new());
            self.collect(part, scope, &mut own, &mut inner);
            names.extend_from_slice(&own);
            if !own.is_empty() {
                all.push(Part { names: own, inner });
            }
        }
        items.push(Item::Interleave(all));
    }

    fn choice(&mut self, parts: &[Pattern], scope: usize, names: &mut Vec<NameClass>, items: &mut Vec<Item>) {
        let (mut all, mut every) = (Vec::new(), Vec::new());
        for part in parts {
            let (mut own, mut inner) = (Vec::new(), Vec::new());
            self.collect(part, scope, &mut own, &mut inner);
            every.extend_from_slice(&own);
            let pattern = self.translated.get(&std::ptr::from_ref(part)).copied().unwrap_or_default();
            all.push(Alternative { pattern, names: own, inner });
        }
        names.extend_from_slice(&every);
        let item = Item::Choice(every, all);
        if item.has_interleave() {
            items.push(item);
        }
    }
}
