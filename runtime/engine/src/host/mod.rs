//! The host as the engine sees it: what can be read, and the one door through which it is written.
//!
//! Two hosts implement [`Host`]: the real one, `linux`, and one in memory for tests. A third implements [`HostRead`] alone: the real
//! one with predicted effects laid over it, for a dry run.

#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod linux;
pub(crate) mod predict;

use std::path::{Path, PathBuf};

use virtc_plan::{DeviceKind, Limit, PciAddress};

use crate::acl::Rule;
use crate::change::{Group, Op, User};
use crate::error::HostError;

/// An answer of the host.
pub type Result<T> = std::result::Result<T, HostError>;

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A device node, with its numbers.
    Device(DeviceKind, u32, u32),
    /// A device node that will be there, with numbers that are not known yet.
    Predicted,
    /// A socket.
    Socket,
    /// A plain file without content.
    EmptyFile,
    /// A plain file with content.
    File,
    /// Anything else.
    Other,
}

/// A path's properties; symbolic links are not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The permission bits.
    pub mode: u32,
    /// Device and inode: the same for the same file, whatever its name.
    pub id: (u64, u64),
}

/// A PCI function on the host.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct PciState {
    /// The driver that it is bound to.
    pub driver: Option<String>,
    /// Its `driver_override`.
    pub driver_override: Option<String>,
    /// Its IOMMU group.
    pub group: Option<String>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Interface {
    /// Its MAC address.
    pub mac: String,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// The bridge that it belongs to.
    pub bridge: Option<String>,
    /// Whether it is up.
    pub up: bool,
}

/// An open descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FdInfo {
    /// Its number, or a placeholder in a dry run.
    pub number: String,
    /// The network interface behind it.
    pub interface: Option<String>,
}

/// Where control groups can be made: the caller's own group in each hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hierarchies {
    /// The caller's group in the unified hierarchy.
    pub v2: Option<PathBuf>,
    /// The caller's group in the `devices` hierarchy of version 1.
    pub v1: Option<PathBuf>,
}

/// What can be read of a host.
pub trait HostRead {
    /// The properties of a path, `None` where there is nothing.
    fn stat(&self, path: &Path) -> Result<Option<Stat>>;
    /// The path without symbolic links, `None` where it leads nowhere.
    fn canonical(&self, path: &Path) -> Result<Option<PathBuf>>;
    /// Whether somebody listens at this socket.
    fn is_listening(&self, path: &Path) -> Result<bool>;
    /// A PCI function, `None` where there is none.
    fn pci(&self, device: PciAddress) -> Result<Option<PciState>>;
    /// Whether a PCI driver is loaded.
    fn has_driver(&self, driver: &str) -> Result<bool>;
    /// A network interface, `None` where there is none.
    fn interface(&self, name: &str) -> Result<Option<Interface>>;
    /// An open descriptor by its name in the plan.
    fn fd(&self, name: &str) -> Result<Option<FdInfo>>;
    /// Whether a control group exists.
    fn has_group(&self, group: &Group) -> Result<bool>;
    /// Whether exactly these rules are in force on a group; `None`: no rules of ours.
    fn has_acl(&self, group: &Group, rules: Option<&[Rule]>) -> Result<bool>;
    /// The processes of a group that live; those that are ending are waited for.
    fn processes(&self, group: &Group) -> Result<Vec<u32>>;
    /// The limit on locked memory of a group's first process, `None` where it has none.
    fn memlock(&self, group: &Group) -> Result<Option<Limit>>;
    /// Whether QEMU's monitor is connected.
    fn is_connected(&self) -> bool;
    /// Where control groups can be made.
    fn hierarchies(&self) -> Result<Hierarchies>;
    /// The numbers of a user by name, `None` where there is none.
    fn user(&self, name: &str) -> Result<Option<User>>;
    /// The caller's own user and group.
    fn caller(&self) -> (u32, u32);
}

/// A host that can be written. All methods that write are here, and only the engine calls them.
pub trait Host: HostRead {
    /// Makes one write. It is made only after it is journaled.
    fn apply(&mut self, op: &Op) -> Result<()>;
    /// Adds a line to the journal, and returns when it is on disk.
    fn record(&mut self, line: &str) -> Result<()>;
    /// The journal's whole lines; a torn last line is cut off.
    fn recorded(&mut self) -> Result<String>;
    /// Removes journal and lock: everything was taken back.
    fn finish(&mut self) -> Result<()>;
}

/// Whether the host shows what `op` does. `back`: it is an undo, for which a thing that is gone altogether is also right.
pub fn holds(op: &Op, back: bool, host: &dyn HostRead) -> Result<bool> {
    use crate::change::Link;
    Ok(match op {
        // QEMU may end by itself at once; the connection to its monitor, made next, tells that with QEMU's own words.
        Op::Nothing | Op::Qmp { .. } | Op::QmpBack { .. } | Op::Spawn(_) => true,
        Op::MakeDir { path, mode, uid, gid } => {
            host.stat(path)?.is_some_and(|s| s.kind == Kind::Directory && (s.mode, s.uid, s.gid) == (*mode, *uid, *gid))
        }
        Op::RemoveDir { path } => host.stat(path)?.is_none(),
        Op::Owner { path, id, uid, gid } => {
            host.stat(path)?.map_or(back, |s| (s.id, s.uid, s.gid) == (*id, *uid, *gid))
        }
        Op::Driver { device, driver } => host.pci(*device)?.map_or(back, |p| p.driver == *driver),
        Op::Override { device, driver } => host.pci(*device)?.map_or(back, |p| p.driver_override == *driver),
        Op::MakeGroup { group } => host.has_group(group)?,
        Op::RemoveGroup { group } => !host.has_group(group)?,
        Op::Acl { group, table } => {
            let rules = table.as_ref().map(crate::acl::union);
            (back && !host.has_group(group)?) || host.has_acl(group, rules.as_deref())?
        }
        Op::Open { fd, .. } => host.fd(fd)?.is_some(),
        Op::MakeFile { path } => host.stat(path)?.is_some(),
        Op::RemoveEmpty { path } => host.stat(path)?.is_none_or(|s| s.kind != Kind::EmptyFile),
        Op::CopyFile { to, part, .. } => host.stat(to)?.is_some() && host.stat(part)?.is_none(),
        Op::RemovePart { part } => host.stat(part)?.is_none(),
        Op::Listen { fd, path, .. } => host.fd(fd)?.is_some() && host.stat(path)?.is_some(),
        Op::Unlisten { fd, path } => host.fd(fd)?.is_none() && !is_socket_of_nobody(path, host)?,
        Op::Tap { fds, .. } => all(fds, |fd| Ok(host.fd(fd)?.is_some_and(|fd| fd.interface.is_some())))?,
        Op::Close { fds } => all(fds, |fd| Ok(host.fd(fd)?.is_none()))?,
        Op::Link { interface, set } => host.interface(interface)?.map_or(back, |now| match set {
            Link::Mac(mac) => now.mac.eq_ignore_ascii_case(mac),
            Link::Mtu(mtu) => now.mtu == *mtu,
            Link::Bridge(bridge) => now.bridge == *bridge,
            Link::Up(up) => now.up == *up,
        }),
        Op::Kill { group } => host.processes(group)?.is_empty(),
        Op::Connect { .. } => host.is_connected(),
        Op::Disconnect => !host.is_connected(),
        Op::Memlock { group, limit } => host.memlock(group)?.map_or(back, |now| now == *limit),
    })
}

/// Whether a socket is at `path` at which nobody listens.
fn is_socket_of_nobody(path: &Path, host: &dyn HostRead) -> Result<bool> {
    Ok(host.stat(path)?.is_some_and(|s| s.kind == Kind::Socket) && !host.is_listening(path)?)
}

fn all(names: &[String], mut holds: impl FnMut(&str) -> Result<bool>) -> Result<bool> {
    for name in names {
        if !holds(name)? {
            return Ok(false);
        }
    }
    Ok(true)
}
