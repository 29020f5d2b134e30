//! Device nodes and the rules about them.

use std::fmt;

use serde::{Deserialize, Serialize};
use virtc_address::PciAddress;

/// A node under `/dev`, or a file, that the host finds when the step is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Node {
    /// An absolute path.
    Path(String),
    /// `/dev/vfio/N`, where N is the IOMMU group of this function; it exists only after the bind.
    VfioGroup(PciAddress),
    /// `/dev/bus/usb/BBB/DDD`.
    Usb {
        /// The bus, 1 to 999.
        bus: u16,
        /// The device on that bus, 1 to 127.
        device: u16,
    },
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.write_str(path),
            Self::VfioGroup(device) => write!(f, "/dev/vfio/{{group of {device}}}"),
            Self::Usb { bus, device } => write!(f, "/dev/bus/usb/{bus:03}/{device:03}"),
        }
    }
}

/// A character or a block device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// A character device.
    Char,
    /// A block device.
    Block,
}

/// What a rule allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Open for reading.
    #[serde(default)]
    pub read: bool,
    /// Open for writing.
    #[serde(default)]
    pub write: bool,
    /// Make a node for it.
    #[serde(default)]
    pub mknod: bool,
}

impl Access {
    /// Read and write.
    pub const RW: Self = Self { read: true, write: true, mknod: false };
    /// Read, write and make nodes.
    pub const RWM: Self = Self { read: true, write: true, mknod: true };
    /// Only read.
    pub const R: Self = Self { read: true, write: false, mknod: false };
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (on, letter) in [(self.read, "r"), (self.write, "w"), (self.mknod, "m")] {
            if on {
                f.write_str(letter)?;
            }
        }
        Ok(())
    }
}

/// One rule of a device ACL (cgroup). What no rule allows is denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum DeviceRule {
    /// By number.
    Number {
        /// Character or block.
        kind: DeviceKind,
        /// The major number, 0 to 4095 (`MINORBITS` in Linux is 20); absent for every one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        major: Option<u32>,
        /// The minor number, 0 to 1048575; absent for every one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        minor: Option<u32>,
        /// What is allowed.
        access: Access,
    },
    /// By node: the host looks up kind and numbers.
    Node {
        /// Which node.
        node: Node,
        /// What is allowed.
        access: Access,
        /// Whether the rule is left out where the host has no such node; otherwise that is an error.
        #[serde(default)]
        optional: bool,
    },
}

impl fmt::Display for DeviceRule {
    /// As the `devices` controller of cgroup v1 writes it, `c 10:232 rw`, or with the node in place of the numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: &Option<u32>| number.map_or_else(|| "*".to_owned(), |number| number.to_string());
        match self {
            Self::Number { kind, major, minor, access } => {
                write!(f, "{kind} {}:{} {access}", number(major), number(minor))
            }
            Self::Node { node, access, optional } => {
                write!(f, "{node} {access}{}", if *optional { " if present" } else { "" })
            }
        }
    }
}

impl fmt::Display for DeviceKind {
    /// `c` or `b`, as cgroup v1 and `ls -l` write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Char => "c",
            Self::Block => "b",
        })
    }
}
