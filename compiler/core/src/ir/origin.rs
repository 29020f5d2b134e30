//! Where a value comes from: a place in the XML, or the rule that added it.

use std::ops::Deref;

use virtc_diag::{Place, Span};

/// A rule that fills in what a definition leaves out; `--emit map` and `--why` print it.
#[derive(Debug, PartialEq, Eq)]
pub struct DefaultRule {
    /// The name, in kebab-case.
    pub name: &'static str,
    /// What the rule does and why, in one or two sentences.
    pub text: &'static str,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This place of the document.
    Xml(Span),
    /// This rule, which added it for the element at this place.
    Rule(&'static DefaultRule, Span),
}

impl Origin {
    /// The place in the document: the value's own, or that of the element for which a rule added it.
    pub fn span(self) -> Span {
        match self {
            Self::Xml(span) | Self::Rule(_, span) => span,
        }
    }

    /// The rule that added it.
    pub fn by_rule(self) -> Option<&'static DefaultRule> {
        match self {
            Self::Xml(_) => None,
            Self::Rule(rule, _) => Some(rule),
        }
    }

    /// The origin of what `rule` adds for the element at this origin.
    #[must_use]
    pub fn with_rule(self, rule: &'static DefaultRule) -> Self {
        Self::Rule(rule, self.span())
    }
}

impl From<&Origin> for Place {
    fn from(origin: &Origin) -> Self {
        Self::from(*origin)
    }
}

impl From<Origin> for Place {
    fn from(origin: Origin) -> Self {
        Self { span: origin.span(), rule: origin.by_rule().map(|rule| rule.name) }
    }
}

/// A value with its origin. Two are equal when their values are.
#[derive(Debug, Clone, Copy)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its origin.
    pub origin: Origin,
}

/// A leaf that may be absent.
pub type Opt<T> = Option<Spanned<T>>;

impl<T> Spanned<T> {
    /// A value in the XML at `span`.
    pub fn xml(value: T, span: Span) -> Self {
        Self { value, origin: Origin::Xml(span) }
    }

    /// A value that comes from `origin`.
    pub fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }

    /// A value that `rule` added for the element at `origin`.
    pub fn rule(value: T, rule: &'static DefaultRule, origin: Origin) -> Self {
        Self { value, origin: origin.with_rule(rule) }
    }

    /// The same origin with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: f(self.value), origin: self.origin }
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

/// Access to the value of an optional leaf.
pub trait OptExt<T> {
    /// A copy of the value.
    fn get(&self) -> Option<T>
    where
        T: Copy;
    /// Whether the value is present and equal to `other`.
    fn is(&self, other: &T) -> bool
    where
        T: PartialEq;
    /// Where the value comes from, or else `other`.
    fn origin_or(&self, other: Origin) -> Origin;
}

impl<T> OptExt<T> for Opt<T> {
    fn get(&self) -> Option<T>
    where
        T: Copy,
    {
        self.as_ref().map(|s| s.value)
    }

    fn is(&self, other: &T) -> bool
    where
        T: PartialEq,
    {
        self.as_ref().is_some_and(|s| s.value == *other)
    }

    fn origin_or(&self, other: Origin) -> Origin {
        self.as_ref().map_or(other, |s| s.origin)
    }
}
