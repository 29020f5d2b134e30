//! The grammars and the lints, as the passes ask for them.

use std::collections::BTreeSet;

use virtc_compiler::passes::{Driver, Root, View};
use virtc_diag::{Diagnostics, Outcome};
use virtc_inventory::HostFile;
use virtc_lints::Context;
use virtc_rng::{Schema, Validated, Validator};
use virtc_xml::Document;

/// The grammars. What the validator of domains has learnt from one document serves the next.
pub(crate) struct Grammars<'s> {
    /// The grammar that was given in place of the one that is built in.
    schema: Option<&'s Schema>,
    domains: Validator<'s>,
}

impl<'s> Grammars<'s> {
    pub(crate) fn new(schema: Option<&'s Schema>) -> Self {
        Self { schema, domains: schema.unwrap_or(virtc_schemas::domain()).validator() }
    }

    /// The same grammars, of which nothing has been learnt yet.
    pub(crate) fn fresh(&self) -> Self {
        Self::new(self.schema)
    }

    /// The grammar for a document that may be something else than a domain.
    fn any<'d>(&mut self, document: &'d Document) -> (Validated<'d>, Diagnostics) {
        let Some(root) = document.root() else { return (Validated::unchecked(document), Diagnostics::new()) };
        if self.schema.is_some() || root.is("domain") {
            return self.domains.validate(document);
        }
        if root.is("network") || root.is("networkport") {
            return virtc_schemas::network().validate(document);
        }
        let (checked, faults) = virtc_schemas::device().validate(document);
        if checked.root().is_some() { (checked, faults) } else { self.domains.validate(document) }
    }
}

/// What the passes are driven with for one text.
pub(crate) struct Front<'f, 's> {
    grammars: &'f mut Grammars<'s>,
    host: Option<&'s HostFile>,
    /// The names of lints that would have needed host facts.
    pub(crate) skipped: BTreeSet<&'static str>,
}

impl<'f, 's> Front<'f, 's> {
    pub(crate) fn new(grammars: &'f mut Grammars<'s>, host: Option<&'s HostFile>) -> Self {
        Self { grammars, host, skipped: BTreeSet::new() }
    }
}

impl Driver for Front<'_, '_> {
    fn validate<'d>(&mut self, root: Root, document: &'d Document) -> Outcome<Validated<'d>> {
        let checked = match root {
            Root::Domain => self.grammars.domains.validate(document),
            Root::Device => virtc_schemas::device().validate(document),
            Root::Any => self.grammars.any(document),
        };
        checked.into()
    }

    fn order(&mut self, document: &Document) -> Diagnostics {
        self.grammars.domains.libxml2_order(document)
    }

    fn is_keeping(&self) -> bool {
        true
    }

    fn lint(&mut self, view: View<'_>) -> Diagnostics {
        let found = virtc_lints::check(&Context::new(view.document, view.domain, view.definition, self.host));
        self.skipped = found.skipped.iter().map(|code| code.name).collect();
        found.diagnostics
    }
}
