//! XML documents in which every name and value knows its place.
//!
//! [`parse`] never fails: it answers with what could be made of the text, and with diagnostics. It is built on quick-xml, keeps an explicit
//! stack (no recursion that input can deepen) and bounds depth and size.

pub mod codes;
mod decode;
mod document;
mod element;
mod names;
mod parse;
mod tag;

pub use document::{Document, NameId, QName};
pub use element::{Attribute, Element, Node, Text};
pub use parse::{MAX_DEPTH, parse};
