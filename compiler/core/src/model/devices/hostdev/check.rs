//! Devices of the host that there cannot be (`virDomainHostdevDefValidate` in libvirt's `src/conf/domain_validate.c`,
//! `qemuValidateDomainDeviceDefHostdev` in its `src/qemu/qemu_validate.c`).

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{OptExt, Origin, Switch};
use crate::model::Domain;
use crate::model::devices::Address;
use crate::model::devices::hostdev::{Hostdev, HostdevType, Subsystem};

/// Checks one device next to the others.
pub(super) fn check(device: &Hostdev, domain: &Domain, faults: &mut Diagnostics) {
    let whole = device.origin.span();
    let mut refuse = |origin: Option<Origin>, message: String, help: &str| {
        let span = origin.map_or(whole, Origin::span);
        let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message);
        faults.push(if help.is_empty() { fault } else { fault.help(help) });
    };
    let kind = device.kind();
    if let Some(address) = &device.info.address {
        let fits = match (kind, &address.value) {
            (HostdevType::Pci, Address::Pci { .. } | Address::Unassigned)
            | (HostdevType::ScsiHost | HostdevType::Mdev, Address::Pci { .. })
            | (HostdevType::Usb, Address::Usb { .. })
            | (HostdevType::Scsi, Address::Drive { .. }) => true,
            (
                HostdevType::Pci | HostdevType::ScsiHost | HostdevType::Mdev | HostdevType::Usb | HostdevType::Scsi,
                _,
            ) => false,
        };
        if !fits {
            let message = format!("a `<hostdev type='{}'>` cannot have an `<address>` of this type", kind.word());
            refuse(Some(address.origin), message, "remove the `<address>` to have one assigned");
        }
    }
    if let (Some(boot), HostdevType::ScsiHost | HostdevType::Mdev) = (&device.info.boot_order, kind) {
        let message = format!("the guest cannot boot from a device of type `{}`", kind.word());
        refuse(Some(boot.origin), message, "remove `<boot>`");
    }
    if device.info.rom.is_some() && !matches!(kind, HostdevType::Pci | HostdevType::Mdev) {
        refuse(None, "only a PCI device has a ROM".to_owned(), "remove `<rom>`");
    }
    if let Some(display) = device.display() {
        let shown = display.display.is(&Switch::On);
        if shown && domain.devices.graphics.is_empty() {
            let message = "`display='on'` needs `<graphics>`, and the guest has none".to_owned();
            refuse(display.display.map(|d| d.origin), message, "add `<graphics>`, or set `display='off'`");
        }
        if display.has_ramfb() {
            let place = display.ramfb.map(|r| r.origin);
            let mut others = domain.devices.hostdevs.iter();
            let first = others.find(|h| h.display().is_some_and(super::Display::has_ramfb));
            if first.is_some_and(|first| !std::ptr::eq(first, device)) {
                refuse(
                    place,
                    "a guest has one `ramfb`, and another device has it".to_owned(),
                    "write `ramfb='off'` in one of the two",
                );
            }
        }
    }
    if let Some(teaming) = &device.teaming {
        let place = Some(teaming.origin);
        if teaming.is_persistent() {
            refuse(
                place,
                "a `<hostdev>` is the transient device of a `<teaming>` pair".to_owned(),
                "write `type='transient'`",
            );
        } else if kind != HostdevType::Pci {
            refuse(place, "`<teaming>` is for PCI devices only".to_owned(), "remove `<teaming>`");
        }
        teaming.check(domain, faults);
    }
    // The same PCI function is found among the interfaces as well, elsewhere.
    if !matches!(device.subsystem, Subsystem::Pci(_)) {
        let first = domain.devices.hostdevs.iter().find(|other| other.is_same(device));
        if let Some(first) = first.filter(|first| !std::ptr::eq(*first, device)) {
            let fault = Diagnostic::at(&codes::CONFLICT, whole, "this device of the host is given to the guest twice");
            faults.push(fault.label(first.origin.span(), "first given here").help("remove one of the two"));
        }
    }
}
