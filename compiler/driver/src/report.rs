//! What came of a text.

use std::collections::BTreeSet;

use virtc_compiler::passes::Passed;
use virtc_compiler::{Definition, Domain};
use virtc_diag::{Diagnostic, SourceFile};
use virtc_xml::Document;

use crate::findings::Findings;
use crate::machine::Machine;

/// What was found in a text, and what could be made of it.
#[must_use]
#[derive(Debug)]
pub struct Report {
    findings: Findings,
    skipped: BTreeSet<&'static str>,
    passed: Option<Passed>,
}

impl Report {
    pub(crate) fn new(source: SourceFile, mut passed: Passed, skipped: BTreeSet<&'static str>) -> Self {
        Self { findings: Findings::new(source, passed.take_findings()), skipped, passed: Some(passed) }
    }

    /// Of what is no text.
    pub(crate) fn refused(source: SourceFile, fault: Diagnostic) -> Self {
        let findings = Findings::new(source, std::iter::once(fault).collect());
        Self { findings, skipped: BTreeSet::new(), passed: None }
    }

    /// Everything that was found, by place.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Everything that was found, without what was made.
    pub fn into_findings(self) -> Findings {
        self.findings
    }

    /// The names of lints that would have needed facts of the host.
    pub fn skipped(&self) -> &BTreeSet<&'static str> {
        &self.skipped
    }

    /// The document, where the text is well-formed XML.
    ///
    /// # Errors
    /// What was found, where it is not.
    pub fn document(&self) -> Result<&Document, Findings> {
        self.or_refuse(|passed| Some(passed.document()).filter(|document| document.is_complete()))
    }

    /// What the user wrote, where all of it could be read.
    ///
    /// # Errors
    /// What was found, where a part could not, or the text is no domain.
    pub fn domain(&self) -> Result<&Domain, Findings> {
        self.or_refuse(Passed::domain)
    }

    /// What the user wrote without what is faulty, for editors; `None` where the text is no domain.
    pub fn partial_domain(&self) -> Option<&Domain> {
        self.passed.as_ref()?.partial_domain()
    }

    /// The definition as libvirt would store it: there, where it was asked for and nothing up to it is in error. A lint or a QEMU may still
    /// refuse the machine.
    ///
    /// # Errors
    /// What was found, where it is not there.
    pub fn definition(&self) -> Result<&Definition, Findings> {
        self.or_refuse(|passed| passed.definition().map(virtc_compiler::Valid::get))
    }

    /// The machine: there, where it was asked for and nothing at all is in error.
    ///
    /// # Errors
    /// What was found, where it is not there.
    pub fn machine(&self) -> Result<Machine<'_>, Findings> {
        self.or_refuse(Passed::machine).map(|machine| Machine::new(machine, self.findings.source()))
    }

    fn or_refuse<'r, T>(&'r self, part: impl FnOnce(&'r Passed) -> Option<T>) -> Result<T, Findings> {
        self.passed.as_ref().and_then(part).ok_or_else(|| self.findings.clone())
    }
}
