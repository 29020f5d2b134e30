//! Sets of symbols, of which most are small or leave out few.

use std::collections::BTreeSet;

/// A set of symbols: those listed, or all but those listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Symbols {
    pub all_but: bool,
    pub listed: BTreeSet<u32>,
}

impl Symbols {
    pub(super) fn all() -> Self {
        Self { all_but: true, listed: BTreeSet::new() }
    }

    pub(super) fn of(listed: impl IntoIterator<Item = u32>) -> Self {
        Self { all_but: false, listed: listed.into_iter().collect() }
    }

    pub(super) fn contains(&self, symbol: u32) -> bool {
        self.listed.contains(&symbol) != self.all_but
    }

    /// What is in either.
    pub(super) fn join(&mut self, other: &Self) {
        match (self.all_but, other.all_but) {
            (false, false) => self.listed.extend(&other.listed),
            (true, true) => self.listed.retain(|symbol| other.listed.contains(symbol)),
            (true, false) => drop_all(&mut self.listed, &other.listed),
            (false, true) => {
                let mut listed = other.listed.clone();
                drop_all(&mut listed, &self.listed);
                *self = Self { all_but: true, listed };
            }
        }
    }

    /// What is in this, but not in the other.
    pub(super) fn remove(&mut self, other: &Self) {
        match (self.all_but, other.all_but) {
            (false, false) => drop_all(&mut self.listed, &other.listed),
            (true, false) => self.listed.extend(&other.listed),
            (false, true) => self.listed.retain(|symbol| other.listed.contains(symbol)),
            (true, true) => {
                let mut listed = other.listed.clone();
                drop_all(&mut listed, &self.listed);
                *self = Self { all_but: false, listed };
            }
        }
    }

    /// A symbol that is in both, out of `size` symbols.
    pub(super) fn common(&self, other: &Self, size: u32) -> Option<u32> {
        let (small, large) = if self.listed.len() < other.listed.len() { (self, other) } else { (other, self) };
        match (small.all_but, large.all_but) {
            (false, _) => small.listed.iter().copied().find(|symbol| large.contains(*symbol)),
            (true, false) => large.listed.iter().copied().find(|symbol| small.contains(*symbol)),
            (true, true) => (0..size).find(|symbol| small.contains(*symbol) && large.contains(*symbol)),
        }
    }
}

fn drop_all(from: &mut BTreeSet<u32>, what: &BTreeSet<u32>) {
    if what.len() < from.len() {
        for symbol in what {
            from.remove(symbol);
        }
    } else {
        from.retain(|symbol| !what.contains(symbol));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u32 = 6;

    /// The members, one by one.
    fn members(set: &Symbols) -> Vec<u32> {
        (0..SIZE).filter(|symbol| set.contains(*symbol)).collect()
    }

    #[test]
    fn sets_of_both_kinds() {
        let lists: [&[u32]; 4] = [&[], &[0, 1], &[1, 2, 3], &[5]];
        let sets = lists.iter().flat_map(|list| {
            let listed: BTreeSet<u32> = list.iter().copied().collect();
            [false, true].map(|all_but| Symbols { all_but, listed: listed.clone() })
        });
        let sets: Vec<Symbols> = sets.collect();
        for (a, b) in sets.iter().flat_map(|a| sets.iter().map(move |b| (a, b))) {
            let (mut both, mut rest) = (a.clone(), a.clone());
            both.join(b);
            rest.remove(b);
            let is = |keep: &dyn Fn(u32) -> bool| (0..SIZE).filter(|symbol| keep(*symbol)).collect::<Vec<u32>>();
            assert_eq!(members(&both), is(&|symbol| a.contains(symbol) || b.contains(symbol)));
            assert_eq!(members(&rest), is(&|symbol| a.contains(symbol) && !b.contains(symbol)));
            let common = is(&|symbol| a.contains(symbol) && b.contains(symbol));
            assert_eq!(a.common(b, SIZE).is_some(), !common.is_empty(), "{a:?} {b:?}");
        }
    }
}
