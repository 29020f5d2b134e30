//! Ports of virtio-serial controllers.

use std::collections::{BTreeMap, BTreeSet};

use virtc_diag::Diagnostics;

use crate::codes::{self, Report as _};
use crate::define::controllers::ensure;
use crate::ir::{DefaultRule, OptExt, Spanned};
use crate::model::Domain;
use crate::model::devices::address::Address;
use crate::model::devices::controller::ControllerType;
use crate::model::devices::{BusSlot, Kind};

static SERIAL_PORT: DefaultRule = DefaultRule {
    name: "virtio-serial-port",
    text: "a channel gets the first free port of the first virtio-serial controller",
};

static SERIAL_ADDED: DefaultRule = DefaultRule {
    name: "virtio-serial-added",
    text: "a virtio-serial controller is added where all ports of the others are in use",
};

/// Assigns a port to each channel and virtio console.
pub fn assign(domain: &mut Domain, faults: &mut Diagnostics) {
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
                        let message = format!(
                            "port {port} of virtio-serial controller {controller} does not exist: it has {count} ports, from 0"
                        );
                        faults.add_with(
                            &codes::ADDRESS_CONFLICT,
                            origin,
                            message,
                            "remove the `<address>` to have a free port assigned",
                        );
                    } else if !taken.insert((*controller, *port)) {
                        let message = format!("port {port} of virtio-serial controller {controller} is in use");
                        faults.add_with(
                            &codes::ADDRESS_CONFLICT,
                            origin,
                            message,
                            "remove the `<address>` to have a free port assigned",
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
    // For a console at port 0, libvirt reserves a port of the first controller, which stays unused
    // (`virDomainVirtioSerialAddrAssign` in its `src/conf/domain_addr.c`).
    for origin in unseen {
        if let Some(place) = free.next(false, Some(0), &taken) {
            taken.insert(place);
        } else {
            let message = "virtio-serial controller 0 has no free port";
            faults.add_with(&codes::ADDRESS_CONFLICT, origin, message, "add `<controller type='virtio-serial'/>`");
        }
    }
    for (kind, index, zero, wish) in wanting {
        let place = free.next(zero, wish, &taken).or_else(|| {
            let wish = wish.is_none().then(|| free.add(domain));
            wish.and_then(|wish| free.next(zero, Some(wish), &taken))
        });
        let Some((controller, port)) = place else {
            let origin = domain.devices.origin(kind, index).unwrap_or(domain.origin);
            let message = "no virtio-serial controller has a free port";
            faults.add_with(&codes::ADDRESS_CONFLICT, origin, message, "add `<controller type='virtio-serial'/>`");
            continue;
        };
        taken.insert((controller, port));
        if let Some(info) = domain.devices.info_mut(kind, index) {
            info.address =
                Some(Spanned::rule(Address::VirtioSerial { controller, bus: 0, port }, &SERIAL_PORT, domain.origin));
        }
    }
}

/// The ports of the virtio-serial controllers: how many each has, and from which number on to look for a free one, for
/// devices that cannot have port 0 and for those that can.
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

/// The default number of ports of a virtio-serial controller.
const SERIAL_PORTS: u32 = 31;
