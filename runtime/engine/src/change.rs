//! One write to the host and its inverse, both plain data, both fixed before the write is made.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use virtc_plan::{Await, Content, Limit, OpenMode, PciAddress};

use crate::acl::Rule;

/// One write and its inverse. Both are idempotent: made twice they do what they do once, and an undo whose redo was never made
/// finds nothing to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The write.
    pub redo: Op,
    /// Its inverse, with the value that was there before.
    pub undo: Op,
}

/// In what QEMU's processes are found again: fixed before QEMU is started, and used by nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// A control group of the unified hierarchy.
    V2(PathBuf),
    /// A control group of the `devices` hierarchy of version 1.
    V1(PathBuf),
    /// No control group: the variable `VIRTC_VM` of their environment has this value.
    Marked(String),
}

/// The device ACL, by who needs the rules: `""` the VM itself, else a device's alias.
pub type AclTable = BTreeMap<String, Vec<Rule>>;

/// A property of a network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// Its MAC address.
    Mac(String),
    /// Its MTU in bytes.
    Mtu(u32),
    /// The bridge that it belongs to, if any.
    Bridge(Option<String>),
    /// Whether it is up.
    Up(bool),
}

/// All that is needed to start QEMU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// The command line, filled in.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// The descriptors that it inherits, by their names in the plan.
    pub fds: Vec<String>,
    /// As whom it runs; absent: as the caller.
    pub user: Option<User>,
    /// The limit on locked memory; absent: as the caller's.
    pub memlock: Option<Limit>,
    /// Where its processes are put.
    pub group: Group,
    /// The file that takes its standard output and error.
    pub log: PathBuf,
}

/// A user, resolved on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// All further groups.
    pub groups: Vec<u32>,
}

/// One write to the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// Nothing.
    Nothing,
    /// Make a directory.
    MakeDir {
        /// Its path.
        path: PathBuf,
        /// Its mode bits.
        mode: u32,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
    },
    /// Remove a directory in the VM's own directory, with all that is in it.
    RemoveDir {
        /// Its path.
        path: PathBuf,
    },
    /// Set the owner of a node or file.
    Owner {
        /// Its path, without symbolic links.
        path: PathBuf,
        /// Device and inode of the file that is meant: another one that has taken its name meanwhile keeps its owner.
        id: (u64, u64),
        /// The owner.
        uid: u32,
        /// The group.
        gid: u32,
    },
    /// Bind a PCI function to a driver, or to none.
    Driver {
        /// Which function.
        device: PciAddress,
        /// The driver's name.
        driver: Option<String>,
    },
    /// Set a PCI function's `driver_override`, or clear it.
    Override {
        /// Which function.
        device: PciAddress,
        /// The driver's name.
        driver: Option<String>,
    },
    /// Make a control group.
    MakeGroup {
        /// Which.
        group: Group,
    },
    /// Remove an empty control group.
    RemoveGroup {
        /// Which.
        group: Group,
    },
    /// Replace a control group's device ACL as a whole, or lift it.
    Acl {
        /// Which group.
        group: Group,
        /// The rules by who needs them; absent: everything is allowed.
        table: Option<AclTable>,
    },
    /// Open a file as a named descriptor.
    Open {
        /// The descriptor's name.
        fd: String,
        /// The file.
        path: PathBuf,
        /// How.
        mode: OpenMode,
        /// What becomes of what is in it.
        content: Content,
    },
    /// Make an empty file, mode 0600, where there is none.
    MakeFile {
        /// Its path.
        path: PathBuf,
    },
    /// Remove a file that is empty; one with content stays.
    RemoveEmpty {
        /// Its path.
        path: PathBuf,
    },
    /// Make a file, mode 0600, out of another: written beside it under a temporary name, and then renamed.
    CopyFile {
        /// The template.
        from: PathBuf,
        /// The temporary name.
        part: PathBuf,
        /// The path.
        to: PathBuf,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
    },
    /// Remove what is left of a copy that was not finished.
    RemovePart {
        /// The temporary name.
        part: PathBuf,
    },
    /// Make a listening socket as a named descriptor.
    Listen {
        /// The descriptor's name.
        fd: String,
        /// The socket's path.
        path: PathBuf,
        /// Its mode bits.
        mode: u32,
        /// Its owner and group; absent: the caller.
        owner: Option<(u32, u32)>,
    },
    /// Close a listening socket, and remove its path unless somebody else listens there meanwhile.
    Unlisten {
        /// The descriptor's name.
        fd: String,
        /// The socket's path.
        path: PathBuf,
    },
    /// Make a tap interface as named descriptors, one for each queue.
    Tap {
        /// The descriptors' names.
        fds: Vec<String>,
        /// The interface's name; may hold `%d`.
        name: String,
        /// Whether frames carry a virtio header.
        vnet_hdr: bool,
    },
    /// Close named descriptors, as far as they are open.
    Close {
        /// The descriptors' names.
        fds: Vec<String>,
    },
    /// Set a property of a network interface.
    Link {
        /// The interface.
        interface: String,
        /// The property.
        set: Link,
    },
    /// Start QEMU.
    Spawn(Box<Launch>),
    /// Kill every process of the group, and wait for their end.
    Kill {
        /// Which group.
        group: Group,
    },
    /// Connect to QEMU's monitor and shake hands.
    Connect {
        /// The socket's path.
        path: PathBuf,
        /// How long QEMU may take, in milliseconds.
        deadline_ms: u64,
    },
    /// Drop the connection to the monitor.
    Disconnect,
    /// Say one thing to QEMU, and wait for its answer and for an event.
    Qmp {
        /// `{"execute":…, "arguments":…}`.
        command: Value,
        /// The descriptor that is sent along; it is closed here afterwards.
        fd: Option<String>,
        /// The event.
        awaits: Option<Await>,
    },
    /// The same, without an event, where a monitor is connected; else nothing, because what it undoes went with QEMU.
    QmpBack {
        /// `{"execute":…, "arguments":…}`.
        command: Value,
    },
    /// Set the limit on locked memory of every process of the group.
    Memlock {
        /// Which group.
        group: Group,
        /// The limit.
        limit: Limit,
    },
}

impl Op {
    /// The write in a few words, for messages.
    pub fn describe(&self) -> String {
        let or_none = |driver: &Option<String>| driver.clone().unwrap_or_else(|| "no driver".into());
        match self {
            Self::Nothing => "nothing".into(),
            Self::MakeDir { path, mode, uid, gid } => {
                format!("make directory {} (mode {mode:04o}, owner {uid}:{gid})", path.display())
            }
            Self::RemoveDir { path } => format!("remove directory {}", path.display()),
            Self::Owner { path, uid, gid, .. } => format!("set owner of {} to {uid}:{gid}", path.display()),
            Self::Driver { device, driver } => format!("bind {device} to {}", or_none(driver)),
            Self::Override { device, driver } => format!("set driver_override of {device} to {}", or_none(driver)),
            Self::MakeGroup { group } => format!("make control group {group}"),
            Self::RemoveGroup { group } => format!("remove control group {group}"),
            Self::Acl { group, table: None } => format!("lift the device ACL of {group}"),
            Self::Acl { group, table: Some(table) } => {
                let rules: Vec<String> = crate::acl::union(table).iter().map(ToString::to_string).collect();
                format!("set the device ACL of {group} to: {}", rules.join(", "))
            }
            Self::Open { fd, path, mode, content } => {
                let content = match content {
                    Content::Keep => "",
                    Content::Append => " at its end",
                    Content::Truncate => ", emptied,",
                };
                format!("open {} for {mode}{content} as descriptor `{fd}`", path.display())
            }
            Self::MakeFile { path } => format!("make file {}", path.display()),
            Self::RemoveEmpty { path } => format!("remove {} if it is empty", path.display()),
            Self::CopyFile { from, to, .. } => format!("make {} out of {}", to.display(), from.display()),
            Self::RemovePart { part } => format!("remove {}", part.display()),
            Self::Listen { fd, path, .. } => format!("listen on {} as descriptor `{fd}`", path.display()),
            Self::Unlisten { path, .. } => format!("stop to listen on {}", path.display()),
            Self::Tap { fds, name, .. } => format!("make tap interface {name} as descriptors {}", fds.join(", ")),
            Self::Close { fds } => format!("close descriptors {}", fds.join(", ")),
            Self::Link { interface, set } => match set {
                Link::Mac(mac) => format!("set the MAC address of {interface} to {mac}"),
                Link::Mtu(mtu) => format!("set the MTU of {interface} to {mtu}"),
                Link::Bridge(Some(bridge)) => format!("add {interface} to bridge {bridge}"),
                Link::Bridge(None) => format!("take {interface} out of its bridge"),
                Link::Up(up) => format!("set {interface} {}", if *up { "up" } else { "down" }),
            },
            Self::Spawn(launch) => format!("start {}", launch.argv.join(" ")),
            Self::Kill { group } => format!("kill all processes in {group}"),
            Self::Connect { path, .. } => format!("connect to QEMU's monitor at {}", path.display()),
            Self::Disconnect => "leave QEMU's monitor".into(),
            Self::Qmp { command, .. } | Self::QmpBack { command } => format!("tell QEMU {command}"),
            Self::Memlock { group, limit } => format!("set the limit on locked memory in {group} to {limit}"),
        }
    }
}

impl std::fmt::Display for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::V2(path) | Self::V1(path) => path.display().fmt(f),
            Self::Marked(mark) => write!(f, "VIRTC_VM={mark}"),
        }
    }
}
