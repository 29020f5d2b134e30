//! Names of XML, as the first four editions have them: RELAX NG and XML Schema refer to those.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

/// Marks that combine with the letter before them, so that no name begins with one.
static MARKS: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let parsed = regex_syntax::parse(r"\p{M}").ok();
    match parsed.as_ref().map(regex_syntax::hir::Hir::kind) {
        Some(HirKind::Class(Class::Unicode(class))) => class.ranges().iter().map(|r| (r.start(), r.end())).collect(),
        _ => Vec::new(),
    }
});

fn is_mark(c: char) -> bool {
    let later = MARKS.partition_point(|(low, _)| *low <= c);
    later.checked_sub(1).and_then(|at| MARKS.get(at)).is_some_and(|(_, high)| c <= *high)
}

/// Characters that a name may begin with, marks among them left out, the colon aside.
pub(crate) const BEGIN: &[(char, char)] = &[
    ('A', 'Z'),
    ('_', '_'),
    ('a', 'z'),
    ('\u{c0}', '\u{d6}'),
    ('\u{d8}', '\u{f6}'),
    ('\u{f8}', '\u{2ff}'),
    ('\u{370}', '\u{37d}'),
    ('\u{37f}', '\u{1fff}'),
    ('\u{200c}', '\u{200d}'),
    ('\u{2070}', '\u{218f}'),
    ('\u{2c00}', '\u{2fef}'),
    ('\u{3001}', '\u{d7ff}'),
    ('\u{f900}', '\u{fdcf}'),
    ('\u{fdf0}', '\u{fffd}'),
    ('\u{10000}', '\u{effff}'),
];

/// Characters that a name may go on with, besides those above, marks among them.
pub(crate) const GO_ON: &[(char, char)] =
    &[('-', '.'), ('0', '9'), ('\u{b7}', '\u{b7}'), ('\u{300}', '\u{36f}'), ('\u{203f}', '\u{2040}')];

fn is_in(ranges: &[(char, char)], c: char) -> bool {
    ranges.iter().any(|(low, high)| (*low..=*high).contains(&c))
}

/// Whether an `NCName` may begin with this character.
pub(crate) fn is_name_start(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphabetic() || c == '_' } else { is_in(BEGIN, c) && !is_mark(c) }
}

/// Whether an `NCName` may go on with this character.
pub(crate) fn is_name_char(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
    } else {
        is_in(BEGIN, c) || is_in(GO_ON, c)
    }
}

/// Whether this is a name without a colon.
pub(crate) fn is_ncname(text: &str) -> bool {
    text.chars().next().is_some_and(is_name_start) && text.chars().all(is_name_char)
}
