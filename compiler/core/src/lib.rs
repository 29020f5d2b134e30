//! From domain XML to QEMU command lines, hotplug scripts and plans.
//!
//! Each pass changes the type, so that a skipped pass does not compile:
//! [`lower`] makes a [`Domain`], [`define()`] a [`Definition`], [`prepare()`] a [`Machine`]; output is made from a [`Sound`] machine alone.

pub mod codes;
pub mod define;
pub mod emit;
pub mod ir;
pub mod model;
pub mod prepare;
pub mod qemu;
pub mod target;
mod xml_io;

pub use define::{Definition, define};
pub use model::{Domain, Facts, devices, elements, lower, lower_device, lower_running, storage};
pub use prepare::{
    ChangeFindings, Changed, DeviceChange, Machine, MissingDevice, QmpAction, Sound, attach, detach, prepare, update,
};
pub use target::Target;
