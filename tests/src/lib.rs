//! Tests of the whole and of the repository itself.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests start processes, read files and the environment, and say what they leave out"
)]

pub mod cases;
pub mod guest;
pub mod libvirt;
pub mod qemu;
pub mod repository;
pub mod tools;
