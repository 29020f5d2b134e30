//! The two syntaxes, read to one tree.

pub(crate) mod ast;
mod compact;
mod lexer;
pub(crate) mod names;
mod write;
mod xml;

use virtc_diag::SourceFile;

use crate::error::Fault;
use ast::Pattern;
pub use write::to_xml;

/// How deep patterns may be nested in one file.
pub(crate) const MAX_NESTING: usize = 100;

/// Reads one file; which syntax it is in shows at its first character. `ns` is the namespace inherited from the file
/// that refers to it, and `number` the file's number in places.
pub(crate) fn read(source: &SourceFile, number: u32, ns: &str) -> Result<Pattern, Vec<Fault>> {
    if is_xml(source.text()) { xml::read(source, number, ns) } else { compact::read(source, number, ns) }
}

fn is_xml(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').trim_start().starts_with('<')
}
