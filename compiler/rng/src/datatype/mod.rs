//! Datatypes: the two built-in ones, those of XML Schema part 2, and the compatibility library's.

mod facet;
mod lexical;
mod nfa;
mod number;
mod regex;
mod time;
mod types;

use std::borrow::Cow;
use std::sync::OnceLock;

use virtc_xml::Element;

use facet::Facets;
pub(crate) use lexical::is_uri;
pub(crate) use types::{Form, Kind, TypeId, find};

/// What prefixes of a document mean at a value, for `QName`.
pub(crate) type Context<'d> = Option<Element<'d>>;

/// What happens to white space before a value is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhiteSpace {
    Preserve,
    Replace,
    Collapse,
}

const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

impl WhiteSpace {
    pub(crate) fn apply(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Preserve => Cow::Borrowed(text),
            Self::Replace if !text.contains(['\t', '\n', '\r']) => Cow::Borrowed(text),
            Self::Replace => Cow::Owned(text.replace(['\t', '\n', '\r'], " ")),
            Self::Collapse => collapse(text),
        }
    }
}

fn collapse(text: &str) -> Cow<'_, str> {
    let text = text.trim_matches(SPACE);
    let mut last = 0;
    let plain = text.bytes().all(|byte| {
        let fine = !matches!((last, byte), (_, b'\t' | b'\n' | b'\r') | (b' ', b' '));
        last = byte;
        fine
    });
    if plain {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for word in text.split(SPACE).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    Cow::Owned(out)
}

/// Whether a text is only white space.
pub(crate) fn is_blank(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
}

/// A datatype with its parameters. What they mean is worked out when a value is first checked against them.
#[derive(Debug)]
pub(crate) struct Datatype {
    pub ty: TypeId,
    pub params: Vec<(Box<str>, Box<str>)>,
    /// How messages name its values: a text of the schema, 0 where the schema does not say it.
    pub doc: u32,
    facets: OnceLock<Facets>,
}

impl Datatype {
    pub(crate) fn new(ty: TypeId, params: Vec<(Box<str>, Box<str>)>) -> Self {
        Self { ty, params, doc: 0, facets: OnceLock::new() }
    }

    pub(crate) fn with_doc(self, doc: u32) -> Self {
        Self { doc, ..self }
    }

    /// The regular expressions that its values match, one for each parameter `pattern`.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = &str> {
        self.params.iter().filter(|(name, _)| **name == *"pattern").map(|(_, value)| &**value)
    }

    /// What is wrong with the parameters.
    pub(crate) fn check(&self) -> Result<(), String> {
        Facets::new(self.ty.kind(), &self.params).map(|_| ())
    }

    /// The least and the greatest value, where it has such.
    pub(crate) fn limits(&self) -> (Option<&str>, Option<&str>) {
        let (least, most) = match self.ty.kind() {
            Kind::Integer(least, most) => (least, most),
            Kind::String
            | Kind::NormalizedString
            | Kind::Token
            | Kind::Language
            | Kind::NmToken
            | Kind::NmTokens
            | Kind::Name
            | Kind::NcName
            | Kind::NcNames
            | Kind::QName
            | Kind::Boolean
            | Kind::Decimal
            | Kind::Float
            | Kind::Time(_)
            | Kind::AnyUri
            | Kind::Base64
            | Kind::Hex => ("", ""),
        };
        let given = |name: &str| self.params.iter().find(|(found, _)| **found == *name).map(|(_, value)| &**value);
        let least = given("minInclusive").or(Some(least).filter(|least| !least.is_empty()));
        (least, given("maxInclusive").or(Some(most).filter(|most| !most.is_empty())))
    }

    /// Whether `text` is a value of it.
    pub(crate) fn allows(&self, text: &str, context: Context<'_>) -> bool {
        let kind = self.ty.kind();
        let text = kind.white_space().apply(text);
        if !lexical::is_valid(kind, &text, context) {
            return false;
        }
        if self.params.is_empty() {
            return true;
        }
        // Parameters that cannot be understood were refused when the schema was compiled.
        let facets = self.facets.get_or_init(|| Facets::new(kind, &self.params).unwrap_or_default());
        facets.allow(kind, &text)
    }
}

/// A value that a schema names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Literal<'s> {
    pub ty: TypeId,
    pub text: &'s str,
    /// For a `QName`: its namespace.
    pub ns: &'s str,
}

impl Literal<'_> {
    /// Whether `text` means the same value.
    pub(crate) fn equals(&self, text: &str, context: Context<'_>) -> bool {
        if text == self.text {
            return self.ty.kind() != Kind::QName || self.equal_names(text, context);
        }
        let kind = self.ty.kind();
        let white_space = kind.white_space();
        if white_space == WhiteSpace::Preserve {
            return false;
        }
        let is_plain = |text: &str| text.bytes().all(|b| b > b' ');
        if matches!(kind, Kind::Token | Kind::NormalizedString) && is_plain(text) && is_plain(self.text) {
            return false;
        }
        let (ours, theirs) = (white_space.apply(self.text), white_space.apply(text));
        match kind {
            Kind::QName => self.equal_names(&theirs, context),
            Kind::Boolean | Kind::Float | Kind::Base64 | Kind::Hex => {
                lexical::is_valid(kind, &theirs, context)
                    && lexical::canonical(kind, &ours) == lexical::canonical(kind, &theirs)
            }
            Kind::Decimal | Kind::Integer(..) | Kind::Time(_) => {
                lexical::is_valid(kind, &theirs, context)
                    && facet::compare(kind, &ours, &theirs) == Some(std::cmp::Ordering::Equal)
            }
            Kind::String
            | Kind::NormalizedString
            | Kind::Token
            | Kind::Language
            | Kind::NmToken
            | Kind::NmTokens
            | Kind::Name
            | Kind::NcName
            | Kind::NcNames
            | Kind::AnyUri => ours == theirs,
        }
    }

    fn equal_names(&self, text: &str, context: Context<'_>) -> bool {
        let local = |name: &str| name.rsplit(':').next().unwrap_or_default().trim_matches(SPACE).to_owned();
        lexical::namespace(text, context).is_some_and(|ns| ns == self.ns) && local(text) == local(self.text)
    }
}

#[cfg(test)]
mod tests;
