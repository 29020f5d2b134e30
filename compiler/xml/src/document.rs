//! The tree: a flat arena of nodes and attributes, each with its spans.

use virtc_diag::{SourceFile, Span};

use crate::element::Element;

/// A name of this document: equal names have equal numbers, which count from 0 without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameId(pub u32);

/// A name with its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QName<'d> {
    /// The namespace URI, empty where there is none.
    pub namespace: &'d str,
    /// The local name.
    pub local: &'d str,
}

/// The number of a namespace: an index into [`Document::namespaces`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Namespace(pub u32);

impl Namespace {
    /// That of names in no namespace.
    pub(crate) const NONE: Self = Self(0);
}

/// A name as the text holds it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameData {
    pub namespace: Namespace,
    /// Where the local name is for the first time.
    pub local: Span,
}

pub(crate) const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct ElementData {
    pub name: NameId,
    /// The name as written, with its prefix.
    pub name_span: Span,
    pub start_tag: Span,
    /// From the start of the start tag to the end of the end tag.
    pub span: Span,
    pub attributes: std::ops::Range<u32>,
    pub first_child: u32,
}

#[derive(Debug)]
pub(crate) struct TextData {
    pub span: Span,
    /// The decoded text, where it differs from what the span shows.
    pub decoded: Option<Box<str>>,
}

#[derive(Debug)]
pub(crate) enum NodeKind {
    Element(ElementData),
    Text(TextData),
}

#[derive(Debug)]
pub(crate) struct NodeData {
    pub parent: u32,
    pub next: u32,
    pub kind: NodeKind,
}

#[derive(Debug)]
pub(crate) struct AttributeData {
    pub name: NameId,
    pub name_span: Span,
    pub value_span: Span,
    pub decoded: Option<Box<str>>,
}

/// A namespace declaration, as it is in a start tag.
#[derive(Debug, Clone)]
pub(crate) struct Declaration {
    pub element: u32,
    /// Empty for the default namespace.
    pub prefix: Box<str>,
    pub namespace: Namespace,
}

/// A parsed document; incomplete after an XML error.
#[derive(Debug)]
pub struct Document {
    pub(crate) source: SourceFile,
    pub(crate) names: Vec<NameData>,
    /// Their URIs; the first one is empty.
    pub(crate) namespaces: Vec<Box<str>>,
    pub(crate) nodes: Vec<NodeData>,
    pub(crate) attributes: Vec<AttributeData>,
    pub(crate) declarations: Vec<Declaration>,
    pub(crate) comments: Vec<Span>,
    pub(crate) root: Option<u32>,
    pub(crate) complete: bool,
}

impl Document {
    /// The text that the document was made of.
    pub fn source(&self) -> &SourceFile {
        &self.source
    }

    /// The root element; `None` where the text holds none.
    pub fn root(&self) -> Option<Element<'_>> {
        self.root.map(|id| Element { document: self, id })
    }

    /// Whether the whole text was well-formed; otherwise elements and attributes may be missing.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// All names of elements and attributes; a [`NameId`] is the place of one.
    pub fn names(&self) -> impl ExactSizeIterator<Item = QName<'_>> {
        self.names.iter().map(|name| self.qname(*name))
    }

    /// The name of a number.
    pub fn name(&self, id: NameId) -> Option<QName<'_>> {
        self.names.get(id.0 as usize).map(|name| self.qname(*name))
    }

    /// Whether a number is that of `name` in no namespace.
    pub(crate) fn is_name(&self, id: NameId, name: &str) -> bool {
        self.names.get(id.0 as usize).is_some_and(|data| {
            data.namespace == Namespace::NONE
                && data.local.range().len() == name.len()
                && self.source.slice(data.local) == name
        })
    }

    /// The URI of a namespace.
    pub(crate) fn uri(&self, namespace: Namespace) -> &str {
        self.namespaces.get(namespace.0 as usize).map_or("", |uri| uri)
    }

    fn qname(&self, name: NameData) -> QName<'_> {
        QName { namespace: self.uri(name.namespace), local: self.source.slice(name.local) }
    }

    /// The spans of all comments, with their marks, in order.
    pub fn comments(&self) -> &[Span] {
        &self.comments
    }

    /// How many nodes there are (elements and texts); element ids are below it.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The element with this id, as [`Element::id`] gives it.
    pub fn element(&self, id: u32) -> Option<Element<'_>> {
        match self.nodes.get(id as usize)?.kind {
            NodeKind::Element(_) => Some(Element { document: self, id }),
            NodeKind::Text(_) => None,
        }
    }
}
