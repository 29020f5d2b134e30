//! Name classes as sets over the finite alphabet of a schema.

use std::collections::BTreeMap;

use super::load::Loaded;
use super::symbols::Symbols;
use super::tables::Texts;
use crate::engine::names::{Names, Symbol};
use crate::syntax::ast::{NameClass, NameKind};

/// The alphabet, and the sets made so far.
#[derive(Debug)]
pub(super) struct NameSets {
    pub names: Names,
    spaces: BTreeMap<Box<str>, usize>,
    symbols: BTreeMap<(Box<str>, Box<str>), Symbol>,
    known: BTreeMap<Symbols, u32>,
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

    /// The number of the set that a name class means.
    pub(super) fn number(&mut self, class: &NameClass) -> u32 {
        let set = self.stored(self.members(class));
        if let Some(number) = self.known.get(&set) {
            return *number;
        }
        let start = u32::try_from(self.names.members.len()).unwrap_or(u32::MAX);
        self.names.members.extend(&set.listed);
        let end = u32::try_from(self.names.members.len()).unwrap_or(u32::MAX);
        let number = u32::try_from(self.names.sets.len()).unwrap_or(u32::MAX);
        self.names.sets.push((u32::from(set.all_but), start, end));
        self.known.insert(set, number);
        number
    }

    /// The one form in which a set is stored: what it leaves out is listed where that is less, and names that are not known are in it.
    fn stored(&self, set: Symbols) -> Symbols {
        let size = self.size();
        let count = if set.all_but { size - set.listed.len().min(size) } else { set.listed.len() };
        let all_but = count > size / 2 && set.contains(self.names.other().0);
        if all_but == set.all_but {
            return set;
        }
        let all = 0..u32::try_from(size).unwrap_or(u32::MAX);
        Symbols { all_but, listed: all.filter(|symbol| !set.listed.contains(symbol)).collect() }
    }

    fn members(&self, class: &NameClass) -> Symbols {
        match &class.kind {
            NameKind::Any(except) => self.without(Symbols::all(), except.as_deref()),
            NameKind::Ns(ns, except) => {
                let mut set = Symbols::default();
                if let Some(space) = self.spaces.get(ns) {
                    let mine = u32::try_from(*space).unwrap_or(u32::MAX);
                    let known = (0..).zip(&self.names.known).filter(|(_, (space, _))| *space == mine);
                    set = Symbols::of(known.map(|(symbol, _)| symbol).chain([self.names.other_in(*space).0]));
                }
                self.without(set, except.as_deref())
            }
            NameKind::Name(ns, local) => {
                Symbols::of(self.symbols.get(&(ns.clone(), local.clone())).map(|symbol| symbol.0))
            }
            NameKind::Choice(classes) => {
                let mut set = Symbols::default();
                for class in classes {
                    set.join(&self.members(class));
                }
                set
            }
        }
    }

    fn without(&self, mut set: Symbols, except: Option<&NameClass>) -> Symbols {
        if let Some(except) = except {
            set.remove(&self.members(except));
        }
        set
    }
}
