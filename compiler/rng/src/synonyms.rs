//! Words that people write for others. The engine knows none; who has a schema may know some.

use crate::schema::Schema;

/// What is written, in small letters, and what may be meant by it, the most likely first.
pub type Synonym = (&'static str, &'static [&'static str]);

/// Words that people write for others: names of other programs, of older versions, of everyday speech. A message suggests one only where
/// the schema allows it in the very place, so that a table may hold more than fits any one place.
#[derive(Debug, Clone, Copy, Default)]
pub struct Synonyms {
    /// Local names of elements.
    pub elements: &'static [Synonym],
    /// Local names of attributes.
    pub attributes: &'static [Synonym],
    /// Values of attributes, and texts of elements.
    pub values: &'static [Synonym],
}

impl Schema {
    /// The same schema with words that its messages suggest. What it takes does not change, nor does [`Self::to_bytes`].
    #[must_use]
    pub fn with_synonyms(self, synonyms: Synonyms) -> Self {
        Self { synonyms, ..self }
    }
}

/// What may be meant by a word, whatever its case.
pub(crate) fn meant(table: &'static [Synonym], written: &str) -> impl Iterator<Item = &'static str> {
    let rows = table.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(written));
    rows.flat_map(|(_, meant)| meant.iter().copied())
}
