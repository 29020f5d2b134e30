//! `Validated` to `Domain`: from elements to typed values, in libvirt's words.

mod fields;

pub use fields::{Fields, Lowering};
