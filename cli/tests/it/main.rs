//! Runs the program as a user does.
#![expect(clippy::disallowed_methods, reason = "a test starts the program, and reads and writes files")]

mod check;
mod explain;
mod formats;
mod help;
mod host;
mod input;
mod lints;
mod output;
mod program;
mod run;
