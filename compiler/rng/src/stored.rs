//! The stored form of a schema: what a build makes and a run loads without work.
//!
//! Little-endian words of four bytes, then all texts. A list is its length and its words.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::datatype::{Datatype, TypeId};
use crate::engine::arena::Pat;
use crate::engine::names::Names;
use crate::engine::nodes::Nodes;
use crate::schema::{Definition, Schema};
use crate::synonyms::Synonyms;

/// Changes with the format, with the table of datatypes and with the hash of patterns.
const MAGIC: u32 = 0x7652_4e03;

impl Schema {
    /// The stored form, which [`Self::from_bytes`] of the same version of this crate takes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut texts = self.texts.to_string();
        let mut ends = self.text_ends.clone();
        let mut known: BTreeMap<&str, u32> = (0..).take(ends.len()).map(|number| (self.text(number), number)).collect();
        let mut parameters = Vec::new();
        for datatype in &self.datatypes {
            let count = u32::try_from(datatype.params.len()).unwrap_or(u32::MAX);
            parameters.extend([u32::from(datatype.ty.0), datatype.doc, count]);
            for text in datatype.params.iter().flat_map(|(name, value)| [name, value]) {
                parameters.push(*known.entry(text).or_insert_with(|| {
                    texts.push_str(text);
                    ends.push(u32::try_from(texts.len()).unwrap_or(u32::MAX));
                    u32::try_from(ends.len() - 1).unwrap_or(u32::MAX)
                }));
            }
        }
        let mut words = vec![MAGIC, self.start.0];
        let mut list = |list: &[u32]| {
            words.push(u32::try_from(list.len()).unwrap_or(u32::MAX));
            words.extend_from_slice(list);
        };
        list(&self.nodes.words);
        list(&self.nodes.operands);
        list(&self.nodes.table);
        list(&self.names.spaces);
        list(&self.names.known.iter().flat_map(|(a, b)| [*a, *b]).collect::<Vec<u32>>());
        list(&self.names.sets.iter().flat_map(|(a, b, c)| [*a, *b, *c]).collect::<Vec<u32>>());
        list(&self.names.members);
        list(&self.definitions.iter().flat_map(|d| [d.names, d.content.0, d.doc, d.order]).collect::<Vec<u32>>());
        list(&self.orders);
        list(&self.order_patterns.iter().map(|pat| pat.0).collect::<Vec<u32>>());
        list(&parameters);
        list(&self.literals.iter().flat_map(|(ty, text, ns)| [u32::from(ty.0), *text, *ns]).collect::<Vec<u32>>());
        list(&ends);
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend_from_slice(texts.as_bytes());
        bytes
    }

    /// Loads a stored schema. What is in it is trusted; wrong bytes give a useless schema, but no panic.
    ///
    /// # Errors
    /// Bytes of another version, or too few of them.
    pub fn from_bytes(bytes: &'static [u8]) -> Result<Self, &'static str> {
        let mut reader = Reader { bytes };
        if reader.word()? != MAGIC {
            return Err("the stored schema is of another version");
        }
        let start = Pat(reader.word()?);
        let nodes = Nodes { words: reader.list()?, operands: reader.list()?, table: reader.list()? };
        let spaces = reader.list()?;
        let known = reader.list()?.as_chunks().0.iter().map(|[a, b]| (*a, *b)).collect();
        let sets = reader.list()?.as_chunks().0.iter().map(|[a, b, c]| (*a, *b, *c)).collect();
        let members = reader.list()?;
        let definition = |[names, content, doc, order]: &[u32; 4]| Definition {
            names: *names,
            content: Pat(*content),
            doc: *doc,
            order: *order,
        };
        let definitions = reader.list()?.as_chunks().0.iter().map(definition).collect();
        let orders = reader.list()?;
        let order_patterns = reader.list()?.into_iter().map(Pat).collect();
        let parameters = reader.list()?;
        let literal = |[ty, text, ns]: &[u32; 3]| (type_id(*ty), *text, *ns);
        let literals = reader.list()?.as_chunks().0.iter().map(literal).collect();
        let text_ends = reader.list()?;
        let texts = std::str::from_utf8(reader.bytes).map_err(|_| "the stored schema is damaged")?;
        let names = Names { spaces, known, sets, members };
        let mut schema = Self {
            nodes,
            start,
            names,
            definitions,
            orders,
            order_patterns,
            datatypes: Vec::new(),
            literals,
            texts: Cow::Borrowed(texts),
            text_ends,
            synonyms: Synonyms::default(),
        };
        schema.datatypes = schema.load_datatypes(&parameters);
        Ok(schema)
    }

    fn load_datatypes(&self, words: &[u32]) -> Vec<Datatype> {
        let mut out = Vec::new();
        let mut words = words.iter().copied();
        while let (Some(ty), Some(doc), Some(count)) = (words.next(), words.next(), words.next()) {
            let mut text = || words.next().map(|number| Box::from(self.text(number)));
            let params = (0..count).map_while(|_| Some((text()?, text()?))).collect();
            out.push(Datatype::new(type_id(ty), params).with_doc(doc));
        }
        out
    }
}

fn type_id(word: u32) -> TypeId {
    TypeId(u8::try_from(word).unwrap_or_default())
}

struct Reader {
    bytes: &'static [u8],
}

impl Reader {
    fn word(&mut self) -> Result<u32, &'static str> {
        let (word, rest) = self.bytes.split_first_chunk().ok_or("the stored schema is cut short")?;
        self.bytes = rest;
        Ok(u32::from_le_bytes(*word))
    }

    fn list(&mut self) -> Result<Vec<u32>, &'static str> {
        let bytes = (self.word()? as usize).saturating_mul(4);
        let (list, rest) = self.bytes.split_at_checked(bytes).ok_or("the stored schema is cut short")?;
        self.bytes = rest;
        Ok(list.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use virtc_diag::SourceFile;

    #[test]
    fn a_stored_schema_is_the_same() {
        let text =
            "start = element a { attribute b { xsd:int { minInclusive = '1' } | 'x' }, element * - c { text }* }";
        let schema = Schema::compile(&SourceFile::new("s", text), &mut |_, _| Err(String::new())).unwrap();
        let bytes: &'static [u8] = schema.to_bytes().leak();
        let loaded = Schema::from_bytes(bytes).unwrap();
        assert_eq!(loaded.to_bytes(), bytes);
        for (text, valid) in [("<a b='2'><d/></a>", true), ("<a b='0'/>", false), ("<a b='x'><c/></a>", false)] {
            let (document, _) = virtc_xml::parse(&SourceFile::new("d", text));
            assert_eq!(loaded.validator().is_valid(&document), valid, "{text}");
            assert_eq!(schema.validator().is_valid(&document), valid, "{text}");
        }
        for end in 0..bytes.len().min(64) {
            assert!(Schema::from_bytes(&bytes[..end]).is_err());
        }
    }
}
