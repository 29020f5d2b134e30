//! What the `<source>` of `<hostdev>` and `<interface type='hostdev'>` names on the host: a PCI function or a USB device.

use crate::ir::{Leaf, Opt, Spanned, YesNo, words};
use crate::model::devices::address::write_pci;
use crate::model::devices::host_function::{HostFunction, PciDriver};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// The bus of the host's device.
    pub enum HostBus { Pci = "pci", Usb = "usb" }
}

/// Which USB device of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsbSource {
    /// By bus and number.
    Address {
        /// The bus, from 1.
        bus: u32,
        /// The number on the bus, from 1; it changes when the device is plugged in again.
        device: u32,
    },
    /// By what it is.
    Id {
        /// The vendor.
        vendor: u16,
        /// The product.
        product: u16,
    },
}

impl UsbSource {
    /// Reads the content of `<source>`.
    pub fn lower(f: &Fields<'_, '_>) -> Option<Spanned<Self>> {
        f.without_effect(&["missing"], &[], "device of the host");
        if let Some(vendor) = f.child("vendor") {
            let product = f.child_attr::<u16>("product", "id")?;
            let vendor = vendor.attr::<u16>("id")?;
            let span = f.element().span();
            return Some(Spanned::xml(Self::Id { vendor: vendor.value, product: product.value }, span));
        }
        Self::address(&f.child("address")?)
    }

    fn address(a: &Fields<'_, '_>) -> Option<Spanned<Self>> {
        let (bus, device) = (a.attr::<u32>("bus")?.value, a.attr::<u32>("device")?.value);
        Some(Spanned::xml(Self::Address { bus, device }, a.element().span()))
    }

    /// Writes the content of `<source>`.
    pub fn write(self, w: &mut XmlWriter) {
        match self {
            Self::Address { bus, device } => {
                w.tag("address").attr("bus", &bus.show()).attr("device", &device.show()).end();
            }
            Self::Id { vendor, product } => {
                w.tag("vendor").attr("id", &format!("0x{vendor:04x}")).end();
                w.tag("product").attr("id", &format!("0x{product:04x}")).end();
            }
        }
    }
}

/// What `<interface type='hostdev'>` names.
#[derive(Debug, Clone)]
pub enum NetSource {
    /// A PCI function.
    Function(HostFunction),
    /// A USB device, which QEMU cannot make a network interface.
    Usb(Spanned<UsbSource>),
}

impl NetSource {
    /// Reads the content of `<source>`; of the interface, `managed` and `driver` are read already.
    pub fn lower(f: &Fields<'_, '_>, managed: Opt<YesNo>, driver: Option<PciDriver>) -> Option<Self> {
        if f.element().child("vendor").is_some() {
            return UsbSource::lower(f).map(Self::Usb);
        }
        f.without_effect(&["missing"], &[], "device of the host");
        let a = f.child("address")?;
        Some(match a.attr::<HostBus>("type")?.value {
            HostBus::Pci => Self::Function(HostFunction::lower(&a, managed, driver)),
            HostBus::Usb => Self::Usb(UsbSource::address(&a)?),
        })
    }

    /// Writes the content of `<source>`.
    pub fn write(&self, w: &mut XmlWriter) {
        match self {
            Self::Function(function) => {
                write_pci(function.address.value, w.tag("address").attr("type", "pci")).end();
            }
            Self::Usb(Spanned { value: UsbSource::Address { bus, device }, .. }) => {
                let tag = w.tag("address").attr("type", "usb");
                tag.attr("bus", &bus.show()).attr("device", &device.show()).end();
            }
            Self::Usb(Spanned { value: source @ UsbSource::Id { .. }, .. }) => source.write(w),
        }
    }
}
