//! From domain XML to QEMU command lines, hotplug scripts and plans.
//!
//! Each pass changes the type: a text becomes a [`Domain`], a [`Definition`], a [`Machine`]. [`passes`] is the only place in which they are
//! called; output is made of a [`Valid`] machine only, which exists when nothing is in error. Programs use it through the crate `virtc`.

pub mod codes;
pub mod define;
pub mod devices;
mod domain;
pub mod emit;
mod facts;
pub mod ir;
mod lower;
pub mod parts;
pub mod passes;
pub mod prepare;
pub mod storage;
pub mod target;
pub mod write;

pub use define::Definition;
pub use domain::Domain;
pub use facts::Facts;
pub use passes::{Passes, Running, Valid};
pub use prepare::{Absent, ChangeFindings, Changed, DeviceChange, Machine, Move};
pub use target::Target;
