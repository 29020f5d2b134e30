//! The device of the host that a guest gets: `<source>` of `<hostdev>` and of `<interface type='hostdev'>`.

use crate::ir::{Leaf, Spanned, words};
use crate::model::devices::address::{Address, PciSlot};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// The bus of the host's device.
    pub enum HostBus { Pci = "pci", Usb = "usb" }
}

/// A device of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostSource {
    /// A PCI function, by its address on the host.
    Pci(PciSlot),
    /// A USB device, by bus and number.
    UsbAddress {
        /// The bus, from 1.
        bus: u32,
        /// The number on the bus, from 1; it changes when the device is plugged in again.
        device: u32,
    },
    /// A USB device, by what it is.
    UsbId {
        /// The vendor.
        vendor: u16,
        /// The product.
        product: u16,
    },
}

impl HostSource {
    /// Reads the content of `<source>`. `bus` is what the parent says; an address may say it too.
    pub fn lower(f: &Fields<'_, '_>, bus: Option<HostBus>) -> Option<Spanned<Self>> {
        if let Some(vendor) = f.child("vendor") {
            let product = f.child_attr::<u16>("product", "id")?;
            let vendor = vendor.attr::<u16>("id")?;
            let span = f.element().span();
            return Some(Spanned::xml(Self::UsbId { vendor: vendor.value, product: product.value }, span));
        }
        f.without_effect(&["missing"], &[], "device of the host");
        let a = f.child("address")?;
        let said = a.attr::<HostBus>("type").map(|b| b.value);
        a.without_effect(&["multifunction"], &["zpci"], "device of the host");
        let source = match said.or(bus)? {
            HostBus::Pci => Self::Pci(Address::pci_slot(&a)),
            HostBus::Usb => {
                Self::UsbAddress { bus: a.attr::<u32>("bus")?.value, device: a.attr::<u32>("device")?.value }
            }
        };
        Some(Spanned::xml(source, a.element().span()))
    }

    /// Writes the content of `<source>`; `typed` puts the bus into the address.
    pub fn write(self, typed: bool, w: &mut XmlWriter) {
        match self {
            Self::Pci(slot) => {
                let tag = w.tag("address");
                let tag = if typed { tag.attr("type", "pci") } else { tag };
                tag.attr("domain", &format!("0x{:04x}", slot.domain))
                    .attr("bus", &format!("0x{:02x}", slot.bus))
                    .attr("slot", &format!("0x{:02x}", slot.slot))
                    .attr("function", &format!("0x{:x}", slot.function))
                    .end();
            }
            Self::UsbAddress { bus, device } => {
                let tag = w.tag("address");
                let tag = if typed { tag.attr("type", "usb") } else { tag };
                tag.attr("bus", &bus.show()).attr("device", &device.show()).end();
            }
            Self::UsbId { vendor, product } => {
                w.tag("vendor").attr("id", &format!("0x{vendor:04x}")).end();
                w.tag("product").attr("id", &format!("0x{product:04x}")).end();
            }
        }
    }
}

/// `0000:06:12.1`.
pub fn show_pci(slot: PciSlot) -> String {
    format!("{:04x}:{:02x}:{:02x}.{:x}", slot.domain, slot.bus, slot.slot, slot.function)
}
