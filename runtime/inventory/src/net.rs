//! Network devices of the host.

use serde::{Deserialize, Serialize};

use crate::{MacAddress, PciAddress};

/// The operational state of a network device (RFC 2863, as in sysfs `operstate`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperState {
    /// The driver does not say.
    #[default]
    Unknown,
    /// A part of the device is missing.
    NotPresent,
    /// Not able to pass packets.
    Down,
    /// Down because of a device below it.
    LowerLayerDown,
    /// In a test mode.
    Testing,
    /// Waiting for something outside.
    Dormant,
    /// Able to pass packets.
    Up,
}

impl OperState {
    /// The state by its name in sysfs; what is not known counts as [`OperState::Unknown`].
    pub fn from_sysfs(name: &str) -> Self {
        match name {
            "notpresent" => Self::NotPresent,
            "down" => Self::Down,
            "lowerlayerdown" => Self::LowerLayerDown,
            "testing" => Self::Testing,
            "dormant" => Self::Dormant,
            "up" => Self::Up,
            _ => Self::Unknown,
        }
    }
}

/// The hardware that a network device belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetParent {
    /// A PCI function.
    Pci(PciAddress),
    /// A USB device, by its port path.
    Usb(String),
}

/// One network device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetDevice {
    /// The Ethernet address, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddress>,
    /// Whether the device is switched on (`ip link set … up`).
    #[serde(default)]
    pub online: bool,
    /// The operational state.
    #[serde(default)]
    pub operstate: OperState,
    /// Whether a carrier is there; absent while the device is not online.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<bool>,
    /// The hardware device of the interface; absent for a virtual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<NetParent>,
    /// The bridge, bond or other device that it is a port of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<String>,
    /// Whether it is a bridge.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_bridge: bool,
    /// The largest packet in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
}
