//! The resources that steps and operations read, and the reading of each.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use virtc_plan::{DeviceKind, Limit, PciAddress};

use super::linux::{LinuxRead, group, read, sockets};
use super::states::Known;
use super::{HostRead, Resource, Result};
use crate::group::Group;

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A device node, with its major and minor number.
    Device(DeviceKind, u32, u32),
    /// A device node that a dry run predicts, with numbers that are not known yet.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// The number of its owner, 0 to 2^32 - 2.
    pub uid: u32,
    /// The number of its group, 0 to 2^32 - 2.
    pub gid: u32,
    /// The permission bits, 0 to 0o7777.
    pub mode: u32,
    /// Device and inode: the same for the same file, whatever its name. A predicted file has (0, 0).
    pub id: (u64, u64),
}

/// A PCI function on the host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PciState {
    /// The driver that it is bound to.
    pub driver: Option<String>,
    /// Its `driver_override`.
    pub driver_override: Option<String>,
    /// Its IOMMU group.
    pub group: Option<String>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its MAC address.
    pub mac: String,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// The bridge that it is a port of.
    pub bridge: Option<String>,
    /// Whether it is up.
    pub up: bool,
}

/// An open descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FdInfo {
    /// Its number, or a placeholder in a dry run.
    pub number: String,
    /// The network interface that it is a queue of.
    pub interface: Option<String>,
}

/// Where control groups can be made: the caller's own group in each hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hierarchies {
    /// The caller's group in the unified hierarchy (cgroup v2).
    pub v2: Option<PathBuf>,
    /// The caller's group in the `devices` hierarchy (cgroup v1).
    pub v1: Option<PathBuf>,
}

/// A user of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The user's number, 0 to 2^32 - 2.
    pub uid: u32,
    /// The number of its group, 0 to 2^32 - 2.
    pub gid: u32,
    /// The numbers of all supplementary groups.
    pub groups: Vec<u32>,
}

macro_rules! resources {
    ($($(#[$doc:meta])* $resource:ident($inner:ty): $kind:literal => $state:ty, |$of:ident, $linux:ident| $read:expr, $text:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $resource<'a>(pub &'a $inner);

        impl Resource for $resource<'_> {
            type State = $state;

            fn name(&self) -> String {
                let $of = self.0;
                format!(concat!($kind, " {}"), $text)
            }

            fn read(&self, $linux: &LinuxRead) -> Result<Option<$state>> {
                let $of = self.0;
                $read
            }
        }
    )*};
}

resources! {
    /// The file at a path.
    FileAt(Path): "file" => Stat, |path, _linux| read::stat(path), path.display();
    /// A process that listens at a UNIX socket.
    ListenerAt(Path): "listener" => (), |path, _linux| Ok(sockets::is_listening(path)?.then_some(())), path.display();
    /// A PCI function.
    Function(PciAddress): "pci" => PciState, |device, linux| linux.pci(*device), device;
    /// A PCI driver that is loaded.
    DriverNamed(str): "driver" => (), |driver, linux| Ok(linux.has_driver(driver)?.then_some(())), driver;
    /// A network interface.
    InterfaceNamed(str): "interface" => Interface, |name, _linux| read::interface(name), name;
    /// An open descriptor, by its name in the plan.
    DescriptorNamed(str): "descriptor" => FdInfo, |name, linux| Ok(linux.descriptors.info(name)), name;
    /// A control group.
    GroupOf(Group): "group" => (), |group, _linux| Ok(read::has_group(group)?.then_some(())), group;
    /// The living processes of a group; those that are ending are waited for.
    ProcessesOf(Group): "processes" => Vec<u32>, |group, _linux| group::processes(group).map(Some), group;
    /// The limit on locked memory of a group's first process.
    MemlockOf(Group): "memlock" => Limit, |group, _linux| group::memlock(group), group;
    /// A user by name.
    UserNamed(str): "user" => User, |name, _linux| read::user(name), name;
}

/// The caller's user and group.
#[derive(Debug, Clone, Copy)]
pub struct Caller;

impl Resource for Caller {
    type State = (u32, u32);

    fn name(&self) -> String {
        "caller".into()
    }

    fn read(&self, _linux: &LinuxRead) -> Result<Option<(u32, u32)>> {
        Ok(Some(read::caller()))
    }
}

/// Where control groups can be made.
#[derive(Debug, Clone, Copy)]
pub struct CallersGroups;

impl Resource for CallersGroups {
    type State = Hierarchies;

    fn name(&self) -> String {
        "hierarchies".into()
    }

    fn read(&self, _linux: &LinuxRead) -> Result<Option<Hierarchies>> {
        group::hierarchies().map(Some)
    }
}

impl dyn HostRead + '_ {
    /// The properties of a path, `None` where there is nothing.
    pub fn stat(&self, path: &Path) -> Result<Option<Stat>> {
        self.get(&FileAt(path))
    }

    /// The path without symbolic links, `None` where it leads nowhere.
    pub fn canonical(&self, path: &Path) -> Result<Option<PathBuf>> {
        match (self.known(&FileAt(path).name()), self.linux()) {
            (Known::Present(_), _) => Ok(Some(path.to_owned())),
            (Known::Unknown, Some(_)) => read::canonical(path),
            (Known::Unknown, None) | (Known::Absent, _) => Ok(None),
        }
    }

    /// Whether a process listens at this socket.
    pub fn is_listening(&self, path: &Path) -> Result<bool> {
        Ok(self.get(&ListenerAt(path))?.is_some())
    }

    /// A PCI function, `None` where there is none.
    pub fn pci(&self, device: PciAddress) -> Result<Option<PciState>> {
        self.get(&Function(&device))
    }

    /// Whether a PCI driver is loaded.
    pub fn has_driver(&self, driver: &str) -> Result<bool> {
        Ok(self.get(&DriverNamed(driver))?.is_some())
    }

    /// A network interface, `None` where there is none.
    pub fn interface(&self, name: &str) -> Result<Option<Interface>> {
        self.get(&InterfaceNamed(name))
    }

    /// An open descriptor by its name in the plan.
    pub fn fd(&self, name: &str) -> Result<Option<FdInfo>> {
        self.get(&DescriptorNamed(name))
    }

    /// Whether a control group exists.
    pub fn has_group(&self, group: &Group) -> Result<bool> {
        Ok(self.get(&GroupOf(group))?.is_some())
    }

    /// The living processes of a group.
    pub fn processes(&self, group: &Group) -> Result<Vec<u32>> {
        Ok(self.get(&ProcessesOf(group))?.unwrap_or_default())
    }

    /// The caller's own user and group.
    pub fn caller(&self) -> Result<(u32, u32)> {
        Ok(self.get(&Caller)?.unwrap_or_default())
    }
}
