//! A document after the grammar.

use std::collections::BTreeSet;

use virtc_diag::Span;
use virtc_xml::{Attribute, Document, Element};

/// A document with what is known about its faults. Faulty elements and attributes are holes: later passes leave them out.
#[derive(Debug, Clone)]
pub struct Validated<'d> {
    document: &'d Document,
    pub(crate) elements: BTreeSet<u32>,
    pub(crate) lacking: BTreeSet<u32>,
    /// Where the names of faulty attributes begin.
    pub(crate) attributes: BTreeSet<u32>,
    sound: bool,
}

impl<'d> Validated<'d> {
    pub(crate) fn new(document: &'d Document, sound: bool) -> Self {
        let (elements, lacking, attributes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Self { document, elements, lacking, attributes, sound: sound && document.is_complete() }
    }

    /// A document that no grammar has seen: every part of it is taken for sound, but not the whole. For XML that is incomplete.
    pub fn unchecked(document: &'d Document) -> Self {
        Self::new(document, false)
    }

    /// The document.
    pub fn document(&self) -> &'d Document {
        self.document
    }

    /// The root element, unless that is missing or faulty itself.
    pub fn root(&self) -> Option<Element<'d>> {
        self.document.root().filter(|root| !self.is_faulty(*root))
    }

    /// Whether an element is to be left out: it is unknown, misplaced, or its text is no value.
    pub fn is_faulty(&self, element: Element<'_>) -> bool {
        self.elements.contains(&element.id())
    }

    /// Whether an element lacks an attribute or a child that it needs. What it has is sound.
    pub fn is_lacking(&self, element: Element<'_>) -> bool {
        self.lacking.contains(&element.id())
    }

    /// Whether an attribute is to be left out: it is unknown, or its value is none that is allowed.
    pub fn is_faulty_attribute(&self, attribute: Attribute<'_>) -> bool {
        self.attributes.contains(&attribute.name_span().start)
    }

    /// Whether a finding at `span` is about an element as a whole in which the grammar has found a fault: in its own tag, or in that of a
    /// child. What is missed there, or does not go together, is likely there once the fault is mended: it is a consequence, not a
    /// second fault. A finding about a single attribute, value or text is none.
    pub fn explains(&self, span: Span) -> bool {
        if self.elements.is_empty() && self.lacking.is_empty() && self.attributes.is_empty() {
            return false;
        }
        let number = u32::try_from(self.document.node_count()).unwrap_or(u32::MAX);
        let mut elements = (0..number).filter_map(|id| self.document.element(id));
        let meant = |e: &Element<'_>| [e.span(), e.start_tag(), e.name_span()].contains(&span);
        let at_fault = |e: Element<'_>| {
            self.is_faulty(e) || self.is_lacking(e) || e.attributes().any(|a| self.is_faulty_attribute(a))
        };
        elements.any(|element| meant(&element) && (at_fault(element) || element.children().any(at_fault)))
    }

    /// Whether there is a fault in an element or anywhere below it.
    pub fn is_touched(&self, element: Element<'_>) -> bool {
        let span = element.span();
        if self.attributes.range(span.start..span.end).next().is_some() {
            return true;
        }
        if self.elements.is_empty() && self.lacking.is_empty() {
            return false;
        }
        let mut open = vec![element];
        while let Some(next) = open.pop() {
            if self.is_faulty(next) || self.is_lacking(next) {
                return true;
            }
            open.extend(next.children());
        }
        false
    }

    /// Whether the document is complete and valid.
    pub fn is_sound(&self) -> bool {
        self.sound
    }
}
