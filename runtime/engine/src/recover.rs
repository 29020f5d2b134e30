//! What a supervisor that died has done is reverted from its journal.

use std::path::Path;

use crate::config::RunConfig;
use crate::engine::{Engine, Setting};
use crate::error::RevertFailed;
use crate::event::Event;
use crate::host::linux::LinuxHost;
use crate::host::{Host, Result};
use crate::journal::Journal;

/// What was found and done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// There was nothing to revert.
    Nothing,
    /// QEMU runs without a supervisor, and nothing was touched.
    Alive {
        /// Its processes.
        pids: Vec<u32>,
    },
    /// Everything was reverted.
    Reverted,
    /// Something could not be reverted (exit code 4). The journal stays, so that it can be tried again.
    RevertFailed(Vec<RevertFailed>),
}

/// Reverts what the run in this state directory has done. A QEMU that runs is not touched unless `kill` is set.
///
/// # Errors
/// [`crate::HostError::Locked`]: its supervisor runs. [`crate::HostError::Journal`]: the journal cannot be read. Or the directory cannot be.
pub fn recover(dir: &Path, kill: bool, config: &RunConfig, report: &mut dyn FnMut(&Event<'_>)) -> Result<Recovered> {
    match LinuxHost::reopen(dir, config)? {
        Some(mut host) => revert_run(&mut host, dir, kill, report),
        None => Ok(Recovered::Nothing),
    }
}

pub(crate) fn revert_run(
    host: &mut dyn Host,
    dir: &Path,
    kill: bool,
    report: &mut dyn FnMut(&Event<'_>),
) -> Result<Recovered> {
    let Some(journal) = Journal::read(host)? else {
        host.finish()?;
        return Ok(Recovered::Nothing);
    };
    if let Some(group) = journal.group()
        && !kill
    {
        let pids = host.read().processes(&group)?;
        if !pids.is_empty() {
            return Ok(Recovered::Alive { pids });
        }
    }
    let group = crate::group::Group::ByEnvironment(dir.display().to_string());
    let setting = Setting { dir: dir.to_owned(), user: None, group, handshake_ms: 0 };
    let mut engine = Engine { host, journal, setting, report, is_interrupted: &mut || false };
    let failed = engine.revert_all();
    if failed.is_empty() {
        host.finish()?;
        Ok(Recovered::Reverted)
    } else {
        Ok(Recovered::RevertFailed(failed))
    }
}

/// A state directory that cannot be removed after everything was reverted is itself something that is left.
pub(crate) fn finish(host: &mut dyn Host, failed: &mut Vec<RevertFailed>) {
    if failed.is_empty()
        && let Err(error) = host.finish()
    {
        failed.push(RevertFailed { what: "remove the state directory".into(), error });
    }
}
