//! What the passes made of a text.

use virtc_diag::Diagnostics;
use virtc_xml::Document;

use super::{Goal, Made};
use crate::define::Definition;
use crate::model::Domain;
use crate::prepare::Machine;
use crate::valid::Valid;

/// What the passes made of a text, each part reachable only when it is valid, and everything that they found.
#[must_use]
#[derive(Debug)]
pub struct Passed {
    document: Document,
    domain: Option<Box<Domain>>,
    is_whole: bool,
    definition: Option<Valid<Definition>>,
    machine: Option<Valid<Machine>>,
    findings: Diagnostics,
}

impl Passed {
    pub(super) fn new(document: Document, made: Made, goal: Goal) -> Self {
        let Made { domain, is_whole, definition, is_defined, machine, findings } = made;
        let has_errors = findings.has_errors();
        let definition = definition.filter(|_| is_defined).map(Valid::new);
        let is_machine = goal == Goal::Machine && is_whole && !has_errors;
        let machine = machine.filter(|_| is_machine).map(Valid::new);
        Self { document, domain, is_whole, definition, machine, findings: findings.sorted() }
    }

    /// The document; after an XML error it ends early.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// What the user wrote, where all of it could be read and the driver keeps it.
    pub fn domain(&self) -> Option<&Domain> {
        self.domain.as_deref().filter(|_| self.is_whole)
    }

    /// What the user wrote without what is faulty, for editors; `None` where the root is no `<domain>` or the driver
    /// keeps nothing.
    pub fn partial_domain(&self) -> Option<&Domain> {
        self.domain.as_deref()
    }

    /// The definition that libvirt would store, where nothing up to there is in error: a lint or a QEMU may still
    /// refuse it.
    pub fn definition(&self) -> Option<&Valid<Definition>> {
        self.definition.as_ref()
    }

    /// The machine, where nothing at all is in error.
    pub fn machine(&self) -> Option<&Valid<Machine>> {
        self.machine.as_ref()
    }

    /// Everything that was found, by place.
    pub fn findings(&self) -> &Diagnostics {
        &self.findings
    }

    /// Everything that was found, to be kept in another place than this.
    pub fn take_findings(&mut self) -> Diagnostics {
        std::mem::take(&mut self.findings)
    }

    /// The machine, and everything that was found.
    pub fn into_machine(self) -> (Option<Valid<Machine>>, Diagnostics) {
        (self.machine, self.findings)
    }
}
