//! Validation: the fast run, and diagnostics where it fails.

use virtc_diag::Diagnostics;
use virtc_xml::Document;

use crate::checked::Checked;
use crate::engine::derive::Engine;
use crate::engine::run::View;
use crate::report::report;
use crate::schema::Schema;

/// More patterns than this are forgotten after a document, so that memory stays bounded.
const MAX_PATTERNS: usize = 1 << 20;

/// A schema with a memory: what one document taught is used for the next. One for each thread.
pub struct Validator<'s> {
    engine: Engine<'s>,
}

impl Schema {
    /// Holds one document against the schema.
    pub fn validate<'d>(&self, document: &'d Document) -> (Checked<'d>, Diagnostics) {
        self.validator().validate(document)
    }

    /// A validator for many documents.
    pub fn validator(&self) -> Validator<'_> {
        Validator { engine: Engine::new(self) }
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
        let symbols = schema.symbols(document);
        let Some(root) = document.root().filter(|_| document.is_complete()) else { return false };
        let after = self.engine.run(schema.start, root, View { symbols: &symbols, pretence: None });
        self.engine.arena.nullable(after)
    }

    /// Holds one document against the schema.
    pub fn validate<'d>(&mut self, document: &'d Document) -> (Checked<'d>, Diagnostics) {
        if self.is_valid(document) {
            return (Checked::new(document, true), Diagnostics::new());
        }
        let symbols = self.engine.schema.symbols(document);
        report(&mut self.engine, document, &symbols)
    }
}
