//! XML in and out: elements to typed values, and typed values back to XML.

mod fields;
mod lowering;
mod writer;

pub use fields::Fields;
pub use lowering::Lowering;
pub use writer::{Tag, XmlWriter};
