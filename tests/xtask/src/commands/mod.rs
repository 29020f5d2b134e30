//! One file for each command.

pub mod accept;
pub mod bench;
pub mod bless;
pub mod conformance;
pub mod demo;
pub mod faults;
pub mod fuzz;
pub mod libvirt;
pub mod messages;
pub mod mistakes;
pub mod mutants;
pub mod orders;
pub mod record;
pub mod test;
pub mod words;
