//! Parameters of datatypes.

use std::cmp::Ordering;

use super::nfa::Nfa;
use super::types::Kind;
use super::{lexical, number, regex, time};

/// The parameters of one use of a datatype.
#[derive(Debug, Default)]
pub(super) struct Facets {
    /// All must match.
    patterns: Vec<Nfa>,
    min_length: usize,
    max_length: Option<usize>,
    /// The value, the order that it must have to the limit, and whether it may be equal.
    limits: Vec<(Box<str>, Ordering, bool)>,
    total_digits: Option<usize>,
    fraction_digits: Option<usize>,
}

impl Facets {
    pub(super) fn new(kind: Kind, params: &[(Box<str>, Box<str>)]) -> Result<Self, String> {
        let mut facets = Self::default();
        for (name, value) in params {
            facets.add(kind, name, value)?;
        }
        if facets.max_length.is_some_and(|max| max < facets.min_length) {
            return Err("no value can be as long as asked for".to_owned());
        }
        Ok(facets)
    }

    fn add(&mut self, kind: Kind, name: &str, value: &str) -> Result<(), String> {
        let number =
            || value.trim().parse::<usize>().map_err(|_| format!("`{value}` is no number for parameter `{name}`"));
        let has_length = matches!(
            kind,
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
                | Kind::AnyUri
                | Kind::Base64
                | Kind::Hex
        );
        let has_order = matches!(kind, Kind::Decimal | Kind::Integer(..) | Kind::Float | Kind::Time(_));
        let has_digits = matches!(kind, Kind::Decimal | Kind::Integer(..));
        match name {
            "pattern" => self.patterns.push(regex::compile(value)?),
            "length" if has_length => {
                self.min_length = self.min_length.max(number()?);
                self.max_length = Some(self.max_length.unwrap_or(usize::MAX).min(number()?));
            }
            "minLength" if has_length => self.min_length = self.min_length.max(number()?),
            "maxLength" if has_length => self.max_length = Some(self.max_length.unwrap_or(usize::MAX).min(number()?)),
            "minInclusive" if has_order => self.limit(kind, value, Ordering::Greater, true)?,
            "minExclusive" if has_order => self.limit(kind, value, Ordering::Greater, false)?,
            "maxInclusive" if has_order => self.limit(kind, value, Ordering::Less, true)?,
            "maxExclusive" if has_order => self.limit(kind, value, Ordering::Less, false)?,
            "totalDigits" if has_digits => self.total_digits = Some(number()?),
            "fractionDigits" if has_digits => self.fraction_digits = Some(number()?),
            _ => return Err(format!("parameter `{name}` is none of this datatype")),
        }
        Ok(())
    }

    fn limit(&mut self, kind: Kind, value: &str, order: Ordering, equal: bool) -> Result<(), String> {
        let value = kind.white_space().apply(value);
        if !lexical::is_valid(kind, &value, None) {
            return Err(format!("limit `{value}` is no value of this datatype"));
        }
        self.limits.push((value.into(), order, equal));
        Ok(())
    }

    /// Whether `text`, a value of `kind`, meets all parameters.
    pub(super) fn allow(&self, kind: Kind, text: &str) -> bool {
        let length = || lexical::length(kind, text);
        let measured = self.min_length > 0 || self.max_length.is_some();
        if measured && !(self.min_length..=self.max_length.unwrap_or(usize::MAX)).contains(&length()) {
            return false;
        }
        let (_, whole, fraction) =
            if self.total_digits.or(self.fraction_digits).is_some() { number::parts(text) } else { (false, "", "") };
        self.total_digits.is_none_or(|most| whole.len() + fraction.len() <= most)
            && self.fraction_digits.is_none_or(|most| fraction.len() <= most)
            && self.limits.iter().all(|(limit, order, equal)| match compare(kind, text, limit) {
                Some(Ordering::Equal) => *equal,
                found => found == Some(*order),
            })
            && self.patterns.iter().all(|pattern| pattern.matches(text))
    }
}

/// The order of two values of `kind`, where they have one.
pub(super) fn compare(kind: Kind, a: &str, b: &str) -> Option<Ordering> {
    match kind {
        Kind::Decimal | Kind::Integer(..) => Some(number::compare(a, b)),
        Kind::Float => {
            let (a, b) = (number::float(a)?, number::float(b)?);
            if a.is_nan() && b.is_nan() { Some(Ordering::Equal) } else { a.partial_cmp(&b) }
        }
        Kind::Time(form) => time::parse(form, a)?.compare(&time::parse(form, b)?),
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
        | Kind::AnyUri
        | Kind::Base64
        | Kind::Hex => None,
    }
}
