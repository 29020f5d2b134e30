//! Name classes as sets over the finite alphabet of a schema.

use std::collections::BTreeMap;

use super::load::Loaded;
use super::tables::Texts;
use crate::engine::names::{Names, Symbol};
use crate::syntax::ast::{NameClass, NameKind};

/// The alphabet, and the sets made so far.
#[derive(Debug)]
pub(super) struct NameSets {
    pub names: Names,
    spaces: BTreeMap<Box<str>, usize>,
    symbols: BTreeMap<(Box<str>, Box<str>), Symbol>,
    known: BTreeMap<Vec<bool>, u32>,
}

impl NameSets {
    pub(super) fn new(loaded: &Loaded, texts: &mut Texts) -> Self {
        let mut names = Names::default();
        let mut spaces: BTreeMap<Box<str>, usize> = BTreeMap::new();
        let mut symbols = BTreeMap::new();
        for (space, local) in &loaded.names {
            let at = *spaces.entry(space.clone()).or_insert_with(|| {
                names.spaces.push(texts.number(space));
                names.spaces.len() - 1
            });
            if let Some(local) = local {
                let symbol = Symbol(u32::try_from(names.known.len()).unwrap_or(u32::MAX));
                names.known.push((u32::try_from(at).unwrap_or(u32::MAX), texts.number(local)));
                symbols.insert((space.clone(), local.clone()), symbol);
            }
        }
        Self { names, spaces, symbols, known: BTreeMap::new() }
    }

    /// How many symbols there are.
    pub(super) fn size(&self) -> usize {
        self.names.other().0 as usize + 1
    }

    /// The number of the set that a name class stands for.
    pub(super) fn number(&mut self, class: &NameClass) -> u32 {
        let set = self.members(class);
        if let Some(number) = self.known.get(&set) {
            return *number;
        }
        let all_but = set.iter().filter(|is_in| **is_in).count() > set.len() / 2 && set.last() == Some(&true);
        let listed = set.iter().enumerate().filter(|(_, is_in)| **is_in != all_but);
        let start = u32::try_from(self.names.members.len()).unwrap_or(u32::MAX);
        self.names.members.extend(listed.map(|(symbol, _)| u32::try_from(symbol).unwrap_or(u32::MAX)));
        let end = u32::try_from(self.names.members.len()).unwrap_or(u32::MAX);
        let number = u32::try_from(self.names.sets.len()).unwrap_or(u32::MAX);
        self.names.sets.push((u32::from(all_but), start, end));
        self.known.insert(set, number);
        number
    }

    /// For each symbol, whether it is in the class.
    fn members(&self, class: &NameClass) -> Vec<bool> {
        match &class.kind {
            NameKind::Any(except) => self.without(vec![true; self.size()], except.as_deref()),
            NameKind::Ns(ns, except) => {
                let mut set = vec![false; self.size()];
                if let Some(space) = self.spaces.get(ns) {
                    let mine = u32::try_from(*space).unwrap_or(u32::MAX);
                    for (place, (space, _)) in set.iter_mut().zip(&self.names.known) {
                        *place = *space == mine;
                    }
                    put(&mut set, self.names.other_in(*space));
                }
                self.without(set, except.as_deref())
            }
            NameKind::Name(ns, local) => {
                let mut set = vec![false; self.size()];
                if let Some(symbol) = self.symbols.get(&(ns.clone(), local.clone())) {
                    put(&mut set, *symbol);
                }
                set
            }
            NameKind::Choice(classes) => {
                let mut set = vec![false; self.size()];
                for class in classes {
                    set.iter_mut().zip(self.members(class)).for_each(|(place, is_in)| *place |= is_in);
                }
                set
            }
        }
    }

    fn without(&self, mut set: Vec<bool>, except: Option<&NameClass>) -> Vec<bool> {
        if let Some(except) = except {
            set.iter_mut().zip(self.members(except)).for_each(|(place, is_in)| *place &= !is_in);
        }
        set
    }
}

fn put(set: &mut [bool], symbol: Symbol) {
    if let Some(place) = set.get_mut(symbol.0 as usize) {
        *place = true;
    }
}
