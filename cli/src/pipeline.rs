//! The way from a file to findings and to a machine, which all commands share.

use std::collections::BTreeSet;

use virtc_compiler::devices::Devices;
use virtc_compiler::{
    Definition, Domain, Facts, Machine, Sound, Target, codes, define, lower, lower_device, lower_running, prepare,
};
use virtc_diag::{Code, Diagnostics, Severity, SourceFile, Span};
use virtc_inventory::HostFile;
use virtc_lints::Context;
use virtc_rng::{Schema, Validated, Validator};
use virtc_xml::Document;

use crate::input::{Input, Loaded};

/// How far a check goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// XML and grammar.
    Schema,
    /// Everything.
    Full,
}

/// What a pass goes by.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'s> {
    /// The grammar that was given in place of the one that is built in.
    pub schema: Option<&'s Schema>,
    /// What is known of the host.
    pub host: Option<&'s HostFile>,
    /// The QEMU to compile for.
    pub target: &'s Target,
}

/// What was found in one file.
#[derive(Debug)]
pub struct Report {
    /// The text that the findings point into.
    pub source: SourceFile,
    /// The findings, by place.
    pub diagnostics: Diagnostics,
    /// The names of lints that would have needed host facts.
    pub skipped: BTreeSet<&'static str>,
}

impl Report {
    /// A report of findings in a text.
    pub fn new(source: SourceFile, diagnostics: Diagnostics) -> Self {
        Self { source, diagnostics: diagnostics.sorted(), skipped: BTreeSet::new() }
    }
}

/// What the passes behind the grammar came to.
struct Analysis {
    machine: Option<Machine>,
    found: Diagnostics,
    skipped: BTreeSet<&'static str>,
}

/// Takes one file after the other; one for each thread.
pub struct Pipeline<'s> {
    settings: Settings<'s>,
    domains: Validator<'s>,
}

impl<'s> Pipeline<'s> {
    /// A pipeline that has seen no file yet.
    pub fn new(settings: Settings<'s>) -> Self {
        Self { settings, domains: settings.schema.unwrap_or(virtc_schemas::domain()).validator() }
    }

    fn facts(&self) -> Facts<'s> {
        Facts::new(self.settings.host)
    }

    /// Loads and checks one input.
    ///
    /// # Errors
    /// In words, when it cannot be read.
    pub fn check(&mut self, input: &Input, depth: Depth) -> Result<Report, String> {
        let Loaded { source, fault } = input.load()?;
        Ok(match fault {
            Some(fault) => Report::new(source, std::iter::once(fault).collect()),
            None => self.check_text(source, depth),
        })
    }

    /// Checks a text that is whole.
    pub fn check_text(&mut self, source: SourceFile, depth: Depth) -> Report {
        let (document, mut found) = virtc_xml::parse(&source);
        let (checked, faults) = self.grammar(&document);
        found.extend(faults);
        // Networks and single devices have no more to them than their grammar.
        let is_domain = document.root().is_some_and(|root| root.is("domain"));
        if depth == Depth::Schema || !is_domain {
            return Report::new(source, found);
        }
        if found.is_empty() {
            found.extend(self.domains.libxml2_order(&document));
        }
        let analysis = self.analyse(&checked);
        // What virtc cannot compile is no fault of the definition, and neither is what nobody told it about the host.
        let is_fault = |code: &Code| *code != codes::NOT_YET_SUPPORTED && *code != codes::HOST_FACT_NEEDED;
        found.extend(analysis.found.into_iter().filter(|fault| is_fault(fault.code)).collect());
        Report { skipped: analysis.skipped, ..Report::new(source, found) }
    }

    /// The grammar for a document that may be something else than a domain.
    fn grammar<'d>(&mut self, document: &'d Document) -> (Validated<'d>, Diagnostics) {
        let Some(root) = document.root() else { return (Validated::unchecked(document), Diagnostics::new()) };
        if self.settings.schema.is_some() || root.is("domain") {
            return self.domains.validate(document);
        }
        if root.is("network") || root.is("networkport") {
            return virtc_schemas::network().validate(document);
        }
        let (checked, faults) = virtc_schemas::device().validate(document);
        if checked.root().is_some() { (checked, faults) } else { self.domains.validate(document) }
    }

    /// Takes a document of which the grammar has seen all through the passes and the lints. A domain that lacks a part which
    /// others need is not gone into: what is missing would be missed by the rest.
    fn analyse(&self, checked: &Validated<'_>) -> Analysis {
        let (domain, mut found) = lower(checked);
        let whole = domain.as_ref().filter(|domain| domain.is_checkable && !found.has_errors());
        let (definition, faults) = whole.map(|domain| define(domain.clone(), self.facts())).unzip();
        let is_defined = definition.is_some() && !faults.as_ref().is_some_and(Diagnostics::has_errors);
        let mut faults = faults.unwrap_or_default();
        let cx = Context::new(checked.document(), domain.as_ref(), definition.as_ref(), self.settings.host);
        let lints = virtc_lints::check(&cx);
        let mut machine = None;
        if let Some(definition) = definition.filter(|_| is_defined) {
            let (made, more) = prepare(definition, self.settings.target, self.facts());
            faults.extend(more);
            machine = Some(made);
        }
        // Where a lint has found the cause, a pass that stumbles over it has nothing to add.
        let causes = lints.diagnostics.iter().filter(|lint| lint.severity == Severity::Error);
        let causes: BTreeSet<Option<Span>> = causes.map(|lint| lint.span).collect();
        found.extend(faults.into_iter().filter(|fault| !causes.contains(&fault.span)).collect());
        found.extend(lints.diagnostics);
        Analysis { machine, found, skipped: lints.skipped.iter().map(|code| code.name).collect() }
    }

    /// The definition in a text as libvirt would store it; none where anything is in error.
    pub fn define(&mut self, loaded: Loaded) -> (Report, Option<Definition>) {
        let (source, document, mut found) = parse(loaded);
        let Some(domain) = self.domain(document.as_ref(), &mut found) else {
            return (Report::new(source, found), None);
        };
        let (definition, faults) = define(domain, self.facts());
        found.extend(faults);
        let definition = (!found.has_errors()).then_some(definition);
        (Report::new(source, found), definition)
    }

    /// The machine in a text; none where anything is in error.
    pub fn machine(&mut self, loaded: Loaded) -> (Report, Option<Sound<Machine>>) {
        let (source, document, mut found) = parse(loaded);
        let Some(document) = document else { return (Report::new(source, found), None) };
        let (checked, faults) = self.domains.validate(&document);
        found.extend(faults);
        let Analysis { machine, found: more, skipped } = self.analyse(&checked);
        found.extend(more);
        let machine = machine.and_then(|machine| machine.sound(&found));
        (Report { skipped, ..Report::new(source, found) }, machine)
    }

    /// The domain in a text as it runs: its devices keep their names.
    pub fn running(&mut self, loaded: Loaded) -> (Report, Option<Domain>) {
        let (source, document, mut found) = parse(loaded);
        let domain = document.as_ref().and_then(|document| {
            let (checked, faults) = self.domains.validate(document);
            found.extend(faults);
            let (domain, faults) = lower_running(&checked);
            found.extend(faults);
            domain.filter(|domain| domain.unread == 0 && !found.has_errors())
        });
        (Report::new(source, found), domain)
    }

    /// The domain in a document, where all of it could be read.
    fn domain(&mut self, document: Option<&Document>, found: &mut Diagnostics) -> Option<Domain> {
        let (checked, faults) = self.domains.validate(document?);
        found.extend(faults);
        let (domain, faults) = lower(&checked);
        found.extend(faults);
        domain.filter(|domain| domain.unread == 0 && !found.has_errors())
    }
}

/// The one device in a text.
pub fn device(loaded: Loaded) -> (Report, Option<Devices>) {
    let (source, document, mut found) = parse(loaded);
    let devices = document.as_ref().and_then(|document| {
        let (checked, faults) = virtc_schemas::device().validate(document);
        found.extend(faults);
        let (devices, faults) = lower_device(&checked);
        found.extend(faults);
        devices.filter(|_| !found.has_errors())
    });
    (Report::new(source, found), devices)
}

fn parse(loaded: Loaded) -> (SourceFile, Option<Document>, Diagnostics) {
    let Loaded { source, fault } = loaded;
    if let Some(fault) = fault {
        return (source, None, std::iter::once(fault).collect());
    }
    let (document, found) = virtc_xml::parse(&source);
    (source, Some(document), found)
}
