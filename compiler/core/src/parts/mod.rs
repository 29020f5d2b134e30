//! The parts of a domain that are no devices: one file each.

pub mod clock;
pub mod cpu;
pub mod extensions;
pub mod features;
pub mod general;
pub mod lifecycle;
pub mod memory;
pub mod os;
pub mod seclabel;
pub mod vcpu;
