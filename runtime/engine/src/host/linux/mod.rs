//! The real host: the one place that writes to it, and the one place with `unsafe`.

mod acl;
mod bpf;
mod files;
mod group;
mod launch;
mod net;
mod pci;
mod qemu;
mod read;
mod sockets;
mod state;
mod wait;

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use virtc_plan::{Limit, PciAddress};

use super::{FdInfo, Hierarchies, Host, HostRead, Interface, PciState, Result, Stat};
use crate::acl::Rule;
use crate::change::{Group, Op, User};
use crate::config::RunConfig;
use crate::control::CONTROL_SOCKET;
use crate::error::HostError;

pub(crate) use qemu::Qemu;
pub(crate) use read::LinuxRead;
/// Whether a supervisor works in this directory.
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

pub(crate) use wait::{Signals, process_end, wait_for_input};

/// A named descriptor.
struct Named {
    fd: OwnedFd,
    interface: Option<String>,
}

/// The real host, with one VM's state directory, locked.
pub(crate) struct LinuxHost {
    read: LinuxRead,
    state: state::State,
    fds: BTreeMap<String, Named>,
    /// QEMU, as far as it was started or connected from here.
    pub qemu: Qemu,
    driver: Duration,
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
        Self { read: LinuxRead::new(config), state, fds: BTreeMap::new(), qemu, driver: config.driver }
    }

    /// Listens at the control socket; only the caller may connect.
    pub fn listen_for_control(&self) -> Result<UnixListener> {
        sockets::listen(&self.state.dir().join(CONTROL_SOCKET), 0o600, None).map(UnixListener::from)
    }

    /// Replaces the description of what runs.
    pub fn describe(&self, text: &str) -> Result<()> {
        self.state.describe(text)
    }

    fn keep(&mut self, name: &str, fd: OwnedFd, interface: Option<String>) {
        self.fds.insert(name.to_owned(), Named { fd, interface });
    }

    fn borrowed(&self, name: &str) -> Result<BorrowedFd<'_>> {
        let named = self.fds.get(name).ok_or_else(|| HostError::Unfit(format!("no descriptor `{name}` is open")))?;
        Ok(named.fd.as_fd())
    }
}

impl Host for LinuxHost {
    fn apply(&mut self, op: &Op) -> Result<()> {
        match op {
            Op::Nothing => Ok(()),
            Op::MakeDir { path, mode, uid, gid } => files::make_dir(path, *mode, *uid, *gid),
            Op::RemoveDir { path } => files::remove_dir(path, self.state.dir()),
            Op::Owner { path, id, uid, gid } => files::set_owner(path, *id, *uid, *gid),
            Op::Driver { device, driver } => pci::set_driver(&self.read, *device, driver.as_deref(), self.driver),
            Op::Override { device, driver } => pci::set_override(&self.read, *device, driver.as_deref(), self.driver),
            Op::MakeGroup { group } => group::make(group),
            Op::RemoveGroup { group } => group::remove(group),
            Op::Acl { group, table } => acl::set(group, table.as_ref().map(crate::acl::union).as_deref()),
            Op::MakeFile { path } => files::make_file(path),
            Op::RemoveEmpty { path } => files::remove_empty(path),
            Op::CopyFile { from, part, to, uid, gid } => files::copy(from, part, to, (*uid, *gid)),
            Op::RemovePart { part } => files::remove_file(part),
            Op::Open { fd, path, mode, content } => {
                let open = files::open(path, *mode, *content)?;
                self.keep(fd, open, None);
                Ok(())
            }
            Op::Listen { fd, path, mode, owner } => {
                let socket = sockets::listen(path, *mode, *owner)?;
                self.keep(fd, socket, None);
                Ok(())
            }
            Op::Unlisten { fd, path } => {
                self.fds.remove(fd);
                // Nobody else can listen in a directory that is the caller's alone.
                let is_private = path.parent() == Some(self.state.dir());
                if is_private { files::remove_file(path) } else { sockets::remove(path) }
            }
            Op::Tap { fds, name, vnet_hdr } => {
                let (queues, interface) = net::make_tap(name, fds.len(), *vnet_hdr)?;
                for (name, queue) in fds.iter().zip(queues) {
                    self.keep(name, queue, Some(interface.clone()));
                }
                Ok(())
            }
            Op::Close { fds } => {
                self.fds.retain(|name, _| !fds.contains(name));
                Ok(())
            }
            Op::Link { interface, set } => match self.read.interface(interface)? {
                Some(now) => net::set(interface, set, &now),
                None => Ok(()),
            },
            Op::Spawn(launch) => {
                let mut inherited = Vec::new();
                for name in &launch.fds {
                    inherited.push(self.borrowed(name)?.as_raw_fd());
                }
                self.qemu.child = Some(launch::start(launch, &inherited)?);
                // QEMU has them now; a copy here would keep a tap alive, or a dead QEMU's socket open.
                self.fds.retain(|name, _| !launch.fds.contains(name));
                Ok(())
            }
            Op::Kill { group } => {
                self.qemu.disconnect();
                group::kill(group, || self.qemu.reap())
            }
            Op::Connect { path, deadline_ms } => self.qemu.connect(path, Duration::from_millis(*deadline_ms)),
            Op::Disconnect => {
                self.qemu.disconnect();
                Ok(())
            }
            Op::Qmp { command, fd, awaits } => {
                let sent = fd.as_deref().map(|name| self.fds.get(name).ok_or(name));
                let sent = sent.transpose().map_err(|n| HostError::Unfit(format!("no descriptor `{n}` is open")))?;
                self.qemu.say(command, sent.map(|named| named.fd.as_fd()), awaits.as_ref())?;
                if let Some(name) = fd {
                    self.fds.remove(name);
                }
                Ok(())
            }
            Op::QmpBack { command } => self.qemu.say_back(command),
            Op::Memlock { group, limit } => group::set_memlock(group, *limit),
        }
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

impl HostRead for LinuxHost {
    fn stat(&self, path: &Path) -> Result<Option<Stat>> {
        self.read.stat(path)
    }
    fn canonical(&self, path: &Path) -> Result<Option<PathBuf>> {
        self.read.canonical(path)
    }
    fn is_listening(&self, path: &Path) -> Result<bool> {
        self.read.is_listening(path)
    }
    fn pci(&self, device: PciAddress) -> Result<Option<PciState>> {
        self.read.pci(device)
    }
    fn has_driver(&self, driver: &str) -> Result<bool> {
        self.read.has_driver(driver)
    }
    fn interface(&self, name: &str) -> Result<Option<Interface>> {
        self.read.interface(name)
    }
    fn fd(&self, name: &str) -> Result<Option<FdInfo>> {
        let info =
            |named: &Named| FdInfo { number: named.fd.as_raw_fd().to_string(), interface: named.interface.clone() };
        Ok(self.fds.get(name).map(info))
    }
    fn has_group(&self, group: &Group) -> Result<bool> {
        self.read.has_group(group)
    }
    fn has_acl(&self, group: &Group, rules: Option<&[Rule]>) -> Result<bool> {
        self.read.has_acl(group, rules)
    }
    fn processes(&self, group: &Group) -> Result<Vec<u32>> {
        self.read.processes(group)
    }
    fn memlock(&self, group: &Group) -> Result<Option<Limit>> {
        self.read.memlock(group)
    }
    fn is_connected(&self) -> bool {
        self.qemu.is_connected()
    }
    fn hierarchies(&self) -> Result<Hierarchies> {
        self.read.hierarchies()
    }
    fn user(&self, name: &str) -> Result<Option<User>> {
        self.read.user(name)
    }
    fn caller(&self) -> (u32, u32) {
        self.read.caller()
    }
}
