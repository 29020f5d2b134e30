//! What libvirt refuses when it sees the whole definition.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use virtc_diag::{Diagnostic, Diagnostics, Safety, Span};

use crate::codes;
use crate::define::{common, mmio, unique, usb_buses};
use crate::ir::{OptExt, Origin, Spanned};
use crate::model::Domain;
use crate::model::devices::address::Address;
use crate::model::devices::controller::{Controller, ControllerType, PciModel, ScsiModel};
use crate::model::devices::disk::check_groups;
use crate::model::devices::hostdev::Hostdev;
use crate::model::devices::interface::Interface;
use crate::model::devices::{BusSlot, Kind, PciAddress};

/// Checks the rules that concern more than one device.
pub fn check(domain: &Domain, faults: &mut Diagnostics) {
    addresses(domain, faults);
    drives(domain, faults);
    targets(domain, faults);
    check_groups(domain, faults);
    roots(domain, faults);
    controllers(domain, faults);
    usb_buses::check(domain, faults);
    host_functions(domain, faults);
    common::check(domain, faults);
    unique::check(domain, faults);
    kinds(domain, faults);
}

/// Lets each device check itself among the others, unless it lacks something: more faults would follow from that one.
fn kinds(domain: &Domain, faults: &mut Diagnostics) {
    let is_incomplete = |fault: &&Diagnostic| fault.code == &codes::MISSING || fault.code == &codes::BAD_VALUE;
    let incomplete: Vec<Span> = faults.iter().filter(is_incomplete).filter_map(|fault| fault.span).collect();
    for (_, _, device) in domain.devices.iter() {
        let own = Some(device.origin()).filter(|origin| origin.by_rule().is_none());
        if !own.is_some_and(|own| incomplete.iter().any(|place| own.span().contains(*place))) {
            device.check(domain, faults);
        }
    }
}

fn conflict(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::at(&codes::ADDRESS_CONFLICT, span, message)
}

/// An address is of the kind that the device's bus has, and within the bus's numbers.
fn addresses(domain: &Domain, faults: &mut Diagnostics) {
    let spapr_vio = |kind, index: usize| {
        kind == Kind::Controller
            && domain.devices.controllers.get(index).and_then(Controller::scsi_model) == Some(ScsiModel::Ibmvscsi)
    };
    for (kind, index, device) in domain.devices.iter() {
        let Some(Spanned { value: address, origin }) = &device.info().address else { continue };
        let span = origin.span();
        let needs = device.bus_slot(domain);
        if *address == Address::VirtioMmio && domain.os.arch().is_x86() {
            let message = "an `<address>` of type `virtio-mmio` exists on Arm machines only";
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message);
            faults.push(fault.help("remove the `<address>` to have one assigned"));
            continue;
        }
        let fits = match (needs, address) {
            (_, Address::VirtioMmio) => mmio::allows(domain, device),
            (BusSlot::Pci(_), Address::Pci { .. })
            | (BusSlot::Usb, Address::Usb { .. })
            | (BusSlot::VirtioSerial(_), Address::VirtioSerial { .. }) => true,
            (BusSlot::Pci(_) | BusSlot::Usb | BusSlot::VirtioSerial(_), _)
            | (BusSlot::Nothing, Address::Foreign(_)) => false,
            (BusSlot::Nothing, Address::SpaprVio { .. }) => spapr_vio(kind, index),
            (BusSlot::Nothing, Address::Unassigned) => kind == Kind::Hostdev,
            (BusSlot::Nothing, address) => kind != Kind::Disk || matches!(address, Address::Drive { .. }),
        };
        if !fits {
            let message = format!("this `<{}>` cannot have an `<address>` of this type", kind.element());
            faults.push(conflict(span, message).help("remove the `<address>` to have one assigned"));
        }
    }
}

const REMOVE: &str = "remove the `<address>` to have a free one assigned";
const ONE_SCSI_BUS: &str = "a SCSI controller has one bus";
const NO_TARGETS: &str = "a SCSI controller of this model has no targets, only units";

/// No two drives are at one place, and each place exists on its controller.
fn drives(domain: &Domain, faults: &mut Diagnostics) {
    let mut taken: BTreeMap<(ControllerType, u32, u32, u32, u32), Origin> = BTreeMap::new();
    for disk in &domain.devices.disks {
        let (Some(kind), Some(at)) = (disk.controller_type(), &disk.info.address) else { continue };
        let Address::Drive { controller, bus, target, unit } = at.value else { continue };
        let span = at.origin.span();
        let narrow = disk.is_narrow(domain);
        let fault = match kind {
            ControllerType::Fdc if controller > 0 || bus > 0 || target > 0 => {
                Some("a guest has one floppy controller, with one bus and no targets")
            }
            // libvirt leaves the bus and the unit to QEMU.
            ControllerType::Ide if target > 0 => Some("an IDE controller has no targets"),
            ControllerType::Sata if target > 0 || bus > 0 => Some("a SATA controller has one bus and no targets"),
            ControllerType::Scsi if bus > 0 => Some(ONE_SCSI_BUS),
            ControllerType::Scsi if narrow && target > 0 => Some(NO_TARGETS),
            ControllerType::Ide
            | ControllerType::Fdc
            | ControllerType::Scsi
            | ControllerType::Sata
            | ControllerType::VirtioSerial
            | ControllerType::Usb
            | ControllerType::Pci
            | ControllerType::Ccid
            | ControllerType::Isa
            | ControllerType::Xenbus => None,
        };
        if let Some(message) = fault {
            faults.push(conflict(span, message).help(REMOVE));
        }
        match taken.insert((kind, controller, bus, target, unit), at.origin) {
            None => {}
            Some(first) => {
                let conflict = conflict(span, "another disk has this address").help(REMOVE);
                faults.push(match first {
                    Origin::Xml(first) => conflict.label(first, "the other disk's address"),
                    Origin::Rule(_, first) => {
                        conflict.label(first, "the other disk has it from the name of its target")
                    }
                });
            }
        }
    }
    for device in domain.devices.hostdevs.iter().filter(|h| h.scsi().is_some()) {
        let Some(at) = &device.info.address else { continue };
        let Address::Drive { controller, bus, target, unit } = at.value else { continue };
        let model = domain.devices.controller(ControllerType::Scsi, controller).and_then(Controller::scsi_model);
        let fault = match model {
            _ if bus > 0 => Some(ONE_SCSI_BUS),
            Some(ScsiModel::Lsilogic) if target > 0 => Some(NO_TARGETS),
            _ => None,
        };
        if let Some(message) = fault {
            faults.push(conflict(at.origin.span(), message).help(REMOVE));
        }
        if let Some(first) = taken.insert((ControllerType::Scsi, controller, bus, target, unit), at.origin) {
            let span = at.origin.span();
            let conflict = conflict(span, "another SCSI device has this address").help(REMOVE);
            faults.push(conflict.label(first.span(), "the other device's address"));
        }
    }
}

/// No two disks have one target.
fn targets(domain: &Domain, faults: &mut Diagnostics) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for target in domain.devices.disks.iter().filter_map(|d| d.target.as_ref()) {
        if let Some(first) = seen.insert(&target.value, target.origin.span()) {
            let message = format!("two disks have the target `{}`", target.value);
            let fault = Diagnostic::at(&codes::CONFLICT, target.origin, message);
            let free = free_target(domain, &target.value);
            faults.push(fault.label(first, "the other one").help(free));
        }
    }
}

/// What to write for a target that is taken: the first free name of the same kind.
fn free_target(domain: &Domain, taken: &str) -> String {
    let prefix = taken.get(..2).unwrap_or("vd");
    let mut names = (b'a'..=b'z').map(|letter| format!("{prefix}{}", char::from(letter)));
    let free = names.find(|name| !domain.devices.disks.iter().any(|disk| disk.target.is(name)));
    free.map(|name| format!("write `dev='{name}'`")).unwrap_or_default()
}

/// The root bus is the one that the machine type has, with index 0 and without an address.
fn roots(domain: &Domain, faults: &mut Diagnostics) {
    let Some(expected) = domain.os.family().root() else { return };
    for controller in domain.devices.controllers.iter().filter(|c| c.is_pci()) {
        let span = controller.model.origin_or(controller.origin).span();
        let is_root = matches!(controller.pci_model(), Some(PciModel::PciRoot | PciModel::PcieRoot));
        if is_root && controller.pci_model() != Some(expected) {
            let machine = domain.os.machine_name();
            let message = format!("the root bus of machine type `{machine}` is `{}`", expected.word());
            let help = format!("write `model='{}'`, or remove the controller", expected.word());
            let fault = Diagnostic::at(&codes::CONFLICT, span, message).help(help);
            let fault = match &domain.os.machine {
                Some(machine) if machine.origin.by_rule().is_none() => {
                    fault.label(machine.origin.span(), "the machine type")
                }
                Some(_) | None => fault,
            };
            faults.push(fault.fix(Safety::Unsafe, format!("write `{}`", expected.word()), span, expected.word()));
        } else if is_root && controller.index() != 0 {
            let span = controller.index.origin_or(controller.origin).span();
            let fault = Diagnostic::at(&codes::CONFLICT, span, "the root bus has the index 0");
            faults.push(fault.help("write `index='0'`"));
        } else if !is_root && controller.index() == 0 {
            let message = format!("PCI controller 0 is the root bus, so its model is `{}`", expected.word());
            let fault = Diagnostic::at(&codes::CONFLICT, span, message);
            let is_named = controller.index.as_ref().is_some_and(|index| index.origin.by_rule().is_none());
            faults.push(fault.help(if is_named {
                "write another `index`, such as `index='1'`"
            } else {
                "give it an index: the first PCI controller without one is controller 0"
            }));
        }
        if let (true, Some(address)) = (is_root, &controller.info.address) {
            let fault = conflict(address.origin.span(), "the root bus has no address");
            faults.push(fault.help("remove the `<address>`"));
        }
    }
}

/// No two controllers of one type have one index, but for the parts of a USB controller (`virDomainDefRejectDuplicateControllers` in libvirt's
/// `src/conf/domain_validate.c`).
fn controllers(domain: &Domain, faults: &mut Diagnostics) {
    let mut seen: BTreeMap<(ControllerType, u32), Origin> = BTreeMap::new();
    for controller in domain.devices.controllers.iter().filter(|c| c.kind() != ControllerType::Usb) {
        let place = controller.index.origin_or(controller.origin);
        // Of a controller in the place of one that the machine brings, more is said above.
        let first = seen.insert((controller.kind(), controller.index()), place);
        if let Some(first) = first.filter(|_| controller.origin.by_rule().is_none()) {
            let message = format!("two `{}` controllers have the index {}", controller.kind.word(), controller.index());
            let fault = Diagnostic::at(&codes::CONFLICT, place.span(), message).label(first.span(), "the other one");
            faults.push(fault.help("remove its `index` to have a free one assigned"));
        }
    }
}

/// No PCI function of the host is given twice. USB devices compare themselves: one can be named in two ways.
fn host_functions(domain: &Domain, faults: &mut Diagnostics) {
    let mut seen: BTreeMap<PciAddress, Origin> = BTreeMap::new();
    let interfaces = domain.devices.interfaces.iter().filter_map(Interface::host_function);
    for function in interfaces.chain(domain.devices.hostdevs.iter().filter_map(Hostdev::host_function)) {
        let Spanned { value: address, origin } = function.address;
        match seen.entry(address) {
            Entry::Vacant(place) => drop(place.insert(origin)),
            Entry::Occupied(first) => {
                let message = "this device of the host is given to the guest twice";
                let fault =
                    Diagnostic::at(&codes::CONFLICT, origin, message).label(first.get().span(), "first given here");
                faults.push(fault.help("remove one of the two"));
            }
        }
    }
}
