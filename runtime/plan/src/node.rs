//! Device nodes and the rules about them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The address of a PCI function on the host, written `0000:03:10.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PciAddress {
    /// The domain (segment); Linux has some above `ffff` (Intel VMD).
    pub domain: u32,
    /// The bus.
    pub bus: u8,
    /// The slot, 0 to 31.
    pub slot: u8,
    /// The function, 0 to 7.
    pub function: u8,
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:02x}:{:02x}.{:x}", self.domain, self.bus, self.slot, self.function)
    }
}

/// A text that is no PCI address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoPciAddress(String);

impl fmt::Display for NoPciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no PCI address of the form 0000:00:00.0", self.0)
    }
}

impl std::error::Error for NoPciAddress {}

impl FromStr for PciAddress {
    type Err = NoPciAddress;

    fn from_str(text: &str) -> Result<Self, NoPciAddress> {
        let parse = || {
            let (domain, rest) = text.split_once(':')?;
            let (bus, rest) = rest.split_once(':')?;
            let (slot, function) = rest.split_once('.')?;
            let hex = |text: &str, digits: std::ops::RangeInclusive<usize>, limit: u32| {
                let plain = digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
                u32::from_str_radix(text, 16).ok().filter(|n| plain && *n <= limit)
            };
            Some(Self {
                domain: hex(domain, 4..=8, u32::MAX)?,
                bus: u8::try_from(hex(bus, 2..=2, 0xff)?).ok()?,
                slot: u8::try_from(hex(slot, 2..=2, 0x1f)?).ok()?,
                function: u8::try_from(hex(function, 1..=1, 7)?).ok()?,
            })
        };
        parse().ok_or_else(|| NoPciAddress(text.to_owned()))
    }
}

impl TryFrom<String> for PciAddress {
    type Error = NoPciAddress;

    fn try_from(text: String) -> Result<Self, NoPciAddress> {
        text.parse()
    }
}

impl From<PciAddress> for String {
    fn from(address: PciAddress) -> Self {
        address.to_string()
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pci_addresses_round_trip_and_refuse_what_is_none() {
        for text in ["0000:03:10.1", "10000:e1:00.0", "0000:00:1f.7"] {
            assert_eq!(text.parse::<PciAddress>().unwrap().to_string(), text);
        }
        for text in ["", "03:10.1", "0000:03:20.0", "0000:03:10.8", "0000:+3:10.1", "../:00:00.0", "0000:03:10.1\n"] {
            assert!(text.parse::<PciAddress>().is_err(), "{text:?}");
        }
    }
}
