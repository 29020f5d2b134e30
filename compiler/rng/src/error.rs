//! Faults of a schema, each in its file.

use std::fmt;

use virtc_diag::{Diagnostic, SourceFile, Span};

use crate::codes::SCHEMA_ERROR;

/// A place in one of the files that a schema is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The number of the file in the order of loading.
    pub file: u32,
    pub span: Span,
}

/// A fault before it is joined with its file.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub at: Place,
    pub message: String,
}

impl Fault {
    pub(crate) fn new(at: Place, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

/// A fault of a schema: a diagnostic and the file that its span belongs to.
#[derive(Debug, Clone)]
pub struct SchemaError {
    /// The file.
    pub file: SourceFile,
    /// What is wrong, with code `schema-error`.
    pub diagnostic: Diagnostic,
}

/// Everything that is wrong with a schema; never empty.
#[derive(Debug, Clone)]
pub struct SchemaErrors(Vec<SchemaError>);

impl SchemaErrors {
    pub(crate) fn new(files: &[SourceFile], mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.at);
        let nameless = SourceFile::new("", "");
        let join = |fault: Fault| SchemaError {
            file: files.get(fault.at.file as usize).unwrap_or(&nameless).clone(),
            diagnostic: Diagnostic::at(&SCHEMA_ERROR, fault.at.span, fault.message),
        };
        Self(faults.into_iter().map(join).collect())
    }

    /// The faults, file by file in the order of loading.
    pub fn iter(&self) -> std::slice::Iter<'_, SchemaError> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a SchemaErrors {
    type Item = &'a SchemaError;
    type IntoIter = std::slice::Iter<'a, SchemaError>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// One line for each fault: `file:line:column: message`.
impl fmt::Display for SchemaErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            let place = error.diagnostic.span.map_or_else(|| error.file.name().to_owned(), |s| error.file.locate(s));
            let line_end = if i == 0 { "" } else { "\n" };
            write!(f, "{line_end}{place}: {}", error.diagnostic.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for SchemaErrors {}
