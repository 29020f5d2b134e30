//! Names as symbols. Names that no schema distinguishes share one: the alphabet of a schema is finite.

use virtc_xml::{Document, QName};

use crate::schema::Schema;

/// A name, or a class of names that the schema treats alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Symbol(pub u32);

/// The names that a schema knows.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Texts of the namespaces.
    pub spaces: Vec<u32>,
    /// Namespace (an index) and text of the local name, sorted by namespace and then by local name.
    pub known: Vec<(u32, u32)>,
    /// For each name set: whether it is a complement, and where its symbols begin and end.
    pub sets: Vec<(u32, u32, u32)>,
    pub members: Vec<u32>,
}

/// A set of names: those listed, or all but those listed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameSet<'s> {
    pub all_but: bool,
    /// Sorted.
    pub listed: &'s [u32],
}

impl NameSet<'_> {
    pub(crate) fn contains(&self, symbol: Symbol) -> bool {
        self.listed.binary_search(&symbol.0).is_ok() != self.all_but
    }
}

impl Names {
    /// The symbol of names in namespace `space` that are not known.
    pub(crate) fn other_in(&self, space: usize) -> Symbol {
        Symbol(u32::try_from(self.known.len() + space).unwrap_or(u32::MAX))
    }

    /// The symbol of names in namespaces that are not known.
    pub(crate) fn other(&self) -> Symbol {
        self.other_in(self.spaces.len())
    }

    pub(crate) fn set(&self, number: u32) -> NameSet<'_> {
        let (all_but, start, end) = self.sets.get(number as usize).copied().unwrap_or_default();
        NameSet { all_but: all_but != 0, listed: self.members.get(start as usize..end as usize).unwrap_or_default() }
    }
}

impl Schema {
    /// The namespace and local name of a known symbol.
    pub(crate) fn known_name(&self, symbol: Symbol) -> Option<(&str, &str)> {
        let (space, local) = self.names.known.get(symbol.0 as usize)?;
        let space = self.names.spaces.get(*space as usize)?;
        Some((self.text(*space), self.text(*local)))
    }

    pub(crate) fn symbol(&self, name: QName<'_>) -> Symbol {
        let names = &self.names;
        let at = names.known.binary_search_by(|(space, local)| {
            let space = names.spaces.get(*space as usize).map_or("", |space| self.text(*space));
            space.cmp(name.namespace).then_with(|| self.text(*local).cmp(name.local))
        });
        match at {
            Ok(at) => Symbol(u32::try_from(at).unwrap_or(u32::MAX)),
            Err(_) => match names.spaces.iter().position(|space| self.text(*space) == name.namespace) {
                Some(space) => names.other_in(space),
                None => names.other(),
            },
        }
    }

    /// The symbols of all names of a document.
    pub(crate) fn symbols(&self, document: &Document) -> Vec<Symbol> {
        document.names().map(|name| self.symbol(name)).collect()
    }
}
