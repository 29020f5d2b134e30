//! Executes plans: journal, apply, verify, undo.
//!
//! [`run`] supervises one VM in the foreground, [`dry_run`] tells what it would do, [`recover`] takes back what a supervisor that died
//! left behind. A step (in `steps`) says what to write; only `host::linux` writes.

pub mod acl;
pub mod change;
mod config;
pub mod control;
mod dry_run;
mod engine;
mod error;
mod event;
#[cfg(test)]
mod faults;
mod host;
mod journal;
mod qmp;
mod inspect;
mod recover;
mod requests;
mod steps;
mod supervisor;

pub use change::{Change, Op};
pub use config::{AclChoice, RunConfig, UserChoice};
pub use dry_run::{DryChange, dry_run};
pub use error::{Failure, HostError, Stuck};
pub use event::Event;
pub use inspect::{Found, inspect};
pub use recover::{Recovered, recover};
pub use requests::{Reply, Request, RequestSender, Requests, requests};
pub use supervisor::{Ended, run};
