//! The changes of each step of a plan on this host, one after the other, each fixed just before it is made. A file for each step.
//!
//! A step never writes. It returns change number 0, 1, 2, … until it has no more; between two calls the change was made and read
//! back, or laid over the host in a dry run.

mod allow;
mod cgroup;
mod cont;
mod copy_file;
mod listen;
mod memlock;
mod open;
mod own;
mod qmp_run;
mod rules;
mod spawn;
mod state_dir;
mod tap;
mod vfio_bind;

pub(crate) use allow::replace as replace_acl;

use std::path::{Path, PathBuf};

use virtc_plan::{Node, Owner, PciAddress, Placeholder, Step};

use crate::acl::AclTable;
use crate::change::Change;
use crate::control::CONTROL_SOCKET;
use crate::error::HostError;
use crate::group::Group;
use crate::host::resources::User;
use crate::host::{HostRead, Result};

/// The runtime's own files in the private directory.
pub(crate) const OWN_FILES: [&str; 6] = ["journal", "lock", "qemu", "qemu.log", CONTROL_SOCKET, MACHINE_FILE];

/// The description of the running VM: [`VmDescription`](crate::control::VmDescription).
pub(crate) const MACHINE_FILE: &str = "machine.json";

/// What a step can read.
pub struct Context<'a> {
    /// The host.
    pub host: &'a dyn HostRead,
    /// The VM's private directory.
    pub dir: &'a Path,
    /// The user that QEMU runs as; absent: the caller.
    pub user: Option<&'a User>,
    /// Where QEMU's processes are put.
    pub group: &'a Group,
    /// The device ACL in force, by who needs the rules; absent: there is none.
    pub acl: Option<&'a AclTable>,
    /// The alias of the device that the step is for; empty: for the VM itself.
    pub device: &'a str,
    /// How long QEMU may take until the greeting of its monitor, in milliseconds.
    pub handshake_ms: u64,
}

impl Context<'_> {
    /// The directory `{state}`.
    fn state(&self) -> PathBuf {
        self.dir.join("qemu")
    }

    /// The file of this name in the private directory.
    ///
    /// # Errors
    /// The name is not plain: it is empty, has a slash or begins with a dot; or it is one of virtc's own.
    fn private(&self, name: &str) -> Result<PathBuf> {
        if is_plain(name) && !OWN_FILES.contains(&name) {
            Ok(self.dir.join(name))
        } else {
            Err(HostError::Unsuitable(format!("`{name}` cannot be a file name in the VM's directory")))
        }
    }

    /// The numbers of an owner; `None`: the caller's.
    fn owner(&self, owner: &Owner) -> Option<(u32, u32)> {
        match owner {
            Owner::Ids { uid, gid } => Some((*uid, *gid)),
            Owner::Qemu => self.user.map(|user| (user.uid, user.gid)),
        }
    }

    /// The value of a placeholder.
    fn fill(&self, placeholder: &Placeholder) -> Result<String> {
        match placeholder {
            Placeholder::State => match self.state().to_str() {
                Some(path) => Ok(path.to_owned()),
                None => Err(HostError::Unsuitable(format!("{} is not UTF-8", self.dir.display()))),
            },
            Placeholder::Fd(name) => match self.host.fd(name)? {
                Some(fd) => Ok(fd.number),
                None => Err(HostError::Unsuitable(format!("the plan uses descriptor `{name}` before it is open"))),
            },
            Placeholder::Secret(name) | Placeholder::SecretIv(name) => {
                Err(HostError::Unsuitable(format!("the secret `{name}` cannot be passed to QEMU yet")))
            }
        }
    }

    /// The path of a node on this host, symbolic links resolved; `None` where it does not exist.
    fn node(&self, node: &Node) -> Result<Option<PathBuf>> {
        let path = match node {
            Node::Path(path) => absolute(path)?,
            Node::VfioGroup(device) => PathBuf::from("/dev/vfio").join(self.iommu_group(*device)?),
            Node::Usb { bus, device } => PathBuf::from(format!("/dev/bus/usb/{bus:03}/{device:03}")),
        };
        self.host.canonical(&path)
    }

    fn iommu_group(&self, device: PciAddress) -> Result<String> {
        let state = self.host.pci(device)?.ok_or_else(|| no_function(device))?;
        state.group.ok_or_else(|| HostError::Unsuitable(format!("{device} has no IOMMU group; is the IOMMU enabled?")))
    }

    /// An error where the descriptor is open already.
    fn is_free(&self, fd: &str) -> Result<()> {
        match self.host.fd(fd)? {
            None => Ok(()),
            Some(_) => Err(HostError::Unsuitable(format!("the plan opens descriptor `{fd}` twice"))),
        }
    }
}

/// The change number `nth` of a step, `None` after the last.
///
/// # Errors
/// The host is not what the step needs, or cannot be read.
pub fn change(step: &Step, nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    match step {
        Step::StateDir { directories } => state_dir::change(directories, nth, context),
        Step::VfioBind { device, managed } => vfio_bind::change(*device, *managed, nth, context),
        Step::Cgroup { rules } => cgroup::change(rules, nth, context),
        Step::Allow { rules } => allow::change(rules, nth, context),
        Step::Own { node, owner } => own::change(node, owner, nth, context),
        Step::Open { fd, path, mode, create, content } => {
            open::change(&open::Wanted { fd, path, mode: *mode, create: *create, content: *content }, nth, context)
        }
        Step::CopyFile { from, to, owner } => copy_file::change(from.as_deref(), to, owner, nth, context),
        Step::Listen { fd, at } => listen::change(fd, at, nth, context),
        Step::Tap { fds, vhost_fds, name, bridge, mac, mtu, vnet_hdr } => {
            let wanted = tap::Wanted { fds, vhost_fds, name, bridge, mac, mtu: *mtu, vnet_hdr: *vnet_hdr };
            tap::change(&wanted, nth, context)
        }
        Step::Memlock { limit } => memlock::change(*limit, nth, context),
        Step::Spawn { argv, env, fds, user, memlock } => {
            spawn::change(&spawn::Wanted { argv, env, fds, user, memlock: *memlock }, nth, context)
        }
        Step::QmpRun { script } => qmp_run::change(script, nth, context),
        Step::Cont {} => cont::change(nth),
    }
}

fn only(nth: usize, change: impl FnOnce() -> Result<Change>) -> Result<Option<Change>> {
    if nth == 0 { change().map(Some) } else { Ok(None) }
}

fn absolute(path: &str) -> Result<PathBuf> {
    if path.starts_with('/') && !path.contains('\0') {
        Ok(PathBuf::from(path))
    } else {
        Err(HostError::Unsuitable(format!("`{path}` is not an absolute path")))
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']) && name.len() <= 100
}

fn no_function(device: PciAddress) -> HostError {
    HostError::Unsuitable(format!("this host has no PCI function {device}"))
}
