//! Text and attribute values: references, line ends, characters that XML forbids.

use std::borrow::Cow;

use virtc_diag::{Code, Diagnostic, Span};

use crate::codes;

/// Where a value is, which decides what white space becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Text,
    Attribute,
}

/// Whether XML 1.0 allows this character.
pub(crate) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// The value that `raw` at byte `base` means. Faults go to `report`; a faulty reference is left out.
pub(crate) fn decode<'t>(raw: &'t str, base: usize, place: Place, report: &mut dyn FnMut(Diagnostic)) -> Cow<'t, str> {
    let plain = |b: u8| match b {
        b'\n' | b'\t' | b'<' => place == Place::Text,
        b'&' | 0..=0x1f | 0xef => false,
        _ => true,
    };
    if raw.bytes().all(plain) {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        let at = base + raw.len() - rest.len();
        let mut length = c.len_utf8();
        match c {
            '&' => {
                let end = rest.find(|c: char| c == ';' || (c != '&' && c != '#' && !is_name_char(c)));
                let name = end.filter(|end| rest.as_bytes().get(*end) == Some(&b';')).and_then(|end| rest.get(1..end));
                if let Some(name) = name {
                    length = name.len() + 2;
                }
                match reference(name) {
                    Ok(c) => out.push(c),
                    Err((code, message)) => report(Diagnostic::at(code, Span::new(at..at + length), message)),
                }
            }
            '\r' => {
                if !rest.starts_with("\r\n") {
                    out.push(if place == Place::Text { '\n' } else { ' ' });
                }
            }
            '\n' | '\t' if place == Place::Attribute => out.push(' '),
            c if is_char(c) => out.push(c),
            c => {
                let message = format!("character U+{:04X} is not allowed in XML", u32::from(c));
                report(Diagnostic::at(&codes::XML_SYNTAX, Span::new(at..at + length), message));
            }
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    if place == Place::Attribute
        && let Some(at) = raw.find('<')
    {
        let fault = Diagnostic::at(&codes::XML_SYNTAX, Span::at(base + at), "`<` in an attribute value");
        report(fault.help("write it `&lt;`"));
    }
    if out == raw { Cow::Borrowed(raw) } else { Cow::Owned(out) }
}

/// The character of the reference `&name;`.
fn reference(name: Option<&str>) -> Result<char, (&'static Code, String)> {
    let Some(name) = name else {
        return Err((&codes::XML_SYNTAX, "`&` begins no reference; a plain one is written `&amp;`".into()));
    };
    let number = match name {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => match name.strip_prefix("#x") {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => name.strip_prefix('#').and_then(|digits| digits.parse().ok()),
        },
    };
    match (number.and_then(char::from_u32).filter(|c| is_char(*c)), name.starts_with('#')) {
        (Some(c), _) => Ok(c),
        (None, true) => Err((&codes::XML_SYNTAX, format!("`&{name};` is no character that XML allows"))),
        (None, false) => {
            Err((&codes::XML_ENTITY, format!("entity `{name}` is not predefined, and declared ones are not expanded")))
        }
    }
}

/// Whether a name may begin with this character.
pub(crate) fn is_name_start(c: char) -> bool {
    matches!(c, ':' | '_' | 'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}')
}

/// Whether a name may go on with this character.
pub(crate) fn is_name_char(c: char) -> bool {
    is_name_start(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// Whether `name` is a name with at most one colon, which is not at an edge.
pub(crate) fn is_qname(name: &str) -> bool {
    // What most names are.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic()) && name.bytes().all(is_plain) {
        return true;
    }
    let part = |p: &str| {
        let mut chars = p.chars();
        chars.next().is_some_and(|c| c != ':' && is_name_start(c)) && chars.all(|c| c != ':' && is_name_char(c))
    };
    match name.split_once(':') {
        Some((prefix, local)) => part(prefix) && part(local),
        None => part(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(raw: &str, place: Place) -> (String, Vec<String>) {
        let mut messages = Vec::new();
        let value =
            decode(raw, 10, place, &mut |d| messages.push(format!("{:?} {}", d.span.unwrap().range(), d.code.name)));
        (value.into_owned(), messages)
    }

    #[test]
    fn references_and_white_space() {
        assert_eq!(run("a&lt;&#x41;&#66;\r\nb\tc", Place::Text), ("a<AB\nb\tc".into(), vec![]));
        assert_eq!(run("a\nb\tc\r\nd", Place::Attribute), ("a b c d".into(), vec![]));
        assert_eq!(run("ab\u{ef}", Place::Attribute), ("ab\u{ef}".into(), vec![]));
    }

    #[test]
    fn faults_are_placed() {
        assert_eq!(run("x&foo;y", Place::Text), ("xy".into(), vec!["11..16 xml-entity".into()]));
        assert_eq!(run("x& y", Place::Text), ("x y".into(), vec!["11..12 xml-syntax".into()]));
        assert_eq!(
            run("&#0;\u{1}", Place::Text),
            (String::new(), vec!["10..14 xml-syntax".into(), "14..15 xml-syntax".into()])
        );
    }
}
