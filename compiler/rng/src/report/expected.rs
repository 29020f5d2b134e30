//! What a pattern expects: elements, attributes, values.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::engine::arena::{Arena, Kind, Pat};
use crate::engine::names::Symbol;
use crate::schema::Schema;

/// The elements that an element of a name may be in.
pub(crate) type Parents = FxHashMap<Symbol, BTreeSet<Symbol>>;

/// An element or attribute that is allowed somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    pub symbol: Symbol,
    /// The documentation comment, 0 where there is none, or where several forms have different ones.
    pub doc: u32,
}

/// Patterns in `pat` that `take` answers for, outside of elements and of what follows. `ordered` leaves out what cannot come next.
fn leaves(arena: &Arena<'_>, pat: Pat, ordered: bool, take: &mut dyn FnMut(Kind, Pat)) {
    let mut seen = FxHashSet::default();
    let mut waiting = vec![pat];
    while let Some(pat) = waiting.pop() {
        if !seen.insert(pat) {
            continue;
        }
        let kind = arena.kind(pat);
        match kind {
            Kind::Choice | Kind::Interleave | Kind::OneOrMore => {
                waiting.extend(arena.operands(pat).iter().map(|p| Pat(*p)));
            }
            Kind::Group => {
                for part in arena.operands(pat).iter().map(|p| Pat(*p)) {
                    waiting.push(part);
                    if ordered && !arena.nullable(part) {
                        break;
                    }
                }
            }
            Kind::After => waiting.push(arena.part(pat, 0)),
            Kind::NotAllowed
            | Kind::Empty
            | Kind::Text
            | Kind::Data
            | Kind::Value
            | Kind::List
            | Kind::Attribute
            | Kind::Element => take(kind, pat),
        }
    }
}

/// The numbers of the definitions of elements in `pat`.
pub(crate) fn definitions(arena: &Arena<'_>, pat: Pat, ordered: bool) -> Vec<u32> {
    let mut out = Vec::new();
    leaves(arena, pat, ordered, &mut |kind, pat| {
        if kind == Kind::Element {
            out.push(arena.operand(pat, 0));
        }
    });
    out
}

/// The attributes in `pat`.
pub(crate) fn attributes(arena: &Arena<'_>, pat: Pat) -> Vec<Pat> {
    let mut out = Vec::new();
    leaves(arena, pat, false, &mut |kind, pat| {
        if kind == Kind::Attribute {
            out.push(pat);
        }
    });
    out
}

/// The texts and values in `pat`, a list among them as a whole.
pub(crate) fn values(arena: &Arena<'_>, pat: Pat) -> Vec<Pat> {
    let mut out = Vec::new();
    leaves(arena, pat, false, &mut |kind, pat| {
        if matches!(kind, Kind::Text | Kind::Data | Kind::Value | Kind::List) {
            out.push(pat);
        }
    });
    out
}

impl Schema {
    /// The elements that may come next in `pat`, or anywhere in it, by name.
    pub(crate) fn elements(&self, arena: &Arena<'_>, pat: Pat, ordered: bool) -> Vec<Candidate> {
        let found = definitions(arena, pat, ordered).into_iter().filter_map(|number| self.definition(number));
        self.candidates(found.map(|definition| (definition.names, definition.doc)))
    }

    /// The attributes in `pat`, by name.
    pub(crate) fn attribute_names(&self, arena: &Arena<'_>, pat: Pat) -> Vec<Candidate> {
        self.candidates(attributes(arena, pat).into_iter().map(|pat| (arena.operand(pat, 0), arena.operand(pat, 2))))
    }

    /// Name sets with documentation as single names; sets without end give none.
    fn candidates(&self, sets: impl Iterator<Item = (u32, u32)>) -> Vec<Candidate> {
        let mut out: Vec<Candidate> = Vec::new();
        for (names, doc) in sets {
            let set = self.names.set(names);
            if !set.all_but {
                out.extend(set.listed.iter().map(|symbol| Candidate { symbol: Symbol(*symbol), doc }));
            }
        }
        out.retain(|candidate| self.known_name(candidate.symbol).is_some());
        // Of one name, the one with documentation comes first.
        out.sort_by_key(|candidate| (candidate.symbol, candidate.doc == 0, candidate.doc));
        out.dedup_by(|next, first| {
            let same = next.symbol == first.symbol;
            if same && next.doc != 0 && next.doc != first.doc {
                first.doc = 0;
            }
            same
        });
        out
    }

    /// For each name the elements in whose content an element of this name is allowed.
    pub(crate) fn parents(&self, arena: &Arena<'_>) -> Parents {
        let mut out = Parents::default();
        for definition in &self.definitions {
            let set = self.names.set(definition.names);
            let Some(parent) = set.listed.first().filter(|_| !set.all_but) else { continue };
            for child in definitions(arena, definition.content, false) {
                let set = self.definition(child).map(|child| self.names.set(child.names)).filter(|set| !set.all_but);
                for symbol in set.iter().flat_map(|set| set.listed) {
                    out.entry(Symbol(*symbol)).or_default().insert(Symbol(*parent));
                }
            }
        }
        out
    }
}
