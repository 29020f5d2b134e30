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
    /// Read alone.
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

/// One line of a device ACL. What no line allows is denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum DeviceRule {
    /// By number.
    Number {
        /// Character or block.
        kind: DeviceKind,
        /// The major number; absent for every one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        major: Option<u32>,
        /// The minor number; absent for every one.
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
        /// Whether the rule falls away where the host has no such node; otherwise that is an error.
        #[serde(default)]
        optional: bool,
    },
}
