//! The real host: the one place that writes to it, and the one place with `unsafe`.

pub(super) mod acl;
mod bpf;
mod descriptors;
pub(super) mod files;
pub(super) mod group;
pub(super) mod launch;
pub(super) mod net;
pub(super) mod pci;
mod qemu;
pub(super) mod read;
pub(super) mod sockets;
mod state;
mod wait;

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use super::operations::HostOp;
use super::{Host, HostRead, Result};
use crate::config::RunConfig;
use crate::control::CONTROL_SOCKET;
use crate::error::HostError;

pub(crate) use qemu::Qemu;
pub(crate) use read::LinuxRead;
pub(crate) use wait::{Signals, process_end, wait_for_input};

/// Whether a supervisor holds the lock of this directory.
pub(crate) fn is_locked(dir: &Path) -> Result<bool> {
    state::State::is_locked(dir)
}

/// Whether this directory has a journal with something in it.
pub(crate) fn journal_of(dir: &Path) -> Result<bool> {
    let path = dir.join("journal");
    match std::fs::symlink_metadata(&path) {
        Ok(meta) => Ok(meta.len() > 0),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(HostError::system("read", &path, e)),
    }
}

/// The real host, with one VM's state directory, locked.
pub(crate) struct LinuxHost {
    /// What is read, and the open descriptors.
    pub(super) read: LinuxRead,
    /// The VM's private directory.
    pub(super) state: state::State,
    /// QEMU, as far as it was started or connected from here.
    pub qemu: Qemu,
    /// How long the kernel may take to bind or unbind a driver.
    pub(super) driver: Duration,
}

impl LinuxHost {
    /// Makes the state directory, and locks it.
    pub fn create(dir: &Path, config: &RunConfig) -> Result<Self> {
        Ok(Self::with(state::State::create(dir)?, config))
    }

    /// Locks a state directory that is there; `None` where there is none.
    pub fn reopen(dir: &Path, config: &RunConfig) -> Result<Option<Self>> {
        Ok(state::State::reopen(dir)?.map(|state| Self::with(state, config)))
    }

    fn with(state: state::State, config: &RunConfig) -> Self {
        let qemu = Qemu::new(state.dir().join("qemu.log"), config.command);
        Self { read: LinuxRead::new(config), state, qemu, driver: config.driver }
    }

    /// Listens at the control socket; only the caller may connect.
    pub fn listen_for_control(&self) -> Result<UnixListener> {
        sockets::listen(&self.state.dir().join(CONTROL_SOCKET), 0o600, None).map(UnixListener::from)
    }

    /// Replaces the description of the running VM.
    pub fn describe(&self, text: &str) -> Result<()> {
        self.state.describe(text)
    }
}

impl Host for LinuxHost {
    fn read(&self) -> &dyn HostRead {
        &self.read
    }

    fn is_connected(&self) -> bool {
        self.qemu.is_connected()
    }

    fn apply(&mut self, op: &HostOp) -> Result<()> {
        op.operation().apply(self)
    }

    fn record(&mut self, line: &str) -> Result<()> {
        self.state.record(line)
    }

    fn recorded(&mut self) -> Result<String> {
        self.state.recorded()
    }

    fn finish(&mut self) -> Result<()> {
        self.state.finish()
    }
}
