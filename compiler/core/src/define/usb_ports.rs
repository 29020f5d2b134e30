//! Ports of USB controllers and hubs.

use std::collections::BTreeMap;

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes::{self, Report as _};
use crate::define::usb::Ports;
use crate::ir::{DefaultRule, OptExt, Spanned};
use crate::model::Domain;
use crate::model::devices::address::Address;
use crate::model::devices::controller::{ControllerType, UsbModel};
use crate::model::devices::hub::{self, Hub};
use crate::model::devices::{BusSlot, Device, Kind};

static USB_PORT: DefaultRule =
    DefaultRule { name: "usb-port", text: "a USB device gets the first free port of the first USB controller" };

static USB_HUB: DefaultRule =
    DefaultRule { name: "usb-hub-added", text: "a hub is added where the guest has more USB devices than ports" };

/// The USB devices, in the order in which they get ports.
fn on_usb(domain: &Domain) -> impl Iterator<Item = (Kind, usize, &dyn Device)> {
    let of = |kind| domain.devices.of(kind).map(move |(index, device)| (kind, index, device));
    let all = Kind::in_usb_order().into_iter().flat_map(of);
    all.filter(|(_, _, device)| device.bus_slot(domain) == BusSlot::Usb)
}

/// Adds hubs where the guest has more USB devices than ports (`qemuDomainUSBAddressAddHubs` in libvirt's
/// `src/qemu/qemu_domain_address.c`).
pub fn add_hubs(domain: &mut Domain) {
    let available: usize = buses(domain).iter().map(|(_, n)| *n as usize).sum();
    let available = available + domain.devices.hubs.len() * hub::PORTS as usize;
    let needed = on_usb(domain).count();
    if available == 0 || needed <= available {
        return;
    }
    // Each hub takes a port for itself.
    for _ in 0..(needed - available + 1).div_ceil(hub::PORTS as usize - 1) {
        domain.devices.hubs.push(Hub::added(domain.origin.with_rule(&USB_HUB)));
    }
}

/// Assigns a port to each USB device. Where libvirt's order, depth first, leaves a device without a port, short paths
/// come first.
pub fn assign(domain: &mut Domain, faults: &mut Diagnostics) {
    let places = match usb_places(domain, false) {
        (places, found) if found.is_empty() => places,
        _ => {
            let (places, found) = usb_places(domain, true);
            faults.extend(found);
            places
        }
    };
    for (kind, index, bus, port) in places {
        if let Some(info) = domain.devices.info_mut(kind, index) {
            info.address = Some(Spanned::rule(Address::Usb { bus, port }, &USB_PORT, domain.origin));
        }
    }
}

/// Reports given ports that do not exist or are given twice.
pub fn check_given(domain: &Domain, faults: &mut Diagnostics) {
    let mut ports: BTreeMap<u32, Ports> =
        buses(domain).into_iter().map(|(bus, count)| (bus, Ports::new(count))).collect();
    for (kind, _, device) in on_usb(domain) {
        let Some(Spanned { value: Address::Usb { bus, port }, origin }) = &device.info().address else { continue };
        let Some(ports) = ports.get_mut(bus).filter(|_| !port.is_empty()) else { continue };
        if let Err(message) = ports.take(*bus, port, kind == Kind::Hub) {
            faults.add_with(
                &codes::ADDRESS_CONFLICT,
                origin,
                message,
                "remove the `<address>` to have a free port assigned",
            );
        }
    }
}

/// A device with its bus and port.
type UsbPlace = (Kind, usize, u32, String);

fn usb_places(domain: &Domain, broad: bool) -> (Vec<UsbPlace>, Diagnostics) {
    let mut faults = Diagnostics::new();
    let mut ports: BTreeMap<u32, Ports> =
        buses(domain).into_iter().map(|(bus, count)| (bus, Ports::new(count))).collect();
    let mut wanting = Vec::new();
    for (kind, index, device) in on_usb(domain) {
        match &device.info().address {
            Some(Spanned { value: Address::Usb { bus, port }, .. }) if !port.is_empty() => {
                let Some(ports) = ports.get_mut(bus) else { continue };
                // `check_given` has reported what cannot be taken.
                let _ = ports.take(*bus, port, kind == Kind::Hub);
            }
            Some(Spanned { value: Address::Usb { bus, .. }, .. }) => wanting.push((kind, index, Some(*bus))),
            Some(_) | None => wanting.push((kind, index, None)),
        }
    }
    let mut places = Vec::new();
    for (kind, index, wish) in wanting {
        let mut fitting = ports.iter_mut().filter(|(bus, _)| wish.is_none_or(|w| w == **bus));
        let found = fitting.find_map(|(bus, ports)| {
            let port = ports.first_free(broad)?;
            ports.take(*bus, &port, kind == Kind::Hub).ok().map(|()| (*bus, port))
        });
        if let Some((bus, port)) = found {
            places.push((kind, index, bus, port));
        } else {
            let origin = domain.devices.origin(kind, index).unwrap_or(domain.origin);
            let fault = Diagnostic::at(&codes::ADDRESS_CONFLICT, origin, "there is no free USB port for this device");
            faults.push(fault.help("add a USB controller, or set `ports` of one to a higher number").shared());
        }
    }
    (places, faults)
}

/// The USB buses, each with its number of ports (`virDomainUSBAddressControllerModelToPorts` in libvirt's
/// `src/conf/domain_addr.c`).
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
                | UsbModel::VtUhci
                | UsbModel::Qusb1
                | UsbModel::Qusb2,
            )
            | None => 2,
        };
        out.push((controller.index(), ports));
    }
    out.sort_by_key(|(bus, _)| *bus);
    out.dedup_by_key(|(bus, _)| *bus);
    out
}
