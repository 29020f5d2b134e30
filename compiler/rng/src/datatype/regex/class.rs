//! Sets of characters.

use regex_syntax::hir::HirKind;

use crate::datatype::regex::blocks::BLOCKS;
use crate::syntax::names::{BEGIN, GO_ON};

const MAX: u32 = 0x0010_ffff;

/// Characters as ranges, in order and apart from each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::datatype) struct Set(Vec<(u32, u32)>);

impl Set {
    pub(super) fn of(ranges: &[(char, char)]) -> Self {
        Self::normal(ranges.iter().map(|(a, b)| (u32::from(*a), u32::from(*b))).collect())
    }

    fn normal(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.sort_unstable();
        let mut out: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match out.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => out.push((low, high)),
            }
        }
        Self(out)
    }

    pub(super) fn or(&self, other: &Self) -> Self {
        Self::normal(self.0.iter().chain(&other.0).copied().collect())
    }

    pub(super) fn negated(&self) -> Self {
        let mut out = Vec::new();
        let mut from = 0;
        for (low, high) in &self.0 {
            if from < *low {
                out.push((from, low - 1));
            }
            from = high + 1;
        }
        if from <= MAX {
            out.push((from, MAX));
        }
        Self(out)
    }

    pub(super) fn without(&self, other: &Self) -> Self {
        self.negated().or(other).negated()
    }

    /// The character, where there is only one.
    pub(super) fn single(&self) -> Option<char> {
        match self.0.as_slice() {
            [(low, high)] if low == high => char::from_u32(*low),
            _ => None,
        }
    }

    pub(in crate::datatype) fn ranges(&self) -> &[(u32, u32)] {
        &self.0
    }
}

/// The set of `\s`, `\d` and their like.
pub(super) fn short(c: char) -> Option<Set> {
    let set = match c.to_ascii_lowercase() {
        's' => Set::of(&[(' ', ' '), ('\t', '\t'), ('\n', '\n'), ('\r', '\r')]),
        'd' => property("Nd").ok()?,
        'w' => property("P").ok()?.or(&property("Z").ok()?).or(&property("C").ok()?).negated(),
        'i' => Set::of(BEGIN).without(&property("M").ok()?).or(&Set::of(&[(':', ':')])),
        'c' => Set::of(BEGIN).or(&Set::of(GO_ON)).or(&Set::of(&[(':', ':')])),
        _ => return None,
    };
    Some(if c.is_ascii_uppercase() { set.negated() } else { set })
}

/// The set of a general category (`Lu`) or of a block (`IsBasicLatin`).
pub(super) fn property(name: &str) -> Result<Set, String> {
    if let Some(block) = name.strip_prefix("Is") {
        let ranges: Vec<(u32, u32)> =
            BLOCKS.iter().filter(|(name, ..)| *name == block).map(|(_, low, high)| (*low, *high)).collect();
        return if ranges.is_empty() { Err(format!("there is no block `{block}`")) } else { Ok(Set::normal(ranges)) };
    }
    let unknown = || format!("there is no category `{name}`");
    let known = name.len() < 3 && name.starts_with(|c: char| "LMNPZSC".contains(c)) && name != "Cs";
    if !known {
        return Err(unknown());
    }
    let parsed = regex_syntax::parse(&format!("\\p{{{name}}}")).map_err(|_| unknown())?;
    match parsed.kind() {
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => {
            Ok(Set::normal(class.ranges().iter().map(|r| (u32::from(r.start()), u32::from(r.end()))).collect()))
        }
        HirKind::Empty
        | HirKind::Literal(_)
        | HirKind::Class(_)
        | HirKind::Look(_)
        | HirKind::Repetition(_)
        | HirKind::Capture(_)
        | HirKind::Concat(_)
        | HirKind::Alternation(_) => Err(unknown()),
    }
}
