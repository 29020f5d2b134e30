//! Ports of virtio-serial and USB controllers.

use std::collections::BTreeSet;

use virtc_diag::Diagnostic;

use crate::codes;
use crate::devices::address::Address;
use crate::devices::controller::{ControllerType, UsbModel};
use crate::devices::{Kind, Needs};
use crate::domain::Domain;
use crate::ir::{OptExt, Rule, Spanned};

static SERIAL_PORT: Rule = Rule {
    name: "virtio-serial-port",
    text: "a channel gets the first free port of the first virtio-serial controller",
};
static USB_PORT: Rule =
    Rule { name: "usb-port", text: "a USB device gets the first free port of the first USB controller" };

/// Gives channels and virtio consoles a port each.
pub fn virtio_serial(domain: &mut Domain, report: &mut dyn FnMut(Diagnostic)) {
    let mut taken = BTreeSet::new();
    let mut wanting = Vec::new();
    for kind in [Kind::Channel, Kind::Console] {
        for index in 0..domain.devices.count(kind) {
            let Needs::VirtioSerial(zero) = domain.devices.needs(kind, index, domain) else { continue };
            let Some(info) = domain.devices.info(kind, index) else { continue };
            match &info.address {
                Some(Spanned { value: Address::VirtioSerial { controller, port, .. }, origin })
                    if *port > 0 || zero =>
                {
                    if !taken.insert((*controller, *port)) {
                        let message = format!("port {port} of virtio-serial controller {controller} is in use already");
                        report(Diagnostic::new(&codes::ADDRESS_CONFLICT, origin.span().unwrap_or_default(), message));
                    }
                }
                Some(Spanned { value: Address::VirtioSerial { controller, .. }, .. }) => {
                    wanting.push((kind, index, zero, Some(*controller)));
                }
                Some(_) | None => wanting.push((kind, index, zero, None)),
            }
        }
    }
    let ports = domain.devices.controllers.iter().filter(|c| c.kind() == ControllerType::VirtioSerial);
    let controllers: Vec<(u32, u32)> = ports.map(|c| (c.index(), c.ports.get().unwrap_or(31))).collect();
    for (kind, index, zero, wish) in wanting {
        let first = u32::from(!zero);
        let mut places = controllers
            .iter()
            .filter(|(c, _)| wish.is_none_or(|w| w == *c))
            .flat_map(|(c, n)| (first..*n).map(|p| (*c, p)));
        let Some((controller, port)) = places.find(|place| !taken.contains(place)) else {
            let span = domain.origin.span().unwrap_or_default();
            report(Diagnostic::new(&codes::ADDRESS_CONFLICT, span, "no port of a virtio-serial controller is free"));
            continue;
        };
        taken.insert((controller, port));
        if let Some(info) = domain.devices.info_mut(kind, index) {
            info.address = Some(Spanned::rule(Address::VirtioSerial { controller, bus: 0, port }, &SERIAL_PORT));
        }
    }
}

/// Gives USB devices a port each.
pub fn usb(domain: &mut Domain, report: &mut dyn FnMut(Diagnostic)) {
    let mut taken: BTreeSet<(u32, String)> = BTreeSet::new();
    let mut wanting = Vec::new();
    for kind in [Kind::Disk, Kind::Hostdev, Kind::Interface, Kind::Input, Kind::Serial] {
        for index in 0..domain.devices.count(kind) {
            if domain.devices.needs(kind, index, domain) != Needs::Usb {
                continue;
            }
            let Some(info) = domain.devices.info(kind, index) else { continue };
            match &info.address {
                Some(Spanned { value: Address::Usb { bus, port }, origin }) if !port.is_empty() => {
                    if !taken.insert((*bus, port.clone())) {
                        let message = format!("port {port} of USB bus {bus} is in use already");
                        report(Diagnostic::new(&codes::ADDRESS_CONFLICT, origin.span().unwrap_or_default(), message));
                    }
                }
                Some(Spanned { value: Address::Usb { bus, .. }, .. }) => wanting.push((kind, index, Some(*bus))),
                Some(_) | None => wanting.push((kind, index, None)),
            }
        }
    }
    let buses: Vec<(u32, u32)> = buses(domain);
    for (kind, index, wish) in wanting {
        let places = buses
            .iter()
            .filter(|(b, _)| wish.is_none_or(|w| w == *b))
            .flat_map(|(b, n)| (1..=*n).map(|p| (*b, p.to_string())));
        let Some((bus, port)) = { places }.find(|place| !taken.contains(place)) else {
            let span = domain.origin.span().unwrap_or_default();
            let message = format!("no USB port is free for this `<{}>`", kind.element());
            report(
                Diagnostic::new(&codes::ADDRESS_CONFLICT, span, message)
                    .help("add a USB controller, or one with more ports"),
            );
            continue;
        };
        taken.insert((bus, port.clone()));
        if let Some(info) = domain.devices.info_mut(kind, index) {
            info.address = Some(Spanned::rule(Address::Usb { bus, port }, &USB_PORT));
        }
    }
}

/// The USB buses with their numbers of ports (`virDomainUSBAddressControllerModelToPorts` in libvirt's `src/conf/domain_addr.c`).
fn buses(domain: &Domain) -> Vec<(u32, u32)> {
    let mut out: Vec<(u32, u32)> = Vec::new();
    for controller in
        domain.devices.controllers.iter().filter(|c| c.kind() == ControllerType::Usb && c.master.is_none())
    {
        let ports = match controller.usb_model() {
            Some(UsbModel::None) => continue,
            Some(UsbModel::Ehci | UsbModel::Ich9Ehci1) => 6,
            Some(UsbModel::PciOhci) => 3,
            Some(UsbModel::NecXhci | UsbModel::QemuXhci) => controller.ports.get().unwrap_or(4),
            Some(
                UsbModel::Piix3Uhci
                | UsbModel::Piix4Uhci
                | UsbModel::Ich9Uhci1
                | UsbModel::Ich9Uhci2
                | UsbModel::Ich9Uhci3
                | UsbModel::VtUhci,
            )
            | None => 2,
        };
        if !out.iter().any(|(b, _)| *b == controller.index()) {
            out.push((controller.index(), ports));
        }
    }
    out.sort_unstable();
    out
}
