//! From domain XML to QEMU command lines, hotplug scripts and plans.
//!
//! Each pass changes the type: a text becomes a [`Domain`], a [`Definition`], a [`Machine`]. [`passes`] is the only
//! place in which they are called; output is made of a [`Valid`] machine only, which exists when nothing is in error.
//! Programs use it through the crate `virtc`.

pub mod codes;
pub mod define;
pub mod emit;
pub mod ir;
pub mod model;
pub mod passes;
pub mod prepare;
pub mod qemu;
pub mod target;
mod valid;
mod xml_io;

pub use define::Definition;
pub use model::{Domain, Facts, devices, elements, storage};
pub use passes::{Passes, Running};
pub use prepare::{ChangeFindings, Changed, DeviceChange, Machine, MissingDevice, QmpAction};
pub use target::Target;
pub use valid::Valid;
