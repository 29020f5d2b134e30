//! What a lint can look at.

use std::cell::Cell;

use virtc_inventory::{Hardware, HostFile};
use virtc_xml::{Document, Element};

/// What is known about one definition, and about the host that it is for.
#[derive(Debug)]
pub struct Context<'a> {
    /// The document as it was read; after an XML error it ends early.
    pub document: &'a Document,
    host: Option<&'a HostFile>,
    wanted: Cell<bool>,
}

impl<'a> Context<'a> {
    /// The context of a document; `host` is what the host file says.
    pub fn new(document: &'a Document, host: Option<&'a HostFile>) -> Self {
        Self { document, host, wanted: Cell::new(false) }
    }

    /// The hardware of the host. A lint asks only when it has met something that it has to look up: one that asks in vain counts
    /// as skipped.
    pub fn hardware(&self) -> Option<&'a Hardware> {
        let hardware = self.host.and_then(|host| host.hardware.as_ref());
        self.wanted.set(self.wanted.get() || hardware.is_none());
        hardware
    }

    /// Whether host facts were asked for in vain since the last call.
    pub(crate) fn take_wanted(&self) -> bool {
        self.wanted.take()
    }

    /// The devices of this element name, in order; none where the document is no domain.
    pub fn devices(&self, name: &'static str) -> impl Iterator<Item = Element<'a>> + use<'a> {
        let root = self.document.root().filter(|root| root.is("domain"));
        let lists = root.into_iter().flat_map(|root| root.children_named("devices"));
        lists.flat_map(move |list| list.children_named(name))
    }
}
