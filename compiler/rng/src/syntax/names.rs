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
    let behind = MARKS.partition_point(|(low, _)| *low <= c);
    behind.checked_sub(1).and_then(|at| MARKS.get(at)).is_some_and(|(_, high)| c <= *high)
}

/// Whether an `NCName` may begin with this character.
pub(crate) fn is_name_start(c: char) -> bool {
    if c.is_ascii() { matches!(c, '_' | 'A'..='Z' | 'a'..='z') } else { may_begin(c) && !is_mark(c) }
}

fn may_begin(c: char) -> bool {
    matches!(c, '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}')
}

/// Whether an `NCName` may go on with this character.
pub(crate) fn is_name_char(c: char) -> bool {
    is_name_start(c) || may_begin(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// Whether this is a name without a colon.
pub(crate) fn is_ncname(text: &str) -> bool {
    text.chars().next().is_some_and(is_name_start) && text.chars().all(is_name_char)
}
