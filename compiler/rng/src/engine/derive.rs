//! Derivatives by names: what may follow when something was seen. All are remembered.

use rustc_hash::FxHashMap;

use super::arena::{Arena, Kind, Pat};
use super::names::Symbol;
use super::run::Stop;
use super::text::Values;
use crate::report::Parents;
use crate::schema::Schema;

/// Patterns of a schema and of a run, with what was derived so far.
pub(crate) struct Engine<'s> {
    pub schema: &'s Schema,
    pub arena: Arena<'s>,
    /// Where the last run stopped, if it did.
    pub stop: Option<Stop>,
    starts: FxHashMap<(Pat, Symbol), Pat>,
    attributes: FxHashMap<(Pat, Symbol), Pat>,
    pub(super) closed: FxHashMap<Pat, Pat>,
    mixed: FxHashMap<Pat, Pat>,
    ended: FxHashMap<Pat, Pat>,
    pub(super) values: Values,
    /// Looked for when it is first asked for.
    pub parents: Option<Parents>,
}

/// How an `After` is changed after what is open.
type Wrap<'w> = &'w dyn Fn(&mut Arena<'_>, Pat) -> Pat;

impl<'s> Engine<'s> {
    pub(crate) fn new(schema: &'s Schema) -> Self {
        Self {
            schema,
            arena: Arena::new(&schema.nodes),
            stop: None,
            starts: FxHashMap::default(),
            attributes: FxHashMap::default(),
            closed: FxHashMap::default(),
            mixed: FxHashMap::default(),
            ended: FxHashMap::default(),
            values: Values::new(schema),
            parents: None,
        }
    }

    /// `pat` once the start tag of `name` is open: `After` of its content and what follows, or a choice of them.
    pub(crate) fn start_tag(&mut self, pat: Pat, name: Symbol) -> Pat {
        if !self.arena.has_elements(pat) {
            return Pat::NOT_ALLOWED;
        }
        if self.arena.kind(pat) == Kind::Element {
            let Some(definition) = self.schema.definition(self.arena.operand(pat, 0)) else { return Pat::NOT_ALLOWED };
            if !self.schema.names.set(definition.names).contains(name) {
                return Pat::NOT_ALLOWED;
            }
            return self.arena.after(definition.content, Pat::EMPTY);
        }
        if let Some(known) = self.starts.get(&(pat, name)) {
            return *known;
        }
        let derived = self.step(pat, &mut |engine, part| engine.start_tag(part, name), true);
        self.starts.insert((pat, name), derived);
        derived
    }

    /// `pat` once attribute `name` is seen: `After` of its value and what follows, or a choice of them.
    pub(crate) fn attribute(&mut self, pat: Pat, name: Symbol) -> Pat {
        if !self.arena.has_attributes(pat) {
            return Pat::NOT_ALLOWED;
        }
        if self.arena.kind(pat) == Kind::Attribute {
            if !self.schema.names.set(self.arena.operand(pat, 0)).contains(name) {
                return Pat::NOT_ALLOWED;
            }
            let value = self.arena.part(pat, 1);
            return self.arena.after(value, Pat::EMPTY);
        }
        if let Some(known) = self.attributes.get(&(pat, name)) {
            return *known;
        }
        let derived = self.step(pat, &mut |engine, part| engine.attribute(part, name), false);
        self.attributes.insert((pat, name), derived);
        derived
    }

    /// The derivative of a compound pattern from those of its parts. `ordered` says whether a group must be entered at its beginning.
    fn step(&mut self, pat: Pat, part_of: &mut dyn FnMut(&mut Self, Pat) -> Pat, ordered: bool) -> Pat {
        let kind = self.arena.kind(pat);
        let parts: Vec<Pat> = self.arena.operands(pat).iter().map(|p| Pat(*p)).collect();
        let mut out = Vec::new();
        match kind {
            Kind::Choice => {
                for part in parts {
                    out.push(part_of(self, part));
                }
            }
            Kind::OneOrMore => {
                for part in parts {
                    let derived = part_of(self, part);
                    let more = self.arena.choice(&[pat, Pat::EMPTY]);
                    out.push(self.follow(derived, &|arena, rest| arena.group(&[rest, more])));
                }
            }
            Kind::Group | Kind::Interleave => {
                for (at, part) in parts.iter().enumerate() {
                    let derived = part_of(self, *part);
                    if derived != Pat::NOT_ALLOWED {
                        let from = if kind == Kind::Group && ordered { at } else { 0 };
                        let before = parts.get(from..at).unwrap_or_default();
                        let later = parts.get(at + 1..).unwrap_or_default();
                        let changed = self.follow(derived, &|arena, rest| {
                            let all: Vec<Pat> =
                                before.iter().copied().chain([rest]).chain(later.iter().copied()).collect();
                            if kind == Kind::Group { arena.group(&all) } else { arena.interleave(&all) }
                        });
                        out.push(changed);
                    }
                    if kind == Kind::Group && ordered && !self.arena.nullable(*part) {
                        break;
                    }
                }
            }
            Kind::After => {
                if let [open, rest] = parts.as_slice() {
                    let derived = part_of(self, *open);
                    out.push(self.follow(derived, &|arena, open| arena.after(open, *rest)));
                }
            }
            Kind::NotAllowed
            | Kind::Empty
            | Kind::Text
            | Kind::Data
            | Kind::Value
            | Kind::List
            | Kind::Attribute
            | Kind::Element => {}
        }
        self.arena.choice(&out)
    }

    /// Changes what follows in each `After` of `pat`.
    fn follow(&mut self, pat: Pat, wrap: Wrap<'_>) -> Pat {
        let mut out = Vec::new();
        for (open, rest) in self.branches(pat) {
            let rest = wrap(&mut self.arena, rest);
            out.push(self.arena.after(open, rest));
        }
        self.arena.choice(&out)
    }

    /// What is open and what follows, where `pat` is one `After`.
    pub(crate) fn single(&self, pat: Pat) -> Option<(Pat, Pat)> {
        (self.arena.kind(pat) == Kind::After).then(|| (self.arena.part(pat, 0), self.arena.part(pat, 1)))
    }

    /// The pairs of an `After`, or of a choice of them: what is open, and what follows.
    pub(crate) fn branches(&self, pat: Pat) -> Vec<(Pat, Pat)> {
        let pair = |pat: Pat| (self.arena.part(pat, 0), self.arena.part(pat, 1));
        match self.arena.kind(pat) {
            Kind::After => vec![pair(pat)],
            Kind::Choice => self.arena.operands(pat).iter().map(|p| pair(Pat(*p))).collect(),
            Kind::NotAllowed
            | Kind::Empty
            | Kind::Text
            | Kind::Data
            | Kind::Value
            | Kind::List
            | Kind::Attribute
            | Kind::Element
            | Kind::OneOrMore
            | Kind::Group
            | Kind::Interleave => Vec::new(),
        }
    }

    /// `pat` once text was seen among elements.
    pub(crate) fn mixed_text(&mut self, pat: Pat) -> Pat {
        let kind = self.arena.kind(pat);
        match kind {
            Kind::Text => return pat,
            Kind::NotAllowed
            | Kind::Empty
            | Kind::Data
            | Kind::Value
            | Kind::List
            | Kind::Attribute
            | Kind::Element => return Pat::NOT_ALLOWED,
            Kind::OneOrMore | Kind::Group | Kind::Interleave | Kind::Choice | Kind::After => {}
        }
        if let Some(known) = self.mixed.get(&pat) {
            return *known;
        }
        let parts: Vec<Pat> = self.arena.operands(pat).iter().map(|p| Pat(*p)).collect();
        let mut out = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let derived = self.mixed_text(*part);
            let later = parts.get(at + 1..).unwrap_or_default();
            let before = parts.get(..at).unwrap_or_default();
            match kind {
                Kind::OneOrMore => {
                    let more = self.arena.choice(&[pat, Pat::EMPTY]);
                    out.push(self.arena.group(&[derived, more]));
                }
                Kind::Group => {
                    let all: Vec<Pat> = [derived].into_iter().chain(later.iter().copied()).collect();
                    out.push(self.arena.group(&all));
                    if !self.arena.nullable(*part) {
                        break;
                    }
                }
                Kind::Interleave => {
                    let all: Vec<Pat> = before.iter().chain(later).copied().chain([derived]).collect();
                    out.push(self.arena.interleave(&all));
                }
                Kind::After => {
                    if let Some(rest) = later.first() {
                        out.push(self.arena.after(derived, *rest));
                        break;
                    }
                }
                Kind::NotAllowed
                | Kind::Empty
                | Kind::Text
                | Kind::Data
                | Kind::Value
                | Kind::List
                | Kind::Attribute
                | Kind::Element
                | Kind::Choice => out.push(derived),
            }
        }
        let derived = self.arena.choice(&out);
        self.mixed.insert(pat, derived);
        derived
    }

    /// What follows once the element that is open is closed.
    pub(crate) fn end_tag(&mut self, pat: Pat) -> Pat {
        if let Some(known) = self.ended.get(&pat) {
            return *known;
        }
        let rests: Vec<Pat> = self
            .branches(pat)
            .into_iter()
            .filter(|(open, _)| self.arena.nullable(*open))
            .map(|(_, rest)| rest)
            .collect();
        let ended = self.arena.choice(&rests);
        self.ended.insert(pat, ended);
        ended
    }
}
