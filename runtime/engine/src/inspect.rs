//! The state that a VM's directory shows.

use std::path::Path;
use std::time::Duration;

use crate::control::{CallError, Client, Status};
use crate::host::Result;
use crate::host::linux::{is_locked, journal_of};

/// What a VM's directory shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No VM: there is no such directory, or nothing in it.
    Nothing,
    /// Its supervisor answers.
    Running(Status),
    /// A supervisor holds its lock, and does not answer (yet, or any more).
    Busy,
    /// Its supervisor has died; `recover` reverts its changes.
    Orphaned,
}

/// Reads the state of a VM from its directory, and changes nothing.
///
/// # Errors
/// It cannot be read.
pub fn inspect(dir: &Path, time: Duration) -> Result<Found> {
    match Client::connect(dir, time).and_then(|mut client| client.status()) {
        Ok(status) => Ok(Found::Running(status)),
        Err(CallError::Unreachable(_) | CallError::Refused { .. } | CallError::Changed) => Ok(Found::Busy),
        Err(CallError::NotRunning | CallError::Ended) if is_locked(dir)? => Ok(Found::Busy),
        Err(CallError::NotRunning | CallError::Ended) if journal_of(dir)? => Ok(Found::Orphaned),
        Err(CallError::NotRunning | CallError::Ended) => Ok(Found::Nothing),
    }
}
