//! Everything that virtc can do to a host, on one page.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Arg, DeviceRule, Node, PciAddress, QmpScript};

/// The descriptor, by its name in the plan, on which QEMU listens for QMP.
pub const MONITOR_FD: &str = "monitor";

/// The file name of the socket behind [`MONITOR_FD`], in the VM's private directory.
pub const MONITOR_SOCKET: &str = "monitor.sock";

/// One thing that is done to a host. How it is undone is found on the host, just before it is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// Make the directory that `{state}` stands for: empty, mode 0700, owned by the user that QEMU runs as.
    StateDir {
        /// Directories to make in it, relative paths of plain names, parents first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        directories: Vec<String>,
    },
    /// Bind a PCI function to `vfio-pci`.
    VfioBind {
        /// Which function.
        device: PciAddress,
        /// `true`: take it from its driver, and give it back. `false`: it must be bound already, and stays so.
        managed: bool,
    },
    /// Make QEMU's control group, with a device ACL: the runtime's own default set, and these rules.
    Cgroup {
        /// More rules.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rules: Vec<DeviceRule>,
    },
    /// Add rules to the device ACL. They leave it with the device of this step, unless another device has the same rule.
    Allow {
        /// The rules.
        rules: Vec<DeviceRule>,
    },
    /// Give a node or a file to a user, and back.
    Own {
        /// Which; a symbolic link is followed.
        node: Node,
        /// To whom.
        owner: Owner,
    },
    /// Open a file as a descriptor for QEMU.
    Open {
        /// The descriptor's name in the plan.
        fd: String,
        /// The absolute path.
        path: String,
        /// How it is opened.
        mode: OpenMode,
        /// Whether it is made, with mode 0600, where there is none. It is data: what was made so goes again only while it is empty.
        #[serde(default)]
        create: bool,
        /// Where what is written goes, and what becomes of what was in it.
        #[serde(default)]
        content: Content,
    },
    /// Make a file out of another where there is none, with mode 0600. It stays when the VM ends.
    CopyFile {
        /// The absolute path of the template; absent: the file must be there already.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// The absolute path of the file.
        to: String,
        /// To whom a file that is made belongs.
        owner: Owner,
    },
    /// Make a listening UNIX socket, as a descriptor for QEMU. A socket at its place at which nobody listens is replaced.
    Listen {
        /// The descriptor's name in the plan; [`MONITOR_FD`] is the one on which the runtime speaks QMP,
        /// and its socket is [`MONITOR_SOCKET`] in the private directory.
        fd: String,
        /// Where it is.
        at: SocketPlace,
    },
    /// Make a tap interface, which lives as long as its descriptors.
    Tap {
        /// The descriptors' names in the plan, one for each queue; more than one makes it multi-queue.
        fds: Vec<String>,
        /// Names of descriptors of `/dev/vhost-net`, none or one for each queue.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        vhost_fds: Vec<String>,
        /// The interface's name, at most 15 bytes; one `%d` in it is replaced by the first free number.
        name: String,
        /// The bridge it joins; absent: none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bridge: Option<String>,
        /// Its own MAC address (the host's side, not the guest's); absent: the kernel's choice.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mac: Option<String>,
        /// Its MTU in bytes; absent: the kernel's default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mtu: Option<u32>,
        /// Whether frames carry a virtio header (`IFF_VNET_HDR`), as virtio models want.
        #[serde(default)]
        vnet_hdr: bool,
    },
    /// Set the limit on locked memory of the running QEMU. (At start it is part of [`Step::Spawn`].)
    Memlock {
        /// The limit.
        limit: Limit,
    },
    /// Start QEMU in the control group and shake hands on its monitor. It must start stopped (`-S`).
    Spawn {
        /// The command line; the first is the absolute path of the program.
        argv: Vec<Arg>,
        /// The whole environment: name and value.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        env: Vec<(String, String)>,
        /// The descriptors that it inherits, by name; no other but standard input, output and error.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        fds: Vec<String>,
        /// As whom it runs.
        #[serde(default)]
        user: UserPolicy,
        /// The limit on locked memory; absent: as the runtime's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memlock: Option<Limit>,
    },
    /// Say something to the running QEMU.
    QmpRun {
        /// What.
        script: QmpScript,
    },
    /// Let the guest run.
    Cont {},
}

/// A limit on memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// So many bytes.
    Bytes(u64),
    /// No limit.
    Unlimited,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{bytes} bytes"),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

impl fmt::Display for OpenMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "reading",
            Self::Write => "writing",
            Self::ReadWrite => "reading and writing",
        })
    }
}

/// Where a listening socket is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SocketPlace {
    /// In the VM's private directory (not in `{state}`, where QEMU could change what is there), under this plain name. Only the caller
    /// may connect (mode 0600).
    Private(String),
    /// At an absolute path, in a directory that exists. It belongs to the user that QEMU runs as (mode 0660).
    Path(String),
}

impl fmt::Display for SocketPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private(name) => write!(f, "{name} in the private directory"),
            Self::Path(path) => f.write_str(path),
        }
    }
}

/// What becomes of what is in a file that is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// It stays; writing begins at the start.
    #[default]
    Keep,
    /// It stays; all that is written goes behind it.
    Append,
    /// It goes, and cannot be brought back.
    Truncate,
}

/// How a file is opened; always with `O_CLOEXEC` and `O_NOCTTY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenMode {
    /// For reading.
    Read,
    /// For writing.
    Write,
    /// For both.
    ReadWrite,
}

/// To whom a node or file is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Owner {
    /// The user and group that QEMU runs as.
    Qemu,
    /// These numbers.
    Ids {
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
    },
}

/// As whom QEMU runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum UserPolicy {
    /// The unprivileged user of the run configuration where the runtime is root, else the caller.
    #[default]
    Qemu,
    /// This user and group, by number, without further groups.
    Ids {
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
    },
}
