//! Addresses of SCSI `<hostdev>`s, and the controllers that they need.

use crate::define::controllers::add_controller;
use crate::ir::{DefaultRule, OptExt, Spanned};
use crate::model::Domain;
use crate::model::devices::address::Address;
use crate::model::devices::controller::{Controller, ControllerType};
use crate::model::devices::disk::DiskBus;

static PLACE: DefaultRule = DefaultRule {
    name: "hostdev-scsi-address",
    text: "a SCSI `<hostdev>` gets the first free of the 7 units of the first SCSI controller that has one",
};
static CONTROLLER: DefaultRule =
    DefaultRule { name: "hostdev-scsi-controller", text: "a SCSI controller is added for a SCSI `<hostdev>` on it" };

/// How many units of a controller are assigned.
const UNITS: u32 = 7;

/// The addresses on SCSI controllers that are in use.
fn taken(domain: &Domain) -> Vec<(u32, u32, u32, u32)> {
    let disks = domain.devices.disks.iter().filter(|d| d.bus.is(&DiskBus::Scsi)).map(|d| &d.info);
    let hostdevs = domain.devices.hostdevs.iter().filter(|h| h.scsi().is_some()).map(|h| &h.info);
    let place = |info: &crate::model::devices::Info| match &info.address {
        Some(Spanned { value: Address::Drive { controller, bus, target, unit }, .. }) => {
            Some((*controller, *bus, *target, *unit))
        }
        Some(_) | None => None,
    };
    disks.chain(hostdevs).filter_map(place).collect()
}

/// Assigns an address to each SCSI `<hostdev>` (`virDomainHostdevAssignAddress` in libvirt's
/// `src/conf/domain_postparse.c`).
pub fn assign(domain: &mut Domain) {
    for at in 0..domain.devices.hostdevs.len() {
        let wants = domain.devices.hostdevs.get(at).is_some_and(|h| h.scsi().is_some() && h.info.address.is_none());
        if !wants {
            continue;
        }
        let taken = taken(domain);
        let mut places = (0..u32::MAX).flat_map(|controller| (0..UNITS).map(move |unit| (controller, unit)));
        let free = places.find(|(controller, unit)| !taken.contains(&(*controller, 0, 0, *unit)));
        let (Some((controller, unit)), Some(device)) = (free, domain.devices.hostdevs.get_mut(at)) else { continue };
        let address = Address::Drive { controller, bus: 0, target: 0, unit };
        device.info.address = Some(Spanned::rule(address, &PLACE, device.origin));
    }
}

/// Adds the controllers in addresses of SCSI `<hostdev>`s, with the model of those that exist
/// (`virDomainDefMaybeAddHostdevSCSIcontroller` in libvirt's `src/conf/domain_postparse.c`).
///
/// This happens when the devices are read, before those of the machine type are added, and again when all addresses are
/// known.
pub fn controllers(domain: &mut Domain) {
    let (mut highest, mut model) = (None, None);
    for device in domain.devices.hostdevs.iter().filter(|h| h.scsi().is_some()) {
        let controller = match device.info.address {
            Some(Spanned { value: Address::Drive { controller, .. }, .. }) => controller,
            Some(_) | None => 0,
        };
        if highest.is_none_or(|highest| controller > highest) {
            highest = Some(controller);
            let own = |c: &&Controller| c.kind() == ControllerType::Scsi && c.index.is(&controller);
            let found = domain.devices.controllers.iter().find(own).and_then(|c| c.model.clone());
            model = found.or(model);
        }
    }
    let Some(highest) = highest else { return };
    for index in 0..=highest.min(255) {
        let own = |c: &Controller| c.kind() == ControllerType::Scsi && c.index.is(&index);
        if !domain.devices.controllers.iter().any(own) {
            let model = model.as_ref().map(|m| Spanned::rule(m.value.clone(), &CONTROLLER, domain.origin));
            let added = Controller::added(ControllerType::Scsi, index, domain.origin.with_rule(&CONTROLLER));
            add_controller(domain, Controller { model, ..added });
        }
    }
}
