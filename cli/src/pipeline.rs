//! The way from a file to findings, which all commands share.

use std::collections::BTreeSet;

use virtc_diag::{Code, Diagnostics, SourceFile};
use virtc_inventory::HostFile;
use virtc_lints::Context;

use crate::input::{Input, Loaded};

/// How far a check goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// XML and grammar.
    Schema,
    /// Everything.
    Full,
}

/// What a check goes by.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'s> {
    /// What is known of the host.
    pub host: Option<&'s HostFile>,
    /// How far it goes.
    pub depth: Depth,
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
    fn new(source: SourceFile, diagnostics: Diagnostics, skipped: &[&'static Code]) -> Self {
        let skipped = skipped.iter().map(|code| code.name).collect();
        Self { source, diagnostics: diagnostics.sorted(), skipped }
    }
}

/// Loads and checks one input.
///
/// # Errors
/// In words, when it cannot be read.
pub fn check(input: &Input, settings: Settings<'_>) -> Result<Report, String> {
    Ok(check_loaded(input.load()?, settings))
}

/// Checks a text.
pub fn check_loaded(loaded: Loaded, settings: Settings<'_>) -> Report {
    match loaded.fault {
        Some(fault) => Report::new(loaded.source, std::iter::once(fault).collect(), &[]),
        None => check_text(loaded.source, settings),
    }
}

/// Checks a text that is whole.
pub fn check_text(source: SourceFile, settings: Settings<'_>) -> Report {
    let (document, mut diagnostics) = virtc_xml::parse(&source);
    if settings.depth == Depth::Schema {
        return Report::new(source, diagnostics, &[]);
    }
    let findings = virtc_lints::check(&Context::new(&document, settings.host));
    diagnostics.extend(findings.diagnostics);
    Report::new(source, diagnostics, &findings.skipped)
}
