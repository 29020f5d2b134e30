//! The elements of `<domain>` other than `<devices>`: one file each.

pub mod backend;
pub mod backing;
pub mod clock;
pub mod cpu;
pub mod cputune;
pub mod extensions;
pub mod features;
pub mod general;
pub mod idmap;
pub mod individual;
pub mod iothreads;
pub mod lifecycle;
pub mod limits;
pub mod memory;
pub mod metadata;
pub mod numa;
pub mod numatune;
pub mod os;
pub mod physical;
pub mod pm;
pub mod resource;
pub mod seclabel;
pub mod security;
pub mod sysinfo;
pub mod throttle;
#[cfg(test)]
pub(crate) mod trial;
pub mod vcpu;
