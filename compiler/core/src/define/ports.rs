//! Ports of virtio-serial and USB controllers.

use std::collections::BTreeSet;

use virtc_diag::Diagnostic;

use crate::codes;
use crate::devices::address::Address;
use crate::devices::controller::{ControllerType, UsbModel};
use crate::devices::hub::{self, Hub};
use crate::devices::{Kind, Needs};
use crate::domain::Domain;
use crate::ir::{OptExt, Rule, Spanned};

static SERIAL_PORT: Rule = Rule {
    name: "virtio-serial-port",
    text: "a channel gets the first free port of the first virtio-serial controller",
};
static USB_PORT: Rule =
    Rule { name: "usb-port", text: "a USB device gets the first free port of the first USB controller" };

static USB_HUB: Rule =
    Rule { name: "usb-hub-added", text: "a hub is added where the guest has more USB devices than ports" };

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

/// The kinds that may stand on a USB bus, in the order in which they get ports.
const ON_USB: &[Kind] = &[
    Kind::Hub,
    Kind::Disk,
    Kind::Hostdev,
    Kind::Interface,
    Kind::Controller,
    Kind::Input,
    Kind::Serial,
    Kind::Sound,
    Kind::Redirdev,
    Kind::Filesystem,
];

/// The USB devices of these kinds.
fn on_usb<'k>(domain: &Domain, kinds: &'k [Kind]) -> impl Iterator<Item = (Kind, usize)> + use<'k> {
    let mut out = Vec::new();
    for kind in kinds {
        let indexes =
            (0..domain.devices.count(*kind)).filter(|i| domain.devices.needs(*kind, *i, domain) == Needs::Usb);
        out.extend(indexes.map(|index| (*kind, index)));
    }
    out.into_iter()
}

/// Adds the hubs that a guest needs which has more USB devices than ports (`qemuDomainUSBAddressAddHubs` in libvirt's
/// `src/qemu/qemu_domain_address.c`).
pub fn usb_hubs(domain: &mut Domain) {
    let available: usize = buses(domain).iter().map(|(_, n)| *n as usize).sum();
    let available = available + domain.devices.hubs.len() * hub::PORTS as usize;
    let needed = on_usb(domain, ON_USB).count();
    if available == 0 || needed <= available {
        return;
    }
    // Each hub takes a port for itself.
    for _ in 0..(needed - available + 1).div_ceil(hub::PORTS as usize - 1) {
        domain.devices.hubs.push(Hub::added(&USB_HUB));
    }
}

/// The ports of all USB buses.
struct UsbPorts {
    buses: Vec<(u32, u32)>,
    hubs: BTreeSet<(u32, String)>,
    taken: BTreeSet<(u32, String)>,
}

impl UsbPorts {
    /// Takes a port that the definition names.
    fn take(&mut self, bus: u32, port: &str) -> Result<(), String> {
        let root = self.buses.iter().find(|(b, _)| *b == bus).map(|(_, n)| *n);
        let Some(mut ports) = root else { return Ok(()) };
        let path: Vec<&str> = port.split('.').collect();
        for (depth, step) in path.iter().enumerate() {
            let number: u32 = step.parse().unwrap_or(0);
            let above = path.get(..depth).unwrap_or_default().join(".");
            if depth > 0 && !self.hubs.contains(&(bus, above.clone())) {
                return Err(format!("there is no hub at port {above} of USB bus {bus}"));
            }
            if number == 0 || number > ports {
                return Err(format!("USB bus {bus} has no port {port}"));
            }
            ports = hub::PORTS;
        }
        if self.taken.insert((bus, port.to_owned())) {
            Ok(())
        } else {
            Err(format!("port {port} of USB bus {bus} is in use already"))
        }
    }

    /// The first free port of the first bus that has one, or of the bus that is wished for. A bus's own ports come before those of its hubs.
    fn free(&self, wish: Option<u32>) -> Option<(u32, String)> {
        self.buses.iter().filter(|(b, _)| wish.is_none_or(|w| w == *b)).find_map(|(bus, ports)| {
            let own = (1..=*ports).map(|p| p.to_string());
            let hubs = self.hubs.iter().filter(|(b, _)| b == bus);
            let behind = hubs.flat_map(|(_, hub)| (1..=hub::PORTS).map(move |p| format!("{hub}.{p}")));
            own.chain(behind).map(|port| (*bus, port)).find(|place| !self.taken.contains(place))
        })
    }
}

/// Gives USB devices a port each.
pub fn usb(domain: &mut Domain, report: &mut dyn FnMut(Diagnostic)) {
    let mut ports = UsbPorts { buses: buses(domain), hubs: BTreeSet::new(), taken: BTreeSet::new() };
    let mut wanting = Vec::new();
    for (kind, index) in on_usb(domain, ON_USB) {
        let Some(info) = domain.devices.info(kind, index) else { continue };
        match &info.address {
            Some(Spanned { value: Address::Usb { bus, port }, origin }) if !port.is_empty() => {
                if let Err(message) = ports.take(*bus, port) {
                    report(Diagnostic::new(&codes::ADDRESS_CONFLICT, origin.span().unwrap_or_default(), message));
                } else if kind == Kind::Hub {
                    ports.hubs.insert((*bus, port.clone()));
                }
            }
            Some(Spanned { value: Address::Usb { bus, .. }, .. }) => wanting.push((kind, index, Some(*bus))),
            Some(_) | None => wanting.push((kind, index, None)),
        }
    }
    for (kind, index, wish) in wanting {
        let Some((bus, port)) = ports.free(wish) else {
            let span = domain.origin.span().unwrap_or_default();
            let message = format!("no USB port is free for this `<{}>`", kind.element());
            report(
                Diagnostic::new(&codes::ADDRESS_CONFLICT, span, message)
                    .help("add a USB controller, or one with more ports"),
            );
            continue;
        };
        ports.taken.insert((bus, port.clone()));
        if kind == Kind::Hub {
            ports.hubs.insert((bus, port.clone()));
        }
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
