//! Validation: the fast run, and diagnostics where it fails.

use rustc_hash::FxHashMap;
use virtc_diag::Diagnostics;
use virtc_xml::Document;

use crate::engine::derive::Engine;
use crate::engine::names::Symbol;
use crate::engine::run::View;
use crate::report::report;
use crate::schema::Schema;
use crate::validated::Validated;

/// More patterns than this are forgotten after a document, so that memory stays bounded.
const MAX_PATTERNS: usize = 1 << 16;
/// More names than this are forgotten.
const MAX_NAMES: usize = 1 << 12;

/// A schema with a memory: what one document taught is used for the next. One for each thread.
pub struct Validator<'s> {
    engine: Engine<'s>,
    /// The symbols of names without a namespace.
    symbols: FxHashMap<Box<str>, Symbol>,
}

impl Schema {
    /// Validates one document against the schema.
    pub fn validate<'d>(&self, document: &'d Document) -> (Validated<'d>, Diagnostics) {
        self.validator().validate(document)
    }

    /// A validator for many documents.
    pub fn validator(&self) -> Validator<'_> {
        Validator { engine: Engine::new(self), symbols: FxHashMap::default() }
    }
}

impl<'s> Validator<'s> {
    /// The schema.
    pub fn schema(&self) -> &'s Schema {
        self.engine.schema
    }

    /// Whether a document is complete and valid. Faster than [`Self::validate`] where it is not.
    pub fn is_valid(&mut self, document: &Document) -> bool {
        let schema: &'s Schema = self.engine.schema;
        if self.engine.arena.added() > MAX_PATTERNS {
            self.engine = Engine::new(schema);
        }
        let symbols = self.symbols(document);
        let Some(root) = document.root().filter(|_| document.is_complete()) else { return false };
        let after = self.engine.run(schema.start, root, View { symbols: &symbols, pretence: None });
        self.engine.arena.nullable(after)
    }

    /// Validates one document against the schema.
    pub fn validate<'d>(&mut self, document: &'d Document) -> (Validated<'d>, Diagnostics) {
        if self.is_valid(document) {
            return (Validated::new(document, true), Diagnostics::new());
        }
        let symbols = self.symbols(document);
        report(&mut self.engine, document, &symbols)
    }

    pub(crate) fn engine(&mut self) -> &mut Engine<'s> {
        &mut self.engine
    }

    /// The symbols of all names of a document.
    fn symbols(&mut self, document: &Document) -> Vec<Symbol> {
        if self.symbols.len() > MAX_NAMES {
            self.symbols.clear();
        }
        let mut out = Vec::with_capacity(document.names().len());
        for name in document.names() {
            let known = self.symbols.get(name.local).filter(|_| name.namespace.is_empty());
            let symbol = known.copied().unwrap_or_else(|| self.engine.schema.symbol(name));
            if known.is_none() && name.namespace.is_empty() {
                self.symbols.insert(name.local.into(), symbol);
            }
            out.push(symbol);
        }
        out
    }
}
