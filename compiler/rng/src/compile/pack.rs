//! Packing: what is needed no more goes, and numbers are given anew without gaps.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::translate::Translated;
use crate::datatype::Datatype;
use crate::engine::arena::{Arena, Kind, Pat, first_nodes};
use crate::engine::names::Symbol;
use crate::schema::{Definition, Schema};
use crate::synonyms::Synonyms;

impl Translated {
    /// The local name of a symbol, where it is one.
    pub(super) fn local_name(&self, symbol: Symbol) -> Option<String> {
        let (_, local) = self.names.names.known.get(symbol.0 as usize)?;
        let (all, ends) = self.texts.joined();
        let end = *ends.get(*local as usize)? as usize;
        let start = (*local as usize).checked_sub(1).and_then(|at| ends.get(at)).copied().unwrap_or_default() as usize;
        all.get(start..end).map(str::to_owned)
    }
}

pub(super) fn pack(translated: Translated) -> Schema {
    let old = Arena::new(&translated.nodes);
    let (needed, definitions) = needed(&old, &translated);
    let base = first_nodes();
    let mut new = Arena::new(&base);
    let mut numbers: BTreeMap<Pat, Pat> = BTreeMap::new();
    for pat in needed {
        let mapped = |pat: u32| numbers.get(&Pat(pat)).copied().unwrap_or(Pat::NOT_ALLOWED);
        let operands = old.operands(pat);
        let parts = || operands.iter().map(|p| mapped(*p)).collect::<Vec<Pat>>();
        let kind = old.kind(pat);
        let packed = match (kind, operands) {
            (Kind::NotAllowed | Kind::Empty | Kind::Text, _) => pat,
            (Kind::Choice, _) => new.choice(&parts()),
            (Kind::Group, _) => new.group(&parts()),
            (Kind::Interleave, _) => new.interleave(&parts()),
            (Kind::Data, [datatype, except]) => new.intern(kind, &[*datatype, mapped(*except).0]),
            (Kind::Attribute, [names, value, doc]) => new.intern(kind, &[*names, mapped(*value).0, *doc]),
            (Kind::Element, [number]) => new.intern(kind, &[definitions.get(number).copied().unwrap_or_default()]),
            (Kind::List | Kind::OneOrMore, [part]) => new.intern(kind, &[mapped(*part).0]),
            (_, operands) => new.intern(kind, operands),
        };
        numbers.insert(pat, packed);
    }
    let mapped = |pat: Pat| numbers.get(&pat).copied().unwrap_or(Pat::NOT_ALLOWED);
    let mut packed = vec![Definition { names: 0, content: Pat::NOT_ALLOWED, doc: 0, order: 0 }; definitions.len()];
    for (old, number) in &definitions {
        if let (Some(place), Some(definition)) =
            (packed.get_mut(*number as usize), translated.definitions.get(*old as usize))
        {
            *place = Definition { content: mapped(definition.content), ..*definition };
        }
    }
    let start = mapped(translated.start);
    let (texts, text_ends) = translated.texts.joined();
    Schema {
        nodes: new.into_nodes(),
        start,
        names: translated.names.names,
        definitions: packed,
        order_patterns: translated.orders.patterns.iter().map(|pat| mapped(*pat)).collect(),
        orders: translated.orders.words,
        datatypes: translated
            .datatypes
            .into_iter()
            .map(|(ty, params, doc)| Datatype::new(ty, params).with_doc(doc))
            .collect(),
        literals: translated.literals,
        texts: Cow::Owned(texts),
        text_ends,
        synonyms: Synonyms::default(),
    }
}

/// The nodes that can be reached, those before that others are made of; and new numbers for definitions.
pub(super) fn needed(old: &Arena<'_>, translated: &Translated) -> (Vec<Pat>, BTreeMap<u32, u32>) {
    let mut seen: BTreeSet<Pat> = BTreeSet::new();
    let mut definitions = BTreeMap::new();
    let mut waiting = vec![Pat::NOT_ALLOWED, Pat::EMPTY, Pat::TEXT, translated.start];
    waiting.extend(&translated.orders.patterns);
    while let Some(pat) = waiting.pop() {
        if !seen.insert(pat) {
            continue;
        }
        match old.kind(pat) {
            Kind::NotAllowed | Kind::Empty | Kind::Text | Kind::Value => {}
            Kind::Data | Kind::Attribute => waiting.push(old.part(pat, 1)),
            Kind::Element => {
                let number = old.operand(pat, 0);
                let next = u32::try_from(definitions.len()).unwrap_or(u32::MAX);
                definitions.entry(number).or_insert(next);
                waiting.extend(translated.definitions.get(number as usize).map(|d| d.content));
            }
            Kind::List | Kind::OneOrMore | Kind::Group | Kind::Interleave | Kind::Choice | Kind::After => {
                waiting.extend(old.operands(pat).iter().map(|p| Pat(*p)));
            }
        }
    }
    // A node is always made after its parts, so the order of numbers is a good one.
    (seen.into_iter().collect(), definitions)
}
