//! Tables of a schema in the making: texts, datatypes, literals.

use std::collections::BTreeMap;

/// Things with numbers; equal things have equal numbers.
#[derive(Debug)]
pub(super) struct Table<T> {
    numbers: BTreeMap<T, u32>,
    pub(super) list: Vec<T>,
}

impl<T: Ord + Clone> Table<T> {
    pub(super) fn new() -> Self {
        Self { numbers: BTreeMap::new(), list: Vec::new() }
    }

    pub(super) fn number(&mut self, thing: T) -> u32 {
        if let Some(number) = self.numbers.get(&thing) {
            return *number;
        }
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(thing.clone());
        self.numbers.insert(thing, number);
        number
    }
}

/// Texts; number 0 is the empty one.
#[derive(Debug)]
pub(super) struct Texts(Table<Box<str>>);

impl Texts {
    pub(super) fn new() -> Self {
        let mut texts = Self(Table::new());
        texts.number("");
        texts
    }

    pub(super) fn number(&mut self, text: &str) -> u32 {
        self.0.number(text.into())
    }

    /// All texts in one, and where each ends.
    pub(super) fn joined(&self) -> (String, Vec<u32>) {
        let mut all = String::new();
        let mut ends = Vec::with_capacity(self.0.list.len());
        for text in &self.0.list {
            all.push_str(text);
            ends.push(u32::try_from(all.len()).unwrap_or(u32::MAX));
        }
        (all, ends)
    }
}
