//! From domain XML to QEMU command lines, hotplug scripts and plans.
//!
//! Each pass changes the type, so that a skipped pass does not compile:
//! [`lower`] makes a [`Domain`], [`define()`] a [`Definition`], [`prepare()`] a [`Machine`]; output is made from a [`Sound`] machine alone.

pub mod codes;
pub mod define;
pub mod devices;
mod domain;
pub mod emit;
mod facts;
pub mod ir;
mod lower;
pub mod parts;
pub mod prepare;
pub mod storage;
pub mod target;
pub mod write;

pub use define::{Definition, define};
pub use domain::{Domain, lower, lower_device, lower_running};
pub use facts::Facts;
pub use prepare::{
    Absent, ChangeFindings, Changed, DeviceChange, Machine, Move, Sound, attach, detach, prepare, update,
};
pub use target::Target;
