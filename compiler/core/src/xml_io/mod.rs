//! XML in and out: elements to typed values, and typed values back to XML.

mod fields;
mod writer;

pub use fields::{Fields, Lowering};
pub use writer::{Tag, XmlWriter};
