//! Everything that virtc can do to a host, on one page.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Arg, Content, DeviceRule, Limit, Node, OpenMode, Owner, PciAddress, QmpScript, SocketPlace, UserPolicy, text,
};

/// The descriptor, by its name in the plan, on which QEMU listens for QMP.
pub const MONITOR_FD: &str = "monitor";

/// The file name of the socket of [`MONITOR_FD`], in the VM's private directory.
pub const MONITOR_SOCKET: &str = "monitor.sock";

/// One thing that is done to a host. How it is reverted is read from the host, just before it is done.
///
/// Each variant is planned by the file of its name in `runtime/engine/src/steps/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// Make the directory `{state}`: empty, mode 0700, owned by the user that QEMU runs as.
    StateDir {
        /// Directories to make in it: relative paths of plain names, parents first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        directories: Vec<String>,
    },
    /// Bind a PCI function to `vfio-pci`.
    VfioBind {
        /// Which function.
        device: PciAddress,
        /// Whether it is taken from its driver, and given back when the VM ends; else it must be bound to `vfio-pci` already, and stays so.
        managed: bool,
    },
    /// Make QEMU's control group (cgroup), with a device ACL: the runtime's default rules, and these.
    Cgroup {
        /// Rules in addition to the default ones.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rules: Vec<DeviceRule>,
    },
    /// Add rules to the device ACL. They are removed with the device of this step, unless another device has the same rule.
    Allow {
        /// The rules.
        rules: Vec<DeviceRule>,
    },
    /// Set the owner of a node or a file, and restore it when the VM ends.
    Own {
        /// Which; a symbolic link is followed.
        node: Node,
        /// Its owner meanwhile.
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
        /// Whether it is made, with mode 0600, where there is none. It is data: such a file is removed again only while it is empty.
        #[serde(default)]
        create: bool,
        /// What happens to its content.
        #[serde(default)]
        content: Content,
    },
    /// Copy a template to a file that does not exist yet, with mode 0600. The file stays when the VM ends.
    CopyFile {
        /// The absolute path of the template; absent: the file must be there already.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// The absolute path of the file.
        to: String,
        /// The owner of a file that is made.
        owner: Owner,
    },
    /// Make a listening UNIX socket, as a descriptor for QEMU. A socket that is there and has no listener is replaced.
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
        /// Its own MAC address (on the host's side, not the guest's), such as `fe:54:00:12:34:56`; absent: the kernel's choice.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mac: Option<String>,
        /// Its MTU in bytes, 68 to 65521 (`drivers/net/tun.c` in Linux); absent: the kernel's default.
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
        /// The descriptors that it inherits in addition to standard input, output and error, by name.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        fds: Vec<String>,
        /// The user that it runs as.
        #[serde(default)]
        user: UserPolicy,
        /// The limit on locked memory; absent: as the runtime's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memlock: Option<Limit>,
    },
    /// Execute QMP commands in the running QEMU.
    QmpRun {
        /// The commands.
        script: QmpScript,
    },
    /// Start the guest's CPUs (QMP `cont`).
    Cont {},
}

impl fmt::Display for Step {
    /// One line, with every field but QEMU's command line and what follows the first QMP command, which are [`Step::details`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StateDir { directories } => {
                f.write_str("make the state directory")?;
                text::list(f, ", with ", directories)
            }
            Self::VfioBind { device, managed: true } => write!(f, "bind {device} to vfio-pci"),
            Self::VfioBind { device, managed: false } => write!(f, "check that {device} is bound to vfio-pci"),
            Self::Cgroup { rules } => {
                f.write_str("make the control group with the default device ACL")?;
                text::list(f, " and ", rules)
            }
            Self::Allow { rules } => {
                f.write_str("add to the device ACL")?;
                text::list(f, ": ", rules)
            }
            Self::Own { node, owner } => write!(f, "set owner of {node} to {owner}"),
            Self::Open { fd, path, mode, create, content } => {
                let create = if *create { ", created if absent" } else { "" };
                write!(f, "open {path} for {mode}{content}{create} as descriptor `{fd}`")
            }
            Self::CopyFile { from: Some(from), to, owner } => {
                write!(f, "copy {from} to {to} if absent, with owner {owner}")
            }
            Self::CopyFile { from: None, to, owner: _ } => write!(f, "check that {to} exists"),
            Self::Listen { fd, at } => write!(f, "listen on {at} as descriptor `{fd}`"),
            Self::Tap { fds, vhost_fds, name, bridge, mac, mtu, vnet_hdr } => {
                write!(f, "make tap interface {name}")?;
                text::option(f, " in bridge ", bridge.as_ref())?;
                text::option(f, ", MAC address ", mac.as_ref())?;
                text::option(f, ", MTU ", mtu.as_ref())?;
                f.write_str(if *vnet_hdr { ", with virtio header" } else { "" })?;
                text::list(f, ", as descriptors ", fds)?;
                text::list(f, ", vhost-net as descriptors ", vhost_fds)
            }
            Self::Memlock { limit } => write!(f, "set the limit on locked memory to {limit}"),
            Self::Spawn { argv, env: _, fds, user, memlock } => {
                write!(f, "start {} as {user}", argv.first().map(Arg::display).unwrap_or_default())?;
                text::option(f, ", with locked memory ", memlock.as_ref())?;
                text::list(f, ", with descriptors ", fds)
            }
            Self::QmpRun { script } => text::list(f, "", script.lines().first()),
            Self::Cont {} => f.write_str("execute cont"),
        }
    }
}

impl Step {
    /// What does not fit into one line: QEMU's environment and command line, with an option on each line, or further QMP commands.
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::Spawn { argv, env, .. } => text::command_line(env, argv),
            Self::QmpRun { script } => script.lines().into_iter().skip(1).collect(),
            Self::StateDir { .. }
            | Self::VfioBind { .. }
            | Self::Cgroup { .. }
            | Self::Allow { .. }
            | Self::Own { .. }
            | Self::Open { .. }
            | Self::CopyFile { .. }
            | Self::Listen { .. }
            | Self::Tap { .. }
            | Self::Memlock { .. }
            | Self::Cont {} => Vec::new(),
        }
    }
}
