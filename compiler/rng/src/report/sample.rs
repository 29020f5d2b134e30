//! A missing element as it can be written.

use virtc_xml::Element;

use super::Reporter;
use super::expected::values;
use super::missing::ways;
use super::wording::escaped;
use crate::engine::arena::{Kind, Pat};
use crate::engine::names::Symbol;

/// What is to be filled in.
const OPEN: &str = "…";

impl<'d> Reporter<'_, '_, 'd> {
    /// An element with the attributes that it needs, as `place` writes it; `None` where it can have several names.
    pub(super) fn sample(&mut self, leaf: Pat, place: Element<'d>) -> Option<String> {
        if self.engine.arena.kind(leaf) != Kind::Element {
            return None;
        }
        let definition = self.schema.definition(self.engine.arena.operand(leaf, 0))?;
        let name = self.single_name(definition.names, place)?;
        let mut tag = name.clone();
        for attribute in ways(&self.engine.arena, definition.content, false).into_iter().next()? {
            let names = self.engine.arena.operand(attribute, 0);
            let value = self.sample_value(self.engine.arena.part(attribute, 1));
            tag = format!("{tag} {}='{}'", self.single_name(names, place)?, escaped(&value));
        }
        let content = self.engine.close_tag_anyway(definition.content);
        Some(if self.engine.arena.nullable(content) { format!("<{tag}/>") } else { format!("<{tag}>{OPEN}</{name}>") })
    }

    fn single_name(&self, names: u32, place: Element<'d>) -> Option<String> {
        let set = self.schema.names.set(names);
        match set.listed {
            [symbol] if !set.all_but => self.written_name(Symbol(*symbol), place),
            _ => None,
        }
    }

    /// The one value that an attribute can have, or the example that the schema's words for it give.
    fn sample_value(&self, pat: Pat) -> String {
        let arena = &self.engine.arena;
        let allowed = self.schema.values(arena, &[pat]);
        if let ([word], true) = (allowed.words.as_slice(), allowed.forms.is_empty()) {
            return word.clone();
        }
        let described = values(arena, pat).into_iter().filter(|leaf| arena.kind(*leaf) == Kind::Data);
        let described = described.filter_map(|leaf| self.schema.datatypes.get(arena.operand(leaf, 0) as usize));
        let examples = described.filter_map(|datatype| self.schema.text(datatype.doc).split_once("such as `"));
        let mut examples = examples.filter_map(|(_, rest)| rest.split_once('`')).map(|(example, _)| example.to_owned());
        examples.next().unwrap_or_else(|| OPEN.to_owned())
    }
}
