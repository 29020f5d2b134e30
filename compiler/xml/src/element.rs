//! Handles into a document: elements, attributes, text. All are small and `Copy`.

use std::borrow::Cow;

use virtc_diag::Span;

use crate::document::{AttributeData, Document, ElementData, NONE, NameId, NodeKind, TextData};

/// An element of a document.
#[derive(Debug, Clone, Copy)]
pub struct Element<'d> {
    pub(crate) document: &'d Document,
    pub(crate) id: u32,
}

/// An attribute of an element. Namespace declarations are none.
#[derive(Debug, Clone, Copy)]
pub struct Attribute<'d> {
    document: &'d Document,
    data: &'d AttributeData,
}

/// A run of text: character data, CDATA and references together.
#[derive(Debug, Clone, Copy)]
pub struct Text<'d> {
    document: &'d Document,
    data: &'d TextData,
}

/// A child of an element.
#[derive(Debug, Clone, Copy)]
pub enum Node<'d> {
    /// An element.
    Element(Element<'d>),
    /// A run of text.
    Text(Text<'d>),
}

static EMPTY: ElementData = ElementData {
    name: NameId(0),
    name_span: Span { start: 0, end: 0 },
    start_tag: Span { start: 0, end: 0 },
    span: Span { start: 0, end: 0 },
    attributes: 0..0,
    first_child: NONE,
};

impl PartialEq for Element<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && std::ptr::eq(self.document, other.document)
    }
}

impl Eq for Element<'_> {}

impl<'d> Element<'d> {
    fn data(self) -> &'d ElementData {
        match self.document.nodes.get(self.id as usize).map(|n| &n.kind) {
            Some(NodeKind::Element(data)) => data,
            Some(NodeKind::Text(_)) | None => &EMPTY,
        }
    }

    /// The number of this element in its document.
    pub fn id(self) -> u32 {
        self.id
    }

    /// The document it belongs to.
    pub fn document(self) -> &'d Document {
        self.document
    }

    /// The number of its name.
    pub fn name_id(self) -> NameId {
        self.data().name
    }

    /// The local name.
    pub fn name(self) -> &'d str {
        self.document.name(self.data().name).map_or("", |n| n.local)
    }

    /// The namespace URI, empty where there is none.
    pub fn namespace(self) -> &'d str {
        self.document.name(self.data().name).map_or("", |n| n.namespace)
    }

    /// Whether this is element `name` of no namespace.
    pub fn is(self, name: &str) -> bool {
        self.document.is_name(self.data().name, name)
    }

    /// The name in the start tag, with its prefix.
    pub fn name_span(self) -> Span {
        self.data().name_span
    }

    /// The whole start tag.
    pub fn start_tag(self) -> Span {
        self.data().start_tag
    }

    /// The whole element.
    pub fn span(self) -> Span {
        self.data().span
    }

    /// Its parent.
    pub fn parent(self) -> Option<Self> {
        let parent = self.document.nodes.get(self.id as usize)?.parent;
        self.document.element(parent)
    }

    /// All attributes in order.
    pub fn attributes(self) -> impl Iterator<Item = Attribute<'d>> + use<'d> {
        let range = self.data().attributes.clone();
        let document = self.document;
        let slice = document.attributes.get(range.start as usize..range.end as usize).unwrap_or_default();
        slice.iter().map(move |data| Attribute { document, data })
    }

    /// The attribute `name` of no namespace.
    pub fn attribute(self, name: &str) -> Option<Attribute<'d>> {
        self.attributes().find(|a| a.is(name))
    }

    /// All children: elements and runs of text.
    pub fn content(self) -> impl Iterator<Item = Node<'d>> + use<'d> {
        let document = self.document;
        let mut next = self.data().first_child;
        std::iter::from_fn(move || {
            let id = next;
            let node = document.nodes.get(id as usize)?;
            next = node.next;
            Some(match &node.kind {
                NodeKind::Element(_) => Node::Element(Element { document, id }),
                NodeKind::Text(data) => Node::Text(Text { document, data }),
            })
        })
    }

    /// All child elements.
    pub fn children(self) -> impl Iterator<Item = Element<'d>> + use<'d> {
        self.content().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// All child elements `name` of no namespace.
    pub fn children_named(self, name: &str) -> impl Iterator<Item = Element<'d>> {
        self.children().filter(move |e| e.is(name))
    }

    /// The first child element `name` of no namespace.
    pub fn child(self, name: &str) -> Option<Element<'d>> {
        self.children().find(|e| e.is(name))
    }

    /// The direct text, runs joined, as it is (white space kept).
    pub fn text(self) -> Cow<'d, str> {
        let mut runs = self.content().filter_map(|node| match node {
            Node::Text(text) => Some(text.value()),
            Node::Element(_) => None,
        });
        let first = runs.next().unwrap_or_default();
        match runs.next() {
            None => Cow::Borrowed(first),
            Some(second) => Cow::Owned([first, second].into_iter().chain(runs).collect()),
        }
    }

    /// The place of the direct text without the white space around it; the start tag where there is none.
    pub fn text_span(self) -> Span {
        let texts = self.content().filter_map(|node| match node {
            Node::Text(text) if !text.is_blank() => Some(text.trimmed_span()),
            Node::Text(_) | Node::Element(_) => None,
        });
        texts.reduce(Span::to).unwrap_or_else(|| self.start_tag())
    }

    /// The namespace declarations in the start tag, as (prefix, URI).
    pub fn declarations(self) -> impl Iterator<Item = (&'d str, &'d str)> {
        // They are in the order of their elements.
        let all = &self.document.declarations;
        let start = all.partition_point(|d| d.element < self.id);
        let own = all.iter().skip(start).take_while(move |d| d.element == self.id);
        own.map(|d| (&*d.prefix, self.document.uri(d.namespace)))
    }

    /// The URI that `prefix` means inside this element.
    pub fn resolve(self, prefix: &str) -> Option<&'d str> {
        let mut at = Some(self);
        while let Some(element) = at {
            if let Some((_, uri)) = element.declarations().find(|(p, _)| *p == prefix) {
                return Some(uri);
            }
            at = element.parent();
        }
        None
    }
}

impl<'d> Attribute<'d> {
    /// The number of its name.
    pub fn name_id(self) -> NameId {
        self.data.name
    }

    /// The local name.
    pub fn name(self) -> &'d str {
        self.document.name(self.data.name).map_or("", |n| n.local)
    }

    /// The namespace URI, empty where there is none.
    pub fn namespace(self) -> &'d str {
        self.document.name(self.data.name).map_or("", |n| n.namespace)
    }

    /// Whether this is attribute `name` of no namespace.
    pub fn is(self, name: &str) -> bool {
        self.document.is_name(self.data.name, name)
    }

    /// The value, references replaced and white space normalised as XML asks.
    pub fn value(self) -> &'d str {
        self.data.decoded.as_deref().unwrap_or_else(|| self.document.source.slice(self.data.value_span))
    }

    /// The name.
    pub fn name_span(self) -> Span {
        self.data.name_span
    }

    /// The value between its quotes.
    pub fn value_span(self) -> Span {
        self.data.value_span
    }

    /// The attribute from its name to its closing quote.
    pub fn span(self) -> Span {
        let end = self.data.value_span.end as usize + 1;
        Span::new(self.data.name_span.start as usize..end)
    }
}

impl<'d> Text<'d> {
    /// The text, references replaced.
    pub fn value(self) -> &'d str {
        self.data.decoded.as_deref().unwrap_or_else(|| self.document.source.slice(self.data.span))
    }

    /// Where it is.
    pub fn span(self) -> Span {
        self.data.span
    }

    /// Whether it is only white space.
    pub fn is_blank(self) -> bool {
        self.value().bytes().all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
    }

    /// Where it is, without the white space around it.
    pub fn trimmed_span(self) -> Span {
        let raw = self.document.source.slice(self.data.span);
        let space = [' ', '\t', '\n', '\r'];
        let start = raw.len() - raw.trim_start_matches(space).len();
        let end = raw.trim_end_matches(space).len().max(start);
        let base = self.data.span.start as usize;
        Span::new(base + start..base + end)
    }
}
