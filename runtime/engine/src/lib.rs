//! Executes plans: journal, apply, verify, revert.
//!
//! [`run`] supervises one VM in the foreground, [`dry_run`] lists what it would do, [`recover`] reverts what a supervisor that died has
//! done. A step of a plan (in `steps`) becomes changes, each one an operation (in `host::operations`) with its inverse; only
//! `host::linux` writes.

pub mod acl;
mod change;
mod config;
pub mod control;
mod dry_run;
mod engine;
mod error;
mod event;
#[cfg(test)]
mod faults;
mod group;
mod host;
mod inspect;
mod journal;
mod qmp;
mod recover;
mod release;
mod requests;
mod steps;
mod supervisor;

pub use change::Change;
pub use config::{AclChoice, RunConfig, UserChoice};
pub use dry_run::{DryChange, dry_run};
pub use error::{Failure, HostError, RevertFailed};
pub use event::Event;
pub use group::Group;
pub use host::operations::HostOp;
pub use inspect::{Found, inspect};
pub use recover::{Recovered, recover};
pub use requests::{Reply, Request, RequestSender, Requests, requests};
pub use supervisor::{Ended, run};
