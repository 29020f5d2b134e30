//! What a lint can look at.

use std::cell::Cell;

use virtc_compiler::devices::interface::Interface;
use virtc_compiler::{Definition, Domain};
use virtc_diag::Span;
use virtc_inventory::{Config, Hardware, HostFile, Resources};
use virtc_xml::{Document, Element};

/// One definition, and what is known about its host. What is faulty is absent from the domain, so a lint that
/// reads the domain keeps silent about it.
#[derive(Debug)]
pub struct Context<'a> {
    /// The document as it was read; after an XML error it ends early.
    pub document: &'a Document,
    /// What the user wrote; `None` where the document is no domain.
    pub domain: Option<&'a Domain>,
    /// The same with all that libvirt fills in; `None` where that could not be done.
    pub definition: Option<&'a Definition>,
    host: Option<&'a HostFile>,
    wanted: Cell<bool>,
}

impl<'a> Context<'a> {
    /// What is known of a document; `host` is what the host file says.
    pub fn new(
        document: &'a Document,
        domain: Option<&'a Domain>,
        definition: Option<&'a Definition>,
        host: Option<&'a HostFile>,
    ) -> Self {
        Self { document, domain, definition, host, wanted: Cell::new(false) }
    }

    /// The hardware of the host, from `hardware` of the host file.
    ///
    /// A lint asks for a part of the host file only when it has met something that it has to look up: one that asks for
    /// a part that is missing counts as skipped. This holds for [`Self::config`] and [`Self::resources`] as well.
    pub fn hardware(&self) -> Option<&'a Hardware> {
        self.part(|host| host.hardware.as_ref())
    }

    /// How libvirt is set up on the host, from `config` of the host file: directories, listen addresses, TLS, defaults.
    pub fn config(&self) -> Option<&'a Config> {
        self.part(|host| host.config.as_ref())
    }

    /// What the host has for guests, from `resources` of the host file: firmware, networks, storage pools, images, the
    /// CPU of `host-model`.
    pub fn resources(&self) -> Option<&'a Resources> {
        self.part(|host| host.resources.as_ref())
    }

    fn part<T>(&self, of: impl FnOnce(&'a HostFile) -> Option<&'a T>) -> Option<&'a T> {
        let part = self.host.and_then(of);
        self.wanted.set(self.wanted.get() || part.is_none());
        part
    }

    /// Whether host facts were asked for in vain since the last call.
    pub(crate) fn take_wanted(&self) -> bool {
        self.wanted.take()
    }

    /// The interfaces that the user wrote, in order.
    pub fn interfaces(&self) -> impl Iterator<Item = &'a Interface> + use<'a> {
        self.domain.into_iter().flat_map(|domain| &domain.devices.interfaces)
    }

    /// The element that begins where `span` does.
    pub fn element(&self, span: Span) -> Option<Element<'a>> {
        element_at(self.document, span.start)
    }
}

/// The element that begins at `offset`, if one does.
pub(crate) fn element_at(document: &Document, offset: u32) -> Option<Element<'_>> {
    let mut at = document.root()?;
    while at.start_tag().start != offset {
        at = at.children().find(|child| child.span().start <= offset && offset < child.span().end)?;
    }
    Some(at)
}
