//! Which texts are values of a datatype, parameters aside.

use std::cmp::Ordering;

use super::types::Kind;
use super::{Context, number, time};
use crate::syntax::names::{is_name_char, is_name_start, is_ncname};

/// Whether `text`, its white space normalised, is a value of `kind`.
pub(super) fn is_valid(kind: Kind, text: &str, context: Context<'_>) -> bool {
    match kind {
        Kind::String | Kind::NormalizedString | Kind::Token => true,
        Kind::Language => is_language(text),
        Kind::NmToken => is_nmtoken(text),
        Kind::NmTokens => !text.is_empty() && text.split(' ').all(is_nmtoken),
        Kind::Name => {
            text.chars().next().is_some_and(|c| c == ':' || is_name_start(c))
                && text.chars().all(|c| c == ':' || is_name_char(c))
        }
        Kind::NcName => is_ncname(text),
        Kind::NcNames => !text.is_empty() && text.split(' ').all(is_ncname),
        Kind::QName => {
            let (prefix, local) = text.split_once(':').unwrap_or(("p", text));
            is_ncname(prefix) && is_ncname(local) && namespace(text, context).is_some()
        }
        Kind::Boolean => matches!(text, "true" | "false" | "1" | "0"),
        Kind::Decimal => number::is_decimal(text),
        Kind::Integer(min, max) => {
            number::is_integer(text)
                && (min.is_empty() || number::compare(text, min) != Ordering::Less)
                && (max.is_empty() || number::compare(text, max) != Ordering::Greater)
        }
        Kind::Float => number::float(text).is_some(),
        Kind::Time(form) => time::parse(form, text).is_some(),
        Kind::AnyUri => is_uri(text),
        Kind::Base64 => is_base64(text),
        Kind::Hex => text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit()),
    }
}

/// The namespace of a name in a document; `None` where its prefix is not declared.
pub(super) fn namespace<'d>(text: &str, context: Context<'d>) -> Option<&'d str> {
    let prefix = text.trim().split_once(':').map_or("", |(prefix, _)| prefix);
    match context.and_then(|element| element.resolve(prefix)) {
        Some(uri) => Some(uri),
        None if prefix.is_empty() => Some(""),
        None if prefix == "xml" => Some("http://www.w3.org/XML/1998/namespace"),
        None => None,
    }
}

fn is_nmtoken(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c == ':' || is_name_char(c))
}

fn is_language(text: &str) -> bool {
    text.split('-').enumerate().all(|(i, part)| {
        let letters = |c: char| c.is_ascii_alphabetic() || (i > 0 && c.is_ascii_digit());
        (1..=8).contains(&part.len()) && part.chars().all(letters)
    })
}

/// Whether a text can be a URI reference once characters that URIs lack are escaped.
pub(crate) fn is_uri(text: &str) -> bool {
    let escapes = text.split('%').skip(1).all(|rest| {
        let mut digits = rest.chars().take(2);
        digits.next().is_some_and(|c| c.is_ascii_hexdigit()) && digits.next().is_some_and(|c| c.is_ascii_hexdigit())
    });
    let first = text.split(['/', '?', '#']).next().unwrap_or_default();
    let scheme = first.split_once(':').is_none_or(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    });
    escapes && scheme && text.matches('#').count() < 2
}

fn is_base64(text: &str) -> bool {
    let digits: Vec<u8> = text.bytes().filter(|b| *b != b' ').collect();
    let padding = digits.iter().rev().take_while(|b| **b == b'=').count();
    let body = digits.get(..digits.len() - padding).unwrap_or_default();
    let last = body.last().copied().unwrap_or_default();
    let fits = match padding {
        0 => true,
        1 => b"AEIMQUYcgkosw048".contains(&last),
        2 => b"AQgw".contains(&last),
        _ => false,
    };
    fits && digits.len().is_multiple_of(4) && body.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

/// One text for all texts of one value.
pub(super) fn canonical(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Boolean => if matches!(text, "true" | "1") { "true" } else { "false" }.to_owned(),
        Kind::Base64 => text.replace(' ', ""),
        Kind::Hex => text.to_ascii_uppercase(),
        Kind::Float => number::float(text).map(|f| if f == 0.0 { 0.0 } else { f }.to_string()).unwrap_or_default(),
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
        | Kind::Decimal
        | Kind::Integer(..)
        | Kind::Time(_)
        | Kind::AnyUri => text.to_owned(),
    }
}

/// How long a value is, in the unit that its `length` counts.
pub(super) fn length(kind: Kind, text: &str) -> usize {
    match kind {
        Kind::NmTokens | Kind::NcNames => text.split(' ').filter(|word| !word.is_empty()).count(),
        Kind::Hex => text.len() / 2,
        Kind::Base64 => text.bytes().filter(|b| !matches!(b, b' ' | b'=')).count() * 3 / 4,
        Kind::String
        | Kind::NormalizedString
        | Kind::Token
        | Kind::Language
        | Kind::NmToken
        | Kind::Name
        | Kind::NcName
        | Kind::QName
        | Kind::Boolean
        | Kind::Decimal
        | Kind::Integer(..)
        | Kind::Float
        | Kind::Time(_)
        | Kind::AnyUri => text.chars().count(),
    }
}
