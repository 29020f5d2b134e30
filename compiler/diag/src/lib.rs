//! Spans, source files, diagnostics and fixes. Knows no XML.
//!
//! A [`Diagnostic`] is made from a [`Code`], so every message that can be printed has an explanation for `virtc explain`.

mod diagnostic;
mod outcome;
mod source;
mod suggest;

pub use diagnostic::{Code, Diagnostic, Diagnostics, Edit, Fix, Label, Place, Safety, Severity};
pub use outcome::Outcome;
pub use source::{LineColumn, SourceFile, Span};
pub use suggest::likely;
