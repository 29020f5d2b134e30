//! Where a device goes that is attached: its controllers, ports, MAC and addresses in the running domain.

use virtc_diag::{Diagnostic, Diagnostics, Outcome, Span};

use super::{about_device, alias_of, complete_with, count_memory, settings};
use crate::codes;
use crate::define::controllers::add_controller;
use crate::define::{mmio, pci};
use crate::ir::{DefaultRule, Mac, OptExt, Spanned};
use crate::model::Domain;
use crate::model::Facts;
use crate::model::devices::address::Address;
use crate::model::devices::controller::{Controller, ControllerType};
use crate::model::devices::disk::{DiskBus, drive_address};
use crate::model::devices::{Device, Devices, Kind};

static CONTROLLER: DefaultRule = DefaultRule {
    name: "scsi-controller-hotplug",
    text: "a SCSI disk that is plugged in brings the controllers up to the one that its address names, of the model that the guest has already",
};

static CONSOLE: DefaultRule = DefaultRule {
    name: "console-port-hotplug",
    text: "a console that is plugged in gets the first free virtio-serial port",
};

/// A running domain with one more device, at its place.
pub(super) struct Placed {
    /// The domain.
    pub domain: Domain,
    /// The kind of the device.
    pub kind: Kind,
    /// Its index among those of its kind.
    pub index: usize,
    /// Its element.
    pub span: Span,
    /// The indexes of the controllers that came with it.
    pub added: Vec<usize>,
}

impl Placed {
    /// Puts the device of `devices` into `domain` and lets `define` find its place.
    pub fn put(mut domain: Domain, devices: Devices, (kind, span): (Kind, Span), facts: Facts<'_>) -> Outcome<Self> {
        let had: Vec<(ControllerType, u32)> = domain.devices.controllers.iter().map(id_of).collect();
        let index = domain.devices.adopt(devices, kind);
        let own = alias_of(&domain, kind, index);
        make_room(&mut domain, kind, index);
        complete_with(domain, facts, span).map(|domain| Self::find(domain, (kind, index, span), own.as_ref(), &had))
    }

    /// Finds the device, and the controllers that `had` does not have.
    fn find(
        domain: Domain,
        (kind, index, span): (Kind, usize, Span),
        own: Option<&String>,
        had: &[(ControllerType, u32)],
    ) -> Self {
        // It may have got another index among the others, which have names all but for controllers that came with it.
        let is_it = |(_, device): &(usize, &dyn Device)| {
            let fresh = device.origin().by_rule().is_none() && device.origin().span() == span;
            device.info().alias.as_ref().map(|a| &a.value) == own && (kind != Kind::Controller || fresh)
        };
        let index = domain.devices.of(kind).find(is_it).map_or(index, |(at, _)| at);
        let is_new =
            |(at, c): &(usize, &Controller)| (kind != Kind::Controller || *at != index) && !had.contains(&id_of(c));
        let added = domain.devices.controllers.iter().enumerate().filter(is_new).map(|(at, _)| at).collect();
        Self { domain, kind, index, span, added }
    }

    /// Gives a virtio device that `define` has put on virtio-mmio a place on PCI: what is attached goes there.
    pub fn move_to_pci(&mut self, findings: &mut Diagnostics) {
        if mmio::to_pci(&mut self.domain, self.kind, self.index) {
            let mut faults = Diagnostics::new();
            pci::assign(&mut self.domain, &mut |d| faults.push(d));
            findings.extend(about_device(faults, self.span));
        }
    }

    /// A device has its place where only such controllers came with it as a SCSI disk brings.
    pub fn fault(&self) -> Option<Diagnostic> {
        let controllers = &self.domain.devices.controllers;
        let is_scsi = |at: &usize| controllers.get(*at).is_some_and(|c| c.kind() == ControllerType::Scsi);
        (!self.added.iter().all(is_scsi)).then(|| {
            let message = "the running domain has no free place for the device: a controller would have to be added";
            let help = "define a spare `pcie-root-port`, or the controller, before the start";
            Diagnostic::at(&codes::ADDRESS_CONFLICT, self.span, message).help(help)
        })
    }
}

/// What a running domain gets for the device before `define` places it, where that differs from a start.
fn make_room(domain: &mut Domain, kind: Kind, index: usize) {
    count_memory(domain, kind, index, u64::saturating_add);
    if kind == Kind::Disk {
        settings::count_from_shown(domain, index);
        scsi_controllers(domain, index);
    } else if kind == Kind::Interface {
        free_mac(domain, index);
    } else if kind == Kind::Console {
        console_port(domain, index);
    }
}

fn id_of(controller: &Controller) -> (ControllerType, u32) {
    (controller.kind(), controller.index())
}

/// The controllers that a SCSI disk needs (`qemuDomainFindOrCreateSCSIDiskController` in libvirt's `src/qemu/qemu_hotplug.c`). Without one to
/// go by, `define` adds what is usual.
fn scsi_controllers(domain: &mut Domain, index: usize) {
    let Some(disk) = domain.devices.disks.get(index).filter(|d| d.bus.is(&DiskBus::Scsi)) else {
        return;
    };
    let address = disk.info.address.as_ref().map(|a| a.value.clone());
    let Some(Address::Drive { controller, .. }) = address.or_else(|| drive_address(DiskBus::Scsi, disk.target_index()))
    else {
        return;
    };
    let mut scsi = domain.devices.controllers.iter().filter(|c| c.kind() == ControllerType::Scsi);
    let Some(model) = scsi.next_back().and_then(|c| c.model.as_ref().map(|m| m.value.clone())) else { return };
    for number in 0..=controller.min(255) {
        let is_it = |c: &Controller| id_of(c) == (ControllerType::Scsi, number);
        if !domain.devices.controllers.iter().any(is_it) {
            let model = Some(Spanned::rule(model.clone(), &CONTROLLER, domain.origin));
            add_controller(
                domain,
                Controller {
                    model,
                    ..Controller::added(ControllerType::Scsi, number, domain.origin.with_rule(&CONTROLLER))
                },
            );
        }
    }
}

/// The first free port for a console, of which QEMU finds one at a start (`qemuDomainAttachChrDeviceAssignAddr` in libvirt's
/// `src/qemu/qemu_hotplug.c`).
fn console_port(domain: &mut Domain, index: usize) {
    let devices = &domain.devices;
    let infos = devices.channels.iter().map(Device::info).chain(devices.consoles.iter().map(Device::info));
    let taken: Vec<Address> = infos.filter_map(|i| i.address.as_ref().map(|a| a.value.clone())).collect();
    let controllers = devices.controllers.iter().filter(|c| c.kind() == ControllerType::VirtioSerial);
    let ports = controllers.flat_map(|c| (0..c.ports.get().unwrap_or(31)).map(|port| (c.index(), port)));
    let mut places = ports.map(|(controller, port)| Address::VirtioSerial { controller, bus: 0, port });
    let free = places.find(|place| !taken.contains(place));
    let own = domain.devices.consoles.get_mut(index).filter(|c| c.is_virtio() && c.info.address.is_none());
    if let Some((own, free)) = own.zip(free) {
        own.info.address = Some(Spanned::rule(free, &CONSOLE, domain.origin));
    }
}

/// A MAC that no other interface has: interfaces have come and gone, so that places say little.
fn free_mac(domain: &mut Domain, index: usize) {
    let uuid = domain.general.uuid.as_ref().map(|u| u.value.0).unwrap_or_default();
    let interfaces = &mut domain.devices.interfaces;
    let taken: Vec<Mac> = interfaces.iter().filter_map(|i| i.mac.get()).collect();
    let Some(own) = interfaces.get_mut(index).filter(|own| own.mac.is_none()) else { return };
    for place in index..=index + taken.len() {
        let mut trial = own.clone();
        trial.derive_ids(&uuid, place);
        if trial.mac.get().is_some_and(|mac| !taken.contains(&mac)) {
            *own = trial;
            return;
        }
    }
}
