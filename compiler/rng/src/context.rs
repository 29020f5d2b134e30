//! What the grammar says about a place in a document: for hovers and completions.

use std::collections::BTreeMap;

use virtc_xml::Element;

use crate::engine::arena::Pat;
use crate::engine::derive::Engine;
use crate::engine::names::Symbol;
use crate::report::expected::{Candidate, definitions};
use crate::schema::Schema;

/// An element or attribute that the grammar knows, with its documentation comment (empty where there is none).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'s> {
    /// The local name.
    pub name: &'s str,
    /// The namespace URI, empty where there is none.
    pub namespace: &'s str,
    /// The documentation comment.
    pub doc: &'s str,
}

/// What the grammar says about an element in its place. The document may be invalid or incomplete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context<'s> {
    /// The documentation comment of the element, empty where there is none.
    pub doc: &'s str,
    /// The attributes that any form of it takes, those that it has among them.
    pub attributes: Vec<Item<'s>>,
    /// The children that are allowed in it, as far as its attributes decide that.
    pub children: Vec<Item<'s>>,
    /// For each attribute, by local name, the words that its value can be.
    pub values: BTreeMap<&'s str, Vec<String>>,
    /// The words that its text can be.
    pub words: Vec<String>,
}

impl Schema {
    /// What is known about an element; `None` where the grammar does not know the element, or one around it.
    pub fn context(&self, element: Element<'_>) -> Option<Context<'_>> {
        let mut engine = Engine::new(self);
        let (fresh, around, doc) = self.place(&mut engine, element)?;
        let arena = &engine.arena;
        let mut context = Context { doc: self.text(doc), ..Context::default() };
        context.attributes = self.items(fresh.iter().flat_map(|pat| self.attribute_names(arena, *pat)));
        context.children = self.items(around.iter().flat_map(|pat| self.elements(arena, *pat, false)));
        context.words = self.values(arena, &around).words;
        for item in &context.attributes {
            let mut forms = Vec::new();
            for pat in fresh.iter().flat_map(|pat| crate::report::expected::attributes(arena, *pat)) {
                let set = self.names.set(arena.operand(pat, 0));
                let named = |s: &u32| self.known_name(Symbol(*s)).is_some_and(|(_, local)| local == item.name);
                if !set.all_but && set.listed.iter().any(named) {
                    forms.push(arena.part(pat, 1));
                }
            }
            let words = self.values(arena, &forms).words;
            if !words.is_empty() {
                context.values.insert(item.name, words);
            }
        }
        Some(context)
    }

    /// The contents that an element can have in its place, the same as far as its attributes decide them, and the documentation.
    pub(crate) fn place(&self, engine: &mut Engine<'_>, element: Element<'_>) -> Option<(Vec<Pat>, Vec<Pat>, u32)> {
        let mut path = vec![element];
        while let Some(parent) = path.last().and_then(|e| e.parent()) {
            path.push(parent);
        }
        let (mut fresh, mut around, mut doc) = (Vec::new(), vec![self.start], 0);
        for element in path.into_iter().rev() {
            (fresh, doc) = self.contents(engine, &around, element)?;
            let narrowed: Vec<(usize, Pat)> =
                fresh.iter().map(|content| self.narrowed(engine, *content, element)).collect();
            // Where some contents take more of the attributes than others, it is one of those.
            let fewest = narrowed.iter().map(|(misfits, _)| *misfits).min().unwrap_or_default();
            around = narrowed.into_iter().filter(|(misfits, _)| *misfits == fewest).map(|(_, pat)| pat).collect();
        }
        Some((fresh, around, doc))
    }

    /// The contents of the elements that `element` can be inside these patterns, and the documentation.
    fn contents(&self, engine: &Engine<'_>, around: &[Pat], element: Element<'_>) -> Option<(Vec<Pat>, u32)> {
        let symbol = element.document().name(element.name_id()).map(|name| self.symbol(name))?;
        let numbers = around.iter().flat_map(|pat| definitions(&engine.arena, *pat, false));
        let found: Vec<_> = numbers
            .filter_map(|number| self.definition(number))
            .filter(|definition| self.names.set(definition.names).contains(symbol))
            .collect();
        let doc = found.iter().map(|definition| definition.doc).find(|doc| *doc != 0).unwrap_or_default();
        let mut contents: Vec<Pat> = found.iter().map(|definition| definition.content).collect();
        contents.sort_unstable();
        contents.dedup();
        if contents.is_empty() { None } else { Some((contents, doc)) }
    }

    /// A content, as far as the attributes of an element decide it, and how many of them do not fit and were passed over.
    fn narrowed(&self, engine: &mut Engine<'_>, content: Pat, element: Element<'_>) -> (usize, Pat) {
        let (mut misfits, mut pat) = (0, content);
        for attribute in element.attributes() {
            let Some(name) = element.document().name(attribute.name_id()) else { continue };
            let derived = engine.attribute(pat, self.symbol(name));
            match engine.value(derived, Some(attribute.value()), element) {
                Pat::NOT_ALLOWED => misfits += 1,
                next => pat = next,
            }
        }
        (misfits, pat)
    }

    fn items(&self, candidates: impl Iterator<Item = Candidate>) -> Vec<Item<'_>> {
        let mut items: Vec<Item<'_>> = Vec::new();
        for candidate in candidates {
            if let Some((namespace, name)) = self.known_name(candidate.symbol) {
                items.push(Item { name, namespace, doc: self.text(candidate.doc) });
            }
        }
        items.sort_by_key(|item| (item.namespace, item.name, item.doc.is_empty()));
        items.dedup_by_key(|item| (item.namespace, item.name));
        items
    }
}

#[cfg(test)]
mod tests {
    use virtc_diag::SourceFile;

    use super::*;

    const SCHEMA: &str = "start = element a { ## An interface.\n element i {
        (## The kind.\n attribute type { 'x' }, element p { empty }) | (attribute type { 'y' }, ## A q.\n element q { 'on' | 'off' }) } }";

    #[test]
    fn contexts() {
        let schema = Schema::compile(&SourceFile::new("s", SCHEMA), &mut |_, _| Err(String::new())).unwrap();
        let (document, _) = virtc_xml::parse(&SourceFile::new("d", "<a><i type='y' z=''><q/></i><i/><u/></a>"));
        let root = document.root().unwrap();
        let [first, second, unknown]: [Element<'_>; 3] = root.children().collect::<Vec<_>>().try_into().unwrap();
        let context = schema.context(first).unwrap();
        assert_eq!(context.doc, "An interface.");
        assert_eq!(context.attributes, [Item { name: "type", namespace: "", doc: "The kind." }]);
        assert_eq!(context.children, [Item { name: "q", namespace: "", doc: "A q." }]);
        assert_eq!(context.values["type"], ["x", "y"]);
        assert_eq!(schema.context(second).unwrap().children.len(), 2);
        assert_eq!(schema.context(unknown), None);
        assert_eq!(schema.context(first.child("q").unwrap()).unwrap().words, ["off", "on"]);
    }
}
