//! Runs the program as a user does.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test may fail at once; it starts the program, and reads and writes files"
)]

mod check;
mod compile;
mod explain;
mod formats;
mod help;
mod host;
mod hotplug;
mod input;
mod lints;
mod output;
mod program;
mod qemu;
mod run;
mod schema;
