//! Sets of numbers, such as `0-3,^2`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::ir::Leaf;

/// A set of CPUs, NUMA nodes or threads (0–16383): numbers, ranges and exclusions in the XML, written back in the
/// shortest form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct CpuSet(BTreeSet<u32>);

/// The first number that is too large (`virBitmapParse` in libvirt's `src/util/virbitmap.c` accepts as many for sets of
/// CPUs).
const LIMIT: u32 = 16_384;

impl CpuSet {
    /// The set of these numbers.
    pub fn new(numbers: impl IntoIterator<Item = u32>) -> Self {
        Self(numbers.into_iter().collect())
    }

    /// The numbers in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied()
    }

    /// Whether `number` is in the set.
    pub fn contains(&self, number: u32) -> bool {
        self.0.contains(&number)
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers are in it.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The largest number.
    pub fn last(&self) -> Option<u32> {
        self.0.last().copied()
    }

    /// The first number that is in both sets.
    pub fn common(&self, other: &Self) -> Option<u32> {
        self.0.intersection(&other.0).next().copied()
    }

    /// Adds a number.
    pub fn insert(&mut self, number: u32) {
        self.0.insert(number);
    }

    /// The longest runs of numbers, first and last of each.
    pub fn ranges(&self) -> Vec<(u32, u32)> {
        let mut out: Vec<(u32, u32)> = Vec::new();
        for number in self.iter() {
            match out.last_mut() {
                Some((_, last)) if *last + 1 == number => *last = number,
                Some(_) | None => out.push((number, number)),
            }
        }
        out
    }

    /// Each run as text: `3` or `0-2`.
    pub fn parts(&self) -> Vec<String> {
        let show = |(first, last)| if first == last { format!("{first}") } else { format!("{first}-{last}") };
        self.ranges().into_iter().map(show).collect()
    }
}

impl Leaf for CpuSet {
    fn read(text: &str) -> Option<Self> {
        let number = |n: &str| n.trim().parse::<u32>().ok().filter(|n| *n < LIMIT);
        let mut out = BTreeSet::new();
        for part in text.split(',') {
            let part = part.trim();
            if let Some(excluded) = part.strip_prefix('^') {
                out.remove(&number(excluded)?);
            } else if let Some((first, last)) = part.split_once('-') {
                let (first, last) = (number(first)?, number(last)?);
                if first > last {
                    return None;
                }
                out.extend(first..=last);
            } else {
                out.insert(number(part)?);
            }
        }
        Some(Self(out))
    }

    fn show(&self) -> String {
        let mut out = String::new();
        for part in self.parts() {
            let comma = if out.is_empty() { "" } else { "," };
            let _ = write!(out, "{comma}{part}");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_shown_in_their_shortest_form() {
        let show = |text| CpuSet::read(text).map(|s| s.show());
        assert_eq!(show("0-2,^1").as_deref(), Some("0,2"));
        assert_eq!(show("3,1,2, 7").as_deref(), Some("1-3,7"));
        assert_eq!(show("0,16383").as_deref(), Some("0,16383"));
        for bad in ["", "a", "3-1", "16384", "1-", "^", "1,,2"] {
            assert_eq!(show(bad), None, "{bad}");
        }
    }
}
