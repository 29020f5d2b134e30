//! Datatypes in words.

use std::collections::BTreeSet;

use super::expected::values;
use crate::datatype::{Datatype, Form, Kind as Type};
use crate::engine::arena::{Arena, Kind, Pat};
use crate::schema::Schema;

/// What a value may be.
#[derive(Debug, Default)]
pub(crate) struct Values {
    /// Words that are allowed.
    pub words: Vec<String>,
    /// Forms that are allowed, in words.
    pub forms: Vec<String>,
    /// The regular expressions of these forms, for tools.
    pub patterns: Vec<String>,
}

impl Schema {
    /// What the patterns of a value allow.
    pub(crate) fn values(&self, arena: &Arena<'_>, pats: &[Pat]) -> Values {
        let (mut words, mut forms, mut patterns) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for leaf in pats.iter().flat_map(|pat| values(arena, *pat)) {
            match arena.kind(leaf) {
                Kind::Value => {
                    words.extend(self.literal(arena.operand(leaf, 0)).map(|literal| literal.text.to_owned()));
                }
                Kind::Data => {
                    let datatype = self.datatypes.get(arena.operand(leaf, 0) as usize);
                    forms.extend(datatype.map(|datatype| self.description(datatype)));
                    patterns.extend(datatype.iter().flat_map(|datatype| datatype.patterns()).map(str::to_owned));
                }
                Kind::List => {
                    let inner = self.values(arena, &[arena.part(leaf, 0)]);
                    let mut said = inner.forms;
                    said.extend(inner.words.iter().map(|word| format!("`{word}`")));
                    forms.insert(format!("values with blanks between, each {}", said.join(" or ")));
                    patterns.extend(inner.patterns);
                }
                Kind::NotAllowed
                | Kind::Empty
                | Kind::Text
                | Kind::Attribute
                | Kind::Element
                | Kind::OneOrMore
                | Kind::Group
                | Kind::Interleave
                | Kind::Choice
                | Kind::After => drop(forms.insert("text".to_owned())),
            }
        }
        Values {
            words: words.into_iter().collect(),
            forms: forms.into_iter().collect(),
            patterns: patterns.into_iter().collect(),
        }
    }

    /// A datatype in words: those of the schema's author where it has some.
    pub(crate) fn description(&self, datatype: &Datatype) -> String {
        match self.text(datatype.doc) {
            "" => describe(datatype),
            doc => doc.replace('\n', " "),
        }
    }
}

impl Datatype {
    /// Whether its values have a form that only a regular expression tells: people need words for it.
    pub(crate) fn needs_words(&self) -> bool {
        self.patterns().any(|pattern| !(matches!(self.ty.kind(), Type::Integer(..)) && is_digits(pattern)))
    }
}

fn describe(datatype: &Datatype) -> String {
    let param = |name: &str| datatype.params.iter().find(|(n, _)| **n == *name).map(|(_, value)| &**value);
    let mut said = match datatype.ty.kind() {
        Type::Integer(min, max) => {
            let least = param("minInclusive").unwrap_or(min);
            let most = param("maxInclusive").unwrap_or(max);
            range("a whole number", least, most)
        }
        Type::Decimal => {
            range("a decimal number", param("minInclusive").unwrap_or(""), param("maxInclusive").unwrap_or(""))
        }
        Type::Float => range("a number", param("minInclusive").unwrap_or(""), param("maxInclusive").unwrap_or("")),
        Type::String | Type::NormalizedString | Type::Token => "text".to_owned(),
        Type::Language => "a language tag such as `en`".to_owned(),
        Type::NmToken | Type::Name | Type::NcName | Type::QName => "a name".to_owned(),
        Type::NmTokens | Type::NcNames => "names with spaces between".to_owned(),
        Type::Boolean => "`true` or `false`".to_owned(),
        Type::Time(form) => time(form).to_owned(),
        Type::AnyUri => "a URI".to_owned(),
        Type::Base64 => "data in base64".to_owned(),
        Type::Hex => "pairs of hexadecimal digits".to_owned(),
    };
    // A regular expression is for tools: it helps no person to write a value.
    if datatype.needs_words() {
        said.push_str(" of the form that the schema prescribes");
    }
    for (name, value) in &datatype.params {
        let more = match &**name {
            "length" => format!(" of length {value}"),
            "minLength" => format!(" of length {value} at least"),
            "maxLength" => format!(" of length {value} at most"),
            "minExclusive" => format!(" above {value}"),
            "maxExclusive" => format!(" below {value}"),
            "totalDigits" => format!(" of {value} digits at most"),
            "fractionDigits" => format!(" with {value} digits after the point at most"),
            _ => continue,
        };
        said.push_str(&more);
    }
    said
}

/// Whether a pattern asks for digits and a sign at most.
fn is_digits(pattern: &str) -> bool {
    matches!(pattern.trim_start_matches(['-', '+', '?']), "[0-9]+" | "[0-9]*" | "\\d+")
}

fn range(what: &str, least: &str, most: &str) -> String {
    // Limits of 64 bits are those of the machine, and no help.
    match (least.is_empty() || least.len() > 18, most.is_empty() || most.len() > 18) {
        (true, true) => what.to_owned(),
        (false, true) => format!("{what} from {least}"),
        (true, false) => format!("{what} up to {most}"),
        (false, false) => format!("{what} from {least} to {most}"),
    }
}

fn time(form: Form) -> &'static str {
    match form {
        Form::DateTime => "a date with time such as `2026-01-31T12:00:00Z`",
        Form::Date => "a date such as `2026-01-31`",
        Form::Time => "a time such as `12:00:00`",
        Form::YearMonth => "a month such as `2026-01`",
        Form::Year => "a year such as `2026`",
        Form::MonthDay => "a day of the year such as `--01-31`",
        Form::Day => "a day of the month such as `---31`",
        Form::Month => "a month such as `--01`",
        Form::Duration => "a duration such as `P1DT12H`",
    }
}
