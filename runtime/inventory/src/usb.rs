//! USB devices of the host.

use serde::{Deserialize, Serialize};

use crate::PciAddress;
use crate::ids::{hex8, hex16};

/// One interface of a USB device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsbInterface {
    /// Class code: 0x03 input, 0x08 storage, 0x02 communication, 0xff the vendor's own.
    #[serde(with = "hex8")]
    pub class: u8,
    /// Subclass code, 0 to 0xff.
    #[serde(with = "hex8", default)]
    pub subclass: u8,
    /// Protocol code, 0 to 0xff.
    #[serde(with = "hex8", default)]
    pub protocol: u8,
    /// The driver that is bound, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
}

/// One USB device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsbDevice {
    /// The bus number, from 1.
    pub bus: u32,
    /// The device number on its bus, from 1; it changes whenever the device is plugged in again.
    pub device: u32,
    /// Vendor id, 0 to 0xffff, as in `usb.ids`.
    #[serde(with = "hex16")]
    pub vendor: u16,
    /// Product id, 0 to 0xffff.
    #[serde(with = "hex16")]
    pub product: u16,
    /// Class code of the device; 0 when each interface has its own.
    #[serde(with = "hex8", default)]
    pub class: u8,
    /// The serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The maker's and the product's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The interfaces of the active configuration, in order.
    #[serde(default)]
    pub interfaces: Vec<UsbInterface>,
    /// The PCI function of its host controller, if that is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<PciAddress>,
}

impl UsbDevice {
    /// Whether this is a hub, which cannot be given to a guest.
    pub fn is_hub(&self) -> bool {
        self.class == 0x09
    }
}
