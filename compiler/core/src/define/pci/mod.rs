//! PCI addresses: which device is where, and which bridges and root ports are added for it.
//!
//! The order and the rules are libvirt's (`qemuDomainAssignPCIAddresses` in its `src/qemu/qemu_domain_address.c)`: a first pass finds out which
//! buses are needed, a second one assigns.

mod bus;
mod chipset;
mod companion;
mod expander;
mod named;
mod room;

use std::collections::BTreeSet;

use virtc_diag::{Diagnostic, Diagnostics};

use crate::define::controllers::add_controller;
use crate::ir::{DefaultRule, Opt, Spanned, Switch};
use crate::model::Domain;
use crate::model::devices::address::{Address, is_wanted, pci};
use crate::model::devices::controller::{Controller, PciModel};
use crate::model::devices::interface::InterfaceType;
use crate::model::devices::{BusSlot, Kind, PciAddress};

pub use bus::Buses;

use crate::model::slot::{Connect, PCI_DEVICE, PCIE_DEVICE};

static ASSIGNED: DefaultRule = DefaultRule {
    name: "pci-address",
    text: "a device without a PCI address gets the first free slot of the first bus that suits it",
};
static BUS_ADDED: DefaultRule = DefaultRule {
    name: "pci-bus-added",
    text: "a bridge or root port is added where the buses have no slot for a device",
};
static MULTIFUNCTION: DefaultRule = DefaultRule {
    name: "pci-multifunction",
    text: "function 0 says that its slot has more functions where other functions are in use",
};

/// Gives every PCI device an address.
pub fn assign(domain: &mut Domain, report: &mut dyn FnMut(Diagnostic)) {
    let Some(max_index) = domain.devices.controllers.iter().filter(|c| c.is_pci()).map(Controller::index).max() else {
        return room::no_bus(domain, report);
    };
    if !room::has_root(domain) {
        // That has been said, and without its root nothing finds a place.
        return;
    }
    let mut faults = Vec::new();
    let mut first = Pass::new(domain, true, &mut faults);
    let had = usize::try_from(max_index).map_or(usize::MAX, |max| max.saturating_add(1));
    first.chipset();
    if first.buses.iter().any(|(_, bus)| !bus.is_full())
        && first.buses.get(0).is_some_and(|b| b.model == PciModel::PciRoot)
    {
        // One slot is kept for a bridge, so that more devices than slots can be added later.
        first.reserve(PCI_DEVICE);
    }
    first.devices();
    let buses = &mut first.buses;
    let root_is_pcie = buses.get(0).is_some_and(|b| b.model == PciModel::PcieRoot);
    if max_index == 0 && buses.len() > had && root_is_pcie {
        // A definition that leaves its buses to libvirt gets one spare port for hotplug.
        first.reserve(PCIE_DEVICE);
    }
    let there: BTreeSet<u32> =
        first.domain.devices.controllers.iter().filter(|c| c.is_pci()).map(Controller::index).collect();
    let mut added: Vec<(u8, PciModel)> = Vec::new();
    let mut next = 0;
    // An added bus needs a place itself, for which another one may have to be added.
    while let Ok(index) = u8::try_from(next) {
        if next >= first.buses.len() {
            break;
        }
        if let Some(model) = first.buses.get(index).map(|b| b.model).filter(|_| !there.contains(&index.into())) {
            added.push((index, model));
            // The port of a `pcie-to-pci-bridge` was added with it.
            if let Some(flags) = Connect::of(model).filter(|f| !f.has(Connect::PCIE_TO_PCI)) {
                first.reserve(flags);
            }
        }
        next += 1;
    }
    first.undo();
    let found = std::mem::take(&mut faults);
    for (index, model) in added {
        add_controller(domain, Controller::pci(u32::from(index), model, domain.origin.with_rule(&BUS_ADDED)));
    }
    let mut second = Pass::new(domain, false, &mut faults);
    second.chipset();
    second.devices();
    let buses = second.buses;
    // What the first pass found, the second one finds again, unless a bus was added since for something else: libvirt looks no further.
    if faults.is_empty() {
        faults = found;
    }
    multifunction(domain, &buses);
    for controller in domain.devices.controllers.iter_mut().filter(|c| c.is_pci()) {
        controller.define_pci();
    }
    expander::number(domain, &mut faults);
    expander::behind(domain, &mut faults);
    // What several devices do not find has one cause.
    faults.into_iter().collect::<Diagnostics>().into_iter().for_each(report);
}

/// One pass over all devices; what the first, dry one assigns is taken back.
struct Pass<'f> {
    domain: &'f mut Domain,
    buses: Buses,
    dry: bool,
    faults: &'f mut Vec<Diagnostic>,
    /// The addresses that were there before, in the order in which they were replaced.
    before: Vec<(Kind, usize, Opt<Address>)>,
}

impl<'f> Pass<'f> {
    fn new(domain: &'f mut Domain, dry: bool, faults: &'f mut Vec<Diagnostic>) -> Self {
        let mut buses = Buses::default();
        for controller in domain.devices.controllers.iter().filter(|c| c.is_pci()) {
            if let (Ok(index), Some(model)) = (usize::try_from(controller.index()), controller.pci_model()) {
                buses.set(index.min(255), model);
            }
        }
        if dry {
            buses.fill();
        }
        let mut pass = Self { domain, buses, dry, faults, before: Vec::new() };
        pass.collect();
        pass
    }

    /// Takes a free place, and adds a bus for it in the first pass.
    fn reserve(&mut self, flags: Connect) -> Option<PciAddress> {
        self.reserve_function(flags, None)
    }

    fn reserve_function(&mut self, flags: Connect, function: Option<u8>) -> Option<PciAddress> {
        let mut found = self.buses.free(flags, function);
        if found.is_none() && self.dry && self.buses.grow(flags) {
            found = self.buses.free(flags, function);
        }
        let at = found?;
        self.buses.take(at, flags.has(Connect::AGGREGATE));
        Some(at)
    }

    /// Takes back every address that this pass assigned.
    fn undo(&mut self) {
        for (kind, index, address) in self.before.drain(..).rev() {
            if let Some(info) = self.domain.devices.info_mut(kind, index) {
                info.address = address;
            }
        }
    }

    fn place(&mut self, kind: Kind, index: usize, at: PciAddress, rule: &'static DefaultRule) {
        let origin = self.domain.devices.origin(kind, index).unwrap_or(self.domain.origin);
        if let Some(info) = self.domain.devices.info_mut(kind, index) {
            if self.dry {
                self.before.push((kind, index, info.address.clone()));
            }
            // What an address without a place says of other functions goes with it.
            info.address = Some(Spanned::rule(Address::Pci { address: at, multifunction: None }, rule, origin));
        }
    }

    /// Whether the device still lacks an address.
    fn wants(&self, kind: Kind, index: usize) -> bool {
        let address = self.domain.devices.info(kind, index).map(|i| &i.address);
        address.is_some_and(|a| a.is_none() || pci(a).is_some_and(|(at, _)| is_wanted(at)))
    }

    /// Gives addresses to all devices that have none.
    fn devices(&mut self) {
        for index in 0..self.domain.devices.controllers.len() {
            let is_pci = self.domain.devices.controllers.get(index).is_some_and(Controller::is_pci);
            if is_pci {
                self.device(Kind::Controller, index);
            }
        }
        for kind in Kind::in_pci_order().iter().copied() {
            if kind == Kind::Hostdev {
                self.interfaces(true);
            }
            if kind == Kind::Interface {
                self.interfaces(false);
                continue;
            }
            for index in 0..self.domain.devices.count(kind) {
                let is_bus = self.domain.devices.controllers.get(index).is_some_and(Controller::is_pci);
                if kind == Kind::Controller && (is_bus || self.companion(index)) {
                    continue;
                }
                self.device(kind, index);
            }
        }
    }

    /// The interfaces that are devices of the host, which come with other such devices, or the others.
    fn interfaces(&mut self, host: bool) {
        for index in 0..self.domain.devices.interfaces.len() {
            let own = self.domain.devices.interfaces.get(index).map(|i| i.kind.value == InterfaceType::Hostdev);
            if own == Some(host) {
                self.device(Kind::Interface, index);
            }
        }
    }

    fn device(&mut self, kind: Kind, index: usize) {
        let Some(device) = self.domain.devices.get(kind, index) else { return };
        let BusSlot::Pci(flags) = device.bus_slot(self.domain) else { return };
        if !self.wants(kind, index) {
            return;
        }
        if let Some(at) = self.reserve(flags) {
            self.place(kind, index, at, &ASSIGNED);
        } else {
            let fault = room::none(self, kind, index, flags);
            self.faults.extend(fault);
        }
    }
}

/// Function 0 says so where its slot has more functions in use.
fn multifunction(domain: &mut Domain, buses: &Buses) {
    domain.devices.for_each_mut(|_, _, device| {
        let origin = device.origin();
        let Some(Spanned { value: Address::Pci { address: at, multifunction }, .. }) = &mut device.info_mut().address
        else {
            return;
        };
        let more = (1..8).any(|f| buses.get(at.bus()).is_some_and(|b| b.in_use(at.slot(), f)));
        if at.function() == 0 && !is_wanted(*at) && more {
            multifunction.get_or_insert(Spanned::rule(Switch::On, &MULTIFUNCTION, origin));
        }
    });
}
