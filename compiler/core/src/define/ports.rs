//! Ports of virtio-serial and USB controllers.

use std::collections::{BTreeMap, BTreeSet};

use virtc_diag::Diagnostic;

use crate::codes;
use crate::define::controllers::ensure;
use crate::define::usb::Ports;
use crate::ir::{DefaultRule, OptExt, Spanned};
use crate::model::Domain;
use crate::model::devices::address::Address;
use crate::model::devices::controller::{ControllerType, UsbModel};
use crate::model::devices::hub::{self, Hub};
use crate::model::devices::{BusSlot, Device, Kind};

static SERIAL_PORT: DefaultRule = DefaultRule {
    name: "virtio-serial-port",
    text: "a channel gets the first free port of the first virtio-serial controller",
};
static USB_PORT: DefaultRule =
    DefaultRule { name: "usb-port", text: "a USB device gets the first free port of the first USB controller" };

static SERIAL_ADDED: DefaultRule = DefaultRule {
    name: "virtio-serial-added",
    text: "a virtio-serial controller is added where the ports of the others are in use",
};
static USB_HUB: DefaultRule =
    DefaultRule { name: "usb-hub-added", text: "a hub is added where the guest has more USB devices than ports" };

/// Gives channels and virtio consoles a port each.
pub fn virtio_serial(domain: &mut Domain, report: &mut dyn FnMut(Diagnostic)) {
    let mut taken = BTreeSet::new();
    let (mut wanting, mut unseen) = (Vec::new(), Vec::new());
    for kind in [Kind::Console, Kind::Channel] {
        for (index, device) in domain.devices.of(kind) {
            let BusSlot::VirtioSerial(zero) = device.bus_slot(domain) else { continue };
            match &device.info().address {
                Some(Spanned { value: Address::VirtioSerial { port: 0, .. }, origin }) if zero => unseen.push(*origin),
                Some(Spanned { value: Address::VirtioSerial { controller, port: port @ 1.., .. }, origin }) => {
                    let own = domain.devices.controller(ControllerType::VirtioSerial, *controller);
                    let count = own.map_or(SERIAL_PORTS, |own| own.ports.get().unwrap_or(SERIAL_PORTS));
                    if *port >= count {
                        let message = format!("virtio-serial controller {controller} has {count} ports, from 0 on");
                        report(
                            Diagnostic::at(&codes::ADDRESS_CONFLICT, origin, message)
                                .help("remove the `<address>` to have a free port assigned"),
                        );
                    } else if !taken.insert((*controller, *port)) {
                        let message = format!("port {port} of virtio-serial controller {controller} is in use already");
                        report(
                            Diagnostic::at(&codes::ADDRESS_CONFLICT, origin, message)
                                .help("remove the `<address>` to have a free port assigned"),
                        );
                    }
                }
                Some(Spanned { value: Address::VirtioSerial { controller, .. }, .. }) => {
                    wanting.push((kind, index, zero, Some(*controller)));
                }
                Some(_) | None => wanting.push((kind, index, zero, None)),
            }
        }
    }
    let mut free = SerialPorts::new(domain);
    // For a console at port 0, libvirt sets a port of the first controller aside, which nobody gets
    // (`virDomainVirtioSerialAddrAssign` in its `src/conf/domain_addr.c`).
    for origin in unseen {
        if let Some(place) = free.next(false, Some(0), &taken) {
            taken.insert(place);
        } else {
            let message = "virtio-serial controller 0 has no free port";
            report(
                Diagnostic::at(&codes::ADDRESS_CONFLICT, origin, message)
                    .help("add `<controller type='virtio-serial'/>`"),
            );
        }
    }
    for (kind, index, zero, wish) in wanting {
        let place = free.next(zero, wish, &taken).or_else(|| {
            let wish = wish.is_none().then(|| free.add(domain));
            wish.and_then(|wish| free.next(zero, Some(wish), &taken))
        });
        let Some((controller, port)) = place else {
            let span = domain.devices.origin(kind, index).unwrap_or(domain.origin).span();
            report(
                Diagnostic::at(&codes::ADDRESS_CONFLICT, span, "no port of a virtio-serial controller is free")
                    .help("add `<controller type='virtio-serial'/>`"),
            );
            continue;
        };
        taken.insert((controller, port));
        if let Some(info) = domain.devices.info_mut(kind, index) {
            info.address =
                Some(Spanned::rule(Address::VirtioSerial { controller, bus: 0, port }, &SERIAL_PORT, domain.origin));
        }
    }
}

/// The ports of the virtio-serial controllers: how many each has, and from which on one may be free, for devices that may take port 0 and
/// for others.
struct SerialPorts(BTreeMap<u32, (u32, [u32; 2])>);

impl SerialPorts {
    fn new(domain: &Domain) -> Self {
        let own = domain.devices.controllers.iter().filter(|c| c.kind() == ControllerType::VirtioSerial);
        Self(own.map(|c| (c.index(), (c.ports.get().unwrap_or(SERIAL_PORTS), [1, 0]))).collect())
    }

    /// The first free port.
    fn next(&mut self, zero: bool, wish: Option<u32>, taken: &BTreeSet<(u32, u32)>) -> Option<(u32, u32)> {
        let mut fitting = self.0.iter_mut().filter(|(index, _)| wish.is_none_or(|w| w == **index));
        fitting.find_map(|(index, (count, from))| {
            let [others, any] = from;
            let from = if zero { any } else { others };
            while taken.contains(&(*index, *from)) {
                *from += 1;
            }
            (*from < *count).then_some((*index, *from))
        })
    }

    /// Adds a controller (`virDomainVirtioSerialAddrSetAutoaddController` in libvirt's `src/conf/domain_addr.c`).
    fn add(&mut self, domain: &mut Domain) -> u32 {
        let index = (0..u32::MAX).find(|index| !self.0.contains_key(index)).unwrap_or(0);
        ensure(domain, ControllerType::VirtioSerial, index, domain.origin.with_rule(&SERIAL_ADDED));
        self.0.insert(index, (SERIAL_PORTS, [1, 0]));
        index
    }
}

/// The ports of a virtio-serial controller unless it says how many.
const SERIAL_PORTS: u32 = 31;

/// The USB devices, in the order in which they get ports.
fn on_usb(domain: &Domain) -> impl Iterator<Item = (Kind, usize, &dyn Device)> {
    let of = |kind| domain.devices.of(kind).map(move |(index, device)| (kind, index, device));
    let all = Kind::in_usb_order().into_iter().flat_map(of);
    all.filter(|(_, _, device)| device.bus_slot(domain) == BusSlot::Usb)
}

/// Adds the hubs that a guest needs which has more USB devices than ports (`qemuDomainUSBAddressAddHubs` in libvirt's
/// `src/qemu/qemu_domain_address.c`).
pub fn usb_hubs(domain: &mut Domain) {
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

/// Gives USB devices a port each. Where libvirt's order, which goes as deep as it can, leaves a device without a port, short paths come first.
pub fn usb(domain: &mut Domain, report: &mut dyn FnMut(Diagnostic)) {
    let places = match usb_places(domain, false) {
        (places, faults) if faults.is_empty() => places,
        _ => {
            let (places, faults) = usb_places(domain, true);
            faults.into_iter().for_each(report);
            places
        }
    };
    for (kind, index, bus, port) in places {
        if let Some(info) = domain.devices.info_mut(kind, index) {
            info.address = Some(Spanned::rule(Address::Usb { bus, port }, &USB_PORT, domain.origin));
        }
    }
}

/// Says which of the ports that the definition names do not exist or are named twice.
pub fn usb_given(domain: &Domain, report: &mut dyn FnMut(Diagnostic)) {
    let mut ports: BTreeMap<u32, Ports> =
        buses(domain).into_iter().map(|(bus, count)| (bus, Ports::new(count))).collect();
    for (kind, _, device) in on_usb(domain) {
        let Some(Spanned { value: Address::Usb { bus, port }, origin }) = &device.info().address else { continue };
        let Some(ports) = ports.get_mut(bus).filter(|_| !port.is_empty()) else { continue };
        if let Err(message) = ports.take(*bus, port, kind == Kind::Hub) {
            let fault = Diagnostic::at(&codes::ADDRESS_CONFLICT, origin, message);
            report(fault.help("remove the `<address>` to have a free port assigned"));
        }
    }
}

/// A device with its bus and port.
type UsbPlace = (Kind, usize, u32, String);

fn usb_places(domain: &Domain, broad: bool) -> (Vec<UsbPlace>, Vec<Diagnostic>) {
    let mut faults = Vec::new();
    let mut ports: BTreeMap<u32, Ports> =
        buses(domain).into_iter().map(|(bus, count)| (bus, Ports::new(count))).collect();
    let mut wanting = Vec::new();
    for (kind, index, device) in on_usb(domain) {
        match &device.info().address {
            Some(Spanned { value: Address::Usb { bus, port }, .. }) if !port.is_empty() => {
                let Some(ports) = ports.get_mut(bus) else { continue };
                // What cannot be taken was said when the definition was filled in.
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
            let fault =
                Diagnostic::at(&codes::ADDRESS_CONFLICT, origin, "no USB port is free for this device").shared();
            faults.push(fault.help("add a USB controller, or one with more ports"));
        }
    }
    (places, faults)
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
