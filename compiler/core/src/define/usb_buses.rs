//! USB controllers among each other, and the buses that devices need.

use std::collections::{BTreeMap, BTreeSet};

use virtc_diag::{Diagnostic, Diagnostics, Span};

use crate::codes;
use crate::ir::{Origin, Spanned};
use crate::model::Domain;
use crate::model::devices::BusSlot;
use crate::model::devices::address::Address;
use crate::model::devices::controller::{Controller, ControllerType, UsbModel};
use crate::model::elements::os::MachineFamily;

fn conflict(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::at(&codes::ADDRESS_CONFLICT, span, message)
}

/// USB controllers have what they need, and devices have a controller.
pub(super) fn check(domain: &Domain, faults: &mut Diagnostics) {
    let all: Vec<_> = domain.devices.controllers.iter().filter(|c| c.kind() == ControllerType::Usb).collect();
    let mains: BTreeSet<u32> = all.iter().filter(|c| c.master.is_none()).map(|c| c.index()).collect();
    let mut own_ports: BTreeMap<u32, Span> = BTreeMap::new();
    for controller in &all {
        let span = controller.origin.span();
        // Each bus has one controller; its companions have no bus of their own (`virDomainUSBAddressSetAddController`
        // in libvirt's `src/conf/domain_addr.c`).
        let part = controller.companion_function().is_some_and(|function| function != 7);
        if !part
            && controller.usb_model() != Some(UsbModel::None)
            && let Some(first) = own_ports.insert(controller.index(), controller.origin.span())
        {
            let message = format!("two `usb` controllers have the index {}", controller.index());
            let fault = Diagnostic::at(&codes::CONFLICT, span, message).help("only companions share an index");
            faults.push(fault.label(first, "the other one"));
        }
        if controller.master.is_some() && !mains.contains(&controller.index()) {
            let message = format!("no controller with index {} has this one as its companion", controller.index());
            faults.push(
                Diagnostic::at(&codes::CONFLICT, span, message).help("add the `ich9-ehci1` part with the same index"),
            );
        }
        // A machine of Arm may have a bus of which libvirt knows nothing. Where there is no PCI controller, that is
        // said for all devices.
        let unknown = domain.os.family() == MachineFamily::Other && domain.os.arch().is_x86();
        let is_said = !domain.devices.controllers.iter().any(Controller::is_pci);
        if unknown && !is_said && controller.usb_model() != Some(UsbModel::None) {
            let message = format!("machine type `{}` has no PCI bus for a USB controller", domain.os.machine_name());
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).shared();
            faults.push(fault.help("remove it, or choose a machine type such as `pc` or `q35`"));
        }
    }
    let off = all.iter().find(|c| c.usb_model() == Some(UsbModel::None));
    if let Some(other) =
        all.iter().find(|c| off.is_some() && c.usb_model() != Some(UsbModel::None) && c.origin.by_rule().is_none())
    {
        let message = "a USB controller next to one of model `none`, which says that the guest has no USB";
        faults.push(Diagnostic::at(&codes::CONFLICT, other.origin, message).help("remove one of the two"));
    }
    let indexes: BTreeSet<u32> = all.iter().map(|c| c.index()).collect();
    for (_, _, device) in domain.devices.iter() {
        if device.bus_slot(domain) == BusSlot::Usb {
            let address = device.info().address.as_ref();
            let bus = match address {
                Some(Spanned { value: Address::Usb { bus, .. }, .. }) => Some(*bus),
                Some(_) | None => None,
            };
            let missing = bus.filter(|bus| !indexes.contains(bus));
            let address = address.map_or(device.origin(), |address| address.origin);
            faults
                .extend(no_bus(off.copied(), missing, all.is_empty(), device.origin(), address).into_iter().collect());
        }
    }
}

/// That a USB device has no bus: there is no USB at all, or not the bus `missing` that its address names.
fn no_bus(
    off: Option<&Controller>,
    missing: Option<u32>,
    is_without: bool,
    device: Origin,
    address: Origin,
) -> Option<Diagnostic> {
    if let Some(off) = off {
        let message = "a USB device, but `<controller type='usb' model='none'/>` switches USB off";
        let fault = conflict(device.span(), message).label(off.origin.span(), "USB is switched off here");
        return Some(fault.shared().help("remove this controller, or write another model such as `model='qemu-xhci'`"));
    }
    if is_without {
        let message = "a USB device, but the guest has no USB controller";
        return Some(
            conflict(device.span(), message).shared().help("add `<controller type='usb' model='qemu-xhci'/>`"),
        );
    }
    let bus = missing?;
    let fault = conflict(address.span(), format!("there is no USB bus {bus}")).shared();
    let help = format!("add `<controller type='usb' index='{bus}' model='qemu-xhci'/>`, or remove the `<address>`");
    Some(fault.help(help))
}
