//! Patterns as nodes of an arena: equal patterns have equal numbers.

use super::nodes::{NO_NUMBER, Nodes, hash};

/// The number of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Pat(pub u32);

/// What nothing matches.
impl Default for Pat {
    fn default() -> Self {
        Self::NOT_ALLOWED
    }
}

impl Pat {
    /// What nothing matches. Number 0 in each arena.
    pub(crate) const NOT_ALLOWED: Self = Self(0);
    /// What only the empty sequence matches.
    pub(crate) const EMPTY: Self = Self(1);
    pub(crate) const TEXT: Self = Self(2);
}

/// The kinds of pattern, with what their operands are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    NotAllowed,
    Empty,
    Text,
    /// Datatype, pattern of excepted values.
    Data,
    /// Literal.
    Value,
    /// Pattern.
    List,
    /// Name set, pattern of the value, documentation.
    Attribute,
    /// Definition.
    Element,
    /// Pattern.
    OneOrMore,
    /// Patterns in order. A group among them is one that would make too many of them.
    Group,
    /// Patterns sorted by number. An interleave among them is one that would make too many of them.
    Interleave,
    /// Patterns sorted by number, each once, no choice among them.
    Choice,
    /// The pattern of what is open, and the pattern of what follows when it is closed.
    After,
}

impl Kind {
    const ALL: [Self; 13] = [
        Self::NotAllowed,
        Self::Empty,
        Self::Text,
        Self::Data,
        Self::Value,
        Self::List,
        Self::Attribute,
        Self::Element,
        Self::OneOrMore,
        Self::Group,
        Self::Interleave,
        Self::Choice,
        Self::After,
    ];
}

const NULLABLE: u32 = 0x10;
const ATTRIBUTES: u32 = 0x20;
const ELEMENTS: u32 = 0x40;

/// Groups and interleaves of more parts than this are kept as groups of groups: each derivative is a copy with one part changed.
const MAX_PARTS: usize = 128;

/// The nodes of a schema, which stay as they are, and those that a run adds.
#[derive(Debug)]
pub(crate) struct Arena<'s> {
    base: &'s Nodes,
    own: Nodes,
}

/// The nodes that every schema has at the beginning.
pub(crate) fn first_nodes() -> Nodes {
    let mut nodes = Nodes::default();
    for (kind, flags) in [(Kind::NotAllowed, 0), (Kind::Empty, NULLABLE), (Kind::Text, NULLABLE)] {
        nodes.add(0, hash(kind as u32, &[]), kind as u32 | flags, &[]);
    }
    nodes
}

impl<'s> Arena<'s> {
    pub(crate) fn new(base: &'s Nodes) -> Self {
        Self { base, own: Nodes::default() }
    }

    /// How many nodes were added.
    pub(crate) fn added(&self) -> usize {
        self.own.len()
    }

    fn node(&self, pat: Pat) -> (u32, &[u32]) {
        let at = pat.0 as usize;
        let found = match at.checked_sub(self.base.len()) {
            None => self.base.node(at),
            Some(at) => self.own.node(at),
        };
        found.unwrap_or_default()
    }

    fn head(&self, pat: Pat) -> u32 {
        let at = pat.0 as usize;
        let found = match at.checked_sub(self.base.len()) {
            None => self.base.head(at),
            Some(at) => self.own.head(at),
        };
        found.unwrap_or_default()
    }

    pub(crate) fn kind(&self, pat: Pat) -> Kind {
        Kind::ALL.get(self.head(pat) as usize & 0xf).copied().unwrap_or(Kind::NotAllowed)
    }

    pub(crate) fn operands(&self, pat: Pat) -> &[u32] {
        self.node(pat).1
    }

    pub(crate) fn operand(&self, pat: Pat, at: usize) -> u32 {
        self.node(pat).1.get(at).copied().unwrap_or_default()
    }

    /// Operand `at`, which is a pattern.
    pub(crate) fn part(&self, pat: Pat, at: usize) -> Pat {
        Pat(self.operand(pat, at))
    }

    pub(crate) fn nullable(&self, pat: Pat) -> bool {
        self.head(pat) & NULLABLE != 0
    }

    /// Whether an attribute may still come.
    pub(crate) fn has_attributes(&self, pat: Pat) -> bool {
        self.head(pat) & ATTRIBUTES != 0
    }

    /// Whether an element may still come.
    pub(crate) fn has_elements(&self, pat: Pat) -> bool {
        self.head(pat) & ELEMENTS != 0
    }

    /// The node with exactly these operands.
    pub(crate) fn intern(&mut self, kind: Kind, operands: &[u32]) -> Pat {
        let hash = hash(kind as u32, operands);
        let base = u32::try_from(self.base.len()).unwrap_or(NO_NUMBER);
        if let Some(number) = self.base.find(0, hash, kind, operands) {
            return Pat(number);
        }
        if let Some(number) = self.own.find(base, hash, kind, operands) {
            return Pat(number);
        }
        let head = kind as u32 | self.flags(kind, operands);
        Pat(self.own.add(base, hash, head, operands))
    }

    fn flags(&self, kind: Kind, operands: &[u32]) -> u32 {
        let flags = |word: &u32| self.head(Pat(*word)) & (NULLABLE | ATTRIBUTES | ELEMENTS);
        let any = || operands.iter().map(flags).fold(0, |all, one| all | one);
        let all = || operands.iter().map(flags).fold(NULLABLE, |all, one| all & one);
        match kind {
            Kind::NotAllowed | Kind::Data | Kind::Value | Kind::List => 0,
            Kind::Empty | Kind::Text => NULLABLE,
            Kind::Attribute => ATTRIBUTES,
            Kind::Element => ELEMENTS,
            Kind::OneOrMore | Kind::Choice => any(),
            Kind::Group | Kind::Interleave => (any() & !NULLABLE) | all(),
            Kind::After => operands.first().map(flags).unwrap_or_default() & !NULLABLE,
        }
    }

    /// Any of these.
    pub(crate) fn choice(&mut self, patterns: &[Pat]) -> Pat {
        let mut parts: Vec<u32> = Vec::with_capacity(patterns.len());
        let mut afters = 0;
        for pat in patterns {
            match self.kind(*pat) {
                Kind::NotAllowed => {}
                Kind::Choice => parts.extend_from_slice(self.operands(*pat)),
                Kind::Empty
                | Kind::Text
                | Kind::Data
                | Kind::Value
                | Kind::List
                | Kind::Attribute
                | Kind::Element
                | Kind::OneOrMore
                | Kind::Group
                | Kind::Interleave
                | Kind::After => parts.push(pat.0),
            }
        }
        parts.sort_unstable();
        parts.dedup();
        if parts.len() > 1 {
            afters = parts.iter().filter(|p| self.kind(Pat(**p)) == Kind::After).count();
        }
        if afters > 1 {
            parts = self.join_afters(parts);
        }
        match parts.as_slice() {
            [] => Pat::NOT_ALLOWED,
            [single] => Pat(*single),
            parts => self.intern(Kind::Choice, parts),
        }
    }

    /// Several `After` with one continuation become one.
    fn join_afters(&mut self, parts: Vec<u32>) -> Vec<u32> {
        let (afters, mut out): (Vec<u32>, Vec<u32>) =
            parts.into_iter().partition(|p| self.kind(Pat(*p)) == Kind::After);
        let mut pairs: Vec<(Pat, Pat)> =
            afters.iter().map(|p| (self.part(Pat(*p), 1), self.part(Pat(*p), 0))).collect();
        pairs.sort_unstable();
        for run in pairs.chunk_by(|a, b| a.0 == b.0) {
            let Some((rest, _)) = run.first() else { continue };
            let open: Vec<Pat> = run.iter().map(|(_, open)| *open).collect();
            let open = self.choice(&open);
            out.push(self.after(open, *rest).0);
        }
        out.sort_unstable();
        out
    }

    /// All of these in order.
    pub(crate) fn group(&mut self, patterns: &[Pat]) -> Pat {
        self.all_of(Kind::Group, patterns)
    }

    /// All of these, mixed in any order.
    pub(crate) fn interleave(&mut self, patterns: &[Pat]) -> Pat {
        self.all_of(Kind::Interleave, patterns)
    }

    fn all_of(&mut self, kind: Kind, patterns: &[Pat]) -> Pat {
        let mut parts: Vec<u32> = Vec::with_capacity(patterns.len());
        let mut nested = false;
        for pat in patterns {
            match self.kind(*pat) {
                Kind::NotAllowed => return Pat::NOT_ALLOWED,
                Kind::Empty => {}
                found @ (Kind::Text
                | Kind::Data
                | Kind::Value
                | Kind::List
                | Kind::Attribute
                | Kind::Element
                | Kind::OneOrMore
                | Kind::Group
                | Kind::Interleave
                | Kind::Choice
                | Kind::After) => {
                    nested |= found == kind;
                    parts.push(pat.0);
                }
            }
        }
        if nested {
            let length = |part: &u32| if self.kind(Pat(*part)) == kind { self.operands(Pat(*part)).len() } else { 1 };
            if parts.iter().map(length).sum::<usize>() <= MAX_PARTS {
                let all = std::mem::take(&mut parts);
                for part in all {
                    if self.kind(Pat(part)) == kind {
                        parts.extend_from_slice(self.operands(Pat(part)));
                    } else {
                        parts.push(part);
                    }
                }
            }
        }
        if kind == Kind::Interleave {
            parts.sort_unstable();
        }
        while parts.len() > MAX_PARTS {
            parts = parts.chunks(MAX_PARTS).map(|chunk| self.intern_all(kind, chunk).0).collect();
        }
        self.intern_all(kind, &parts)
    }

    fn intern_all(&mut self, kind: Kind, parts: &[u32]) -> Pat {
        match parts {
            [] => Pat::EMPTY,
            [single] => Pat(*single),
            parts => self.intern(kind, parts),
        }
    }

    pub(crate) fn one_or_more(&mut self, pat: Pat) -> Pat {
        match self.kind(pat) {
            Kind::NotAllowed | Kind::Empty | Kind::OneOrMore => pat,
            Kind::Text
            | Kind::Data
            | Kind::Value
            | Kind::List
            | Kind::Attribute
            | Kind::Element
            | Kind::Group
            | Kind::Interleave
            | Kind::Choice
            | Kind::After => self.intern(Kind::OneOrMore, &[pat.0]),
        }
    }

    pub(crate) fn after(&mut self, open: Pat, rest: Pat) -> Pat {
        if open == Pat::NOT_ALLOWED || rest == Pat::NOT_ALLOWED {
            return Pat::NOT_ALLOWED;
        }
        self.intern(Kind::After, &[open.0, rest.0])
    }

    /// Takes the added nodes out, to make a schema of them. The base must be just [`first_nodes`].
    pub(crate) fn into_nodes(self) -> Nodes {
        let mut nodes = self.base.clone();
        for at in 0..self.own.len() {
            if let Some((head, operands)) = self.own.node(at) {
                nodes.add(0, hash(head & 0xf, operands), head, operands);
            }
        }
        nodes
    }
}
