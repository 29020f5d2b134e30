//! A RELAX NG engine with exact diagnostics.
//!
//! ```text
//! let schema = Schema::compile(&source, &mut |href, from| …)?;   // XML or compact syntax; files come from the caller
//! let bytes = schema.to_bytes();                                 // at build time
//! let schema = Schema::from_bytes(bytes)?;                       // at run time: tens of microseconds
//! let (validated, diagnostics) = schema.validate(&document);       // one document
//! let mut validator = schema.validator();                        // many documents, one validator for each thread
//! let (validated, diagnostics) = validator.validate(&document);
//! let notes = validator.libxml2_order(&document);                // valid orders that libxml2 refuses
//! let context = schema.context(element);                         // documentation and what is allowed there
//! let permitted = schema.permitted(element);                  // the same as parts of the schema, to be walked
//! let schema = schema.with_synonyms(words);                   // words that messages suggest where they are allowed
//! let text = to_xml(&source)?;                                   // one file of a schema in XML syntax
//! ```
//!
//! A [`Schema`] never changes and is shared by threads. The engine does no I/O and knows nothing of libvirt.
//!
//! How it works: `syntax` reads both syntaxes to one tree; `compile` joins files, simplifies (specification section 4) and checks the
//! restrictions (section 7); `engine` holds patterns as numbered nodes and derives them by names, remembering each derivative; `datatype`
//! knows the values; `report` walks an invalid document once more and says what is wrong. In [`Validated`], an element is *faulty* where it
//! is to be left out (unknown, misplaced, text that is no value), and *lacking* where something that it needs is not there; attributes
//! are faulty one by one.
//!
//! A documentation comment on a datatype, or on the definition of one, is how messages name its values ("an absolute path"); a regular
//! expression is in [`virtc_diag::Diagnostic::patterns`] only.

pub mod codes;
mod compile;
mod context;
mod datatype;
mod engine;
mod error;
mod order;
mod part;
mod report;
mod schema;
mod stored;
mod synonyms;
mod syntax;
mod validate;
mod validated;

pub use compile::Loader;
pub use context::{Context, Item};
pub use error::{SchemaError, SchemaErrors};
pub use part::{Form, Part, Permitted};
pub use schema::Schema;
pub use synonyms::{Synonym, Synonyms};
pub use syntax::to_xml;
pub use validate::Validator;
pub use validated::Validated;
