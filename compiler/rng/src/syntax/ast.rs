//! The tree that both syntaxes are read to: prefixes and datatype libraries resolved, nothing else done.

use crate::error::Place;

/// A pattern as written.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    pub kind: Kind,
    pub at: Place,
    /// The documentation comment in front of it.
    pub doc: Option<Box<str>>,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Empty,
    NotAllowed,
    Text,
    Element(NameClass, Box<Pattern>),
    Attribute(NameClass, Box<Pattern>),
    Group(Vec<Pattern>),
    Interleave(Vec<Pattern>),
    Choice(Vec<Pattern>),
    Optional(Box<Pattern>),
    ZeroOrMore(Box<Pattern>),
    OneOrMore(Box<Pattern>),
    List(Box<Pattern>),
    Mixed(Box<Pattern>),
    Ref(Box<str>),
    ParentRef(Box<str>),
    Data(Data),
    Value(Value),
    External(Reference),
    Grammar(Vec<Component>),
    /// A grammar whose definitions were taken into the scope of this number.
    Scope(usize),
}

#[derive(Debug, Clone)]
pub(crate) struct Data {
    pub library: Box<str>,
    pub name: Box<str>,
    pub params: Vec<Param>,
    pub except: Option<Box<Pattern>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Param {
    pub name: Box<str>,
    pub value: Box<str>,
    pub at: Place,
}

#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub library: Box<str>,
    pub name: Box<str>,
    pub text: Box<str>,
    /// The namespace of an unprefixed `QName`.
    pub ns: Box<str>,
    /// The namespace of the value's prefix, where it has one that is bound.
    pub prefix_ns: Option<Box<str>>,
}

/// A reference to another file.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub href: Box<str>,
    /// The namespace that the file inherits.
    pub ns: Box<str>,
}

#[derive(Debug, Clone)]
pub(crate) struct NameClass {
    pub kind: NameKind,
    pub at: Place,
}

#[derive(Debug, Clone)]
pub(crate) enum NameKind {
    Any(Option<Box<NameClass>>),
    Ns(Box<str>, Option<Box<NameClass>>),
    Name(Box<str>, Box<str>),
    Choice(Vec<NameClass>),
}

#[derive(Debug, Clone)]
pub(crate) enum Component {
    Define(Define),
    Div(Vec<Component>),
    Include(Include),
}

#[derive(Debug, Clone)]
pub(crate) struct Include {
    pub reference: Reference,
    pub body: Vec<Component>,
    pub at: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Combine {
    Choice,
    Interleave,
}

/// A `define`, or the `start`.
#[derive(Debug, Clone)]
pub(crate) struct Define {
    /// `None` is `start`.
    pub name: Option<Box<str>>,
    pub combine: Option<Combine>,
    pub body: Pattern,
    pub at: Place,
}

impl Pattern {
    pub(crate) fn new(kind: Kind, at: Place) -> Self {
        Self { kind, at, doc: None }
    }

    /// Several patterns as one; the single one where there is one.
    pub(crate) fn group(mut patterns: Vec<Self>, at: Place) -> Self {
        match (patterns.len(), patterns.pop()) {
            (1, Some(single)) => single,
            (_, Some(last)) => {
                patterns.push(last);
                Self::new(Kind::Group(patterns), at)
            }
            (_, None) => Self::new(Kind::Empty, at),
        }
    }

    /// Gives a documentation comment to an element or attribute without one of its own.
    pub(crate) fn document(&mut self, doc: Option<Box<str>>) {
        if self.doc.is_none() {
            self.doc = doc;
        }
    }
}

impl NameClass {
    pub(crate) fn name(ns: &str, local: &str, at: Place) -> Self {
        Self { kind: NameKind::Name(ns.into(), local.into()), at }
    }
}
