//! The state that all readers of one document share: its findings, and how much of it could not be read.

use std::cell::{Cell, RefCell};

use virtc_diag::{Diagnostic, Diagnostics, Span};
use virtc_rng::Validated;
use virtc_xml::Element;

use crate::codes;

/// The state that all readers of one document share.
pub struct Lowering<'d> {
    pub(super) checked: &'d Validated<'d>,
    found: RefCell<Diagnostics>,
    /// Whether the document describes a running domain, whose devices have aliases.
    running: bool,
    /// How many unread were met: where there is one, no `Valid<Machine>` is made.
    pub(super) met: Cell<usize>,
}

impl<'d> Lowering<'d> {
    /// For a document that was validated: what is faulty in it is not read.
    pub fn new(checked: &'d Validated<'d>) -> Self {
        Self { checked, running: false, found: RefCell::default(), met: Cell::new(0) }
    }

    /// As [`Lowering::new`], for a running domain: the aliases of its devices are kept.
    pub fn running(checked: &'d Validated<'d>) -> Self {
        Self { running: true, ..Self::new(checked) }
    }

    /// Whether all of the document could be read as XML.
    pub fn is_whole(&self) -> bool {
        self.checked.document().is_complete()
    }

    /// Whether the document describes a running domain.
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Whether an alias is part of the definition: the user's own always, others in a running domain.
    pub fn keeps_alias(&self, alias: &str) -> bool {
        self.running || alias.starts_with("ua-")
    }

    /// The findings, and the number of unread.
    pub fn finish(self) -> (Diagnostics, usize) {
        (self.found.into_inner(), self.met.get())
    }

    /// A finding. What follows from a fault that the grammar has reported is a hole, and no finding of its own.
    pub fn report(&self, diagnostic: Diagnostic) {
        if diagnostic.span.is_some_and(|span| self.checked.explains(span)) {
            return self.met.set(self.met.get() + 1);
        }
        self.found.borrow_mut().push(diagnostic);
    }

    /// Whether the grammar found this element faulty; it then counts as met.
    pub fn is_faulty_part(&self, element: Element<'_>) -> bool {
        let hole = self.checked.is_faulty(element);
        self.met.set(self.met.get() + usize::from(hole));
        hole
    }

    /// Whether the grammar found a fault in this element or below it; it then counts as met.
    pub fn is_touched_part(&self, element: Element<'_>) -> bool {
        let hole = self.checked.is_touched(element);
        self.met.set(self.met.get() + usize::from(hole));
        hole
    }

    /// Reports something that the model does not know yet.
    pub fn unsupported(&self, span: Span, what: impl std::fmt::Display) {
        self.report(Diagnostic::at(&codes::NOT_YET_SUPPORTED, span, format!("{what} is not supported yet")));
    }
}
