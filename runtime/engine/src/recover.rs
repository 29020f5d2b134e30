//! What a supervisor that died left behind is taken back from its journal.

use std::path::Path;

use crate::config::RunConfig;
use crate::engine::{Engine, Setting};
use crate::error::Stuck;
use crate::event::Event;
use crate::host::linux::LinuxHost;
use crate::host::{Host, Result};
use crate::journal::Journal;

/// What was found, and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// There was nothing to take back.
    Nothing,
    /// QEMU lives without a supervisor, and nothing was touched.
    Alive {
        /// Its processes.
        pids: Vec<u32>,
    },
    /// Everything was taken back.
    Undone,
    /// Something could not be taken back (exit code 4). The journal stays, so that it can be tried again.
    Stuck(Vec<Stuck>),
}

/// Takes back what the run in this state directory left behind. A QEMU that lives is left alone unless `kill` is set.
///
/// # Errors
/// [`crate::HostError::Locked`]: its supervisor lives. [`crate::HostError::Journal`]: the journal cannot be read. Or the directory cannot be.
pub fn recover(dir: &Path, kill: bool, config: &RunConfig, tell: &mut dyn FnMut(&Event<'_>)) -> Result<Recovered> {
    match LinuxHost::reopen(dir, config)? {
        Some(mut host) => take_back(&mut host, dir, kill, tell),
        None => Ok(Recovered::Nothing),
    }
}

pub(crate) fn take_back(
    host: &mut dyn Host,
    dir: &Path,
    kill: bool,
    tell: &mut dyn FnMut(&Event<'_>),
) -> Result<Recovered> {
    let Some(journal) = Journal::read(host)? else {
        host.finish()?;
        return Ok(Recovered::Nothing);
    };
    if let Some(group) = journal.group()
        && !kill
    {
        let pids = host.processes(&group)?;
        if !pids.is_empty() {
            return Ok(Recovered::Alive { pids });
        }
    }
    let group = crate::change::Group::Marked(dir.display().to_string());
    let setting = Setting { dir: dir.to_owned(), user: None, group, handshake_ms: 0 };
    let mut engine = Engine { host, journal, setting, tell, is_interrupted: &mut || false };
    let stuck = engine.undo_all();
    if stuck.is_empty() {
        host.finish()?;
        Ok(Recovered::Undone)
    } else {
        Ok(Recovered::Stuck(stuck))
    }
}

/// A failed write of the journal or of the lock after everything was taken back is itself something that is left.
pub(crate) fn finish(host: &mut dyn Host, stuck: &mut Vec<Stuck>) {
    if stuck.is_empty()
        && let Err(error) = host.finish()
    {
        stuck.push(Stuck { what: "remove the state directory".into(), error });
    }
}
