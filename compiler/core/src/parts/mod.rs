//! The parts of a domain that are no devices: one file each.

pub mod backend;
pub mod backing;
pub mod clock;
pub mod cpu;
pub mod features;
pub mod general;
pub mod lifecycle;
pub mod memory;
pub mod numa;
pub mod numatune;
pub mod os;
pub mod vcpu;
