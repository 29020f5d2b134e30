//! A RELAX NG engine with exact diagnostics.
//!
//! ```text
//! let schema = Schema::compile(&source, &mut |href, from| …)?;      // XML or compact syntax; files come from the caller
//! let bytes = schema.to_bytes();                                    // at build time
//! let schema = Schema::from_bytes(bytes)?;                          // at run time, with no work worth naming
//! let (checked, diagnostics) = schema.validate(&document);          // one document
//! let mut validator = schema.validator();                           // many documents, one validator for each thread
//! ```
//!
//! A [`Schema`] never changes and is shared by threads. It does no I/O and knows nothing of libvirt.

mod checked;
pub mod codes;
mod compile;
mod context;
mod datatype;
mod engine;
mod error;
mod order;
mod report;
mod schema;
mod stored;
mod syntax;
mod validate;

pub use checked::Checked;
pub use compile::Loader;
pub use context::{Context, Item};
pub use error::{SchemaError, SchemaErrors};
pub use schema::Schema;
pub use syntax::to_xml;
pub use validate::Validator;
