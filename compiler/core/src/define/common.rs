//! What libvirt refuses of what every device has: ROM, index for ACPI, port of a virtio-serial controller.

use std::collections::BTreeMap;

use virtc_diag::{Diagnostic, Diagnostics, Span};

use crate::codes;
use crate::ir::{OptExt, Spanned, YesNo};
use crate::model::Domain;
use crate::model::devices::address::Address;
use crate::model::devices::console::Console;
use crate::model::devices::controller::ControllerType;
use crate::model::devices::{BusSlot, Info, Kind};

/// The rules of `virDomainDeviceInfoParseXML` in libvirt's `src/conf/domain_conf.c`, of `qemuValidateDomainDeviceInfo` in its
/// `src/qemu/qemu_validate.c` and of `virDomainVirtioSerialAddrReserve` in its `src/conf/domain_addr.c`.
pub(super) fn check(domain: &Domain, faults: &mut Diagnostics) {
    let (mut taken, mut orders) = (BTreeMap::new(), BTreeMap::new());
    for (kind, at, device) in domain.devices.iter() {
        let info = device.info();
        // The first console may be the first serial port.
        if kind == Kind::Console && domain.devices.consoles.get(at).is_some_and(Console::is_mirror) {
            continue;
        }
        let needs = device.bus_slot(domain);
        boot(info, &mut orders, faults);
        rom(info, faults);
        acpi(info, needs, &mut taken, faults);
        if !matches!(needs, BusSlot::VirtioSerial(_)) {
            serial_port(info, domain, faults);
        }
        if kind != Kind::Disk && kind != Kind::Hostdev {
            scsi_bus(info, faults);
        }
    }
}

/// A place in the boot order, and where it is given.
type Taken = BTreeMap<u32, Span>;

/// No two devices have one place in the boot order, and none the place 0 (`virDomainDefBootOrderPostParse` in libvirt's
/// `src/conf/domain_postparse.c`).
fn boot(info: &Info, taken: &mut Taken, faults: &mut Diagnostics) {
    let Some(order) = info.boot_order else { return };
    let span = order.origin.span();
    if order.value == 0 {
        faults.push(
            Diagnostic::at(&codes::BAD_VALUE, span, "`order` of `<boot>` is at least 1").help("write `order='1'`"),
        );
    } else if let Some(first) = taken.insert(order.value, order.origin.span()) {
        let message = format!("another device has `<boot order='{}'/>`", order.value);
        let fault = Diagnostic::at(&codes::CONFLICT, span, message).help("give each device its own `order`");
        faults.push(fault.label(first, "the other one"));
    }
}

/// What has the address of a drive counts as a SCSI device.
fn scsi_bus(info: &Info, faults: &mut Diagnostics) {
    if let Some(Spanned { value: Address::Drive { bus: 1.., .. }, origin }) = &info.address {
        let message = "`bus` of a SCSI address is 0";
        faults.push(Diagnostic::at(&codes::ADDRESS_CONFLICT, origin, message).help("write `bus='0'`"));
    }
}

fn rom(info: &Info, faults: &mut Diagnostics) {
    let Some(rom) = info.rom.as_ref().filter(|rom| rom.enabled.is(&YesNo::No)) else { return };
    if let Some(origin) = rom.tuning() {
        let message = "`<rom enabled='no'/>` takes the ROM away that this is about";
        let span = origin.span();
        let fault = Diagnostic::at(&codes::CONFLICT, span, message);
        faults.push(fault.help("remove it, or `enabled='no'`"));
    }
}

/// The index is no other device's, and of no device that stands on another bus than PCI.
fn acpi(info: &Info, needs: BusSlot, taken: &mut Taken, faults: &mut Diagnostics) {
    let Some(index) = info.acpi_index else { return };
    let span = index.origin.span();
    let elsewhere = info.address.as_ref().is_some_and(|address| !matches!(address.value, Address::Pci { .. }));
    if elsewhere || matches!(needs, BusSlot::Usb | BusSlot::VirtioSerial(_)) {
        let message = "`<acpi index>` is for PCI devices only";
        faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help("remove `<acpi>`"));
    } else if index.value == 0 {
        faults.push(
            Diagnostic::at(&codes::BAD_VALUE, span, "`index` of `<acpi>` is at least 1")
                .help("write `index='1'` or more"),
        );
    } else if let Some(first) = taken.insert(index.value, index.origin.span()) {
        let message = format!("another device has `<acpi index='{}'/>`", index.value);
        let fault = Diagnostic::at(&codes::REFUSED_BY_QEMU, span, message).help("give each device its own `index`");
        faults.push(fault.label(first, "the other one"));
    }
}

/// A port that is named exists, also where the device makes no use of it.
fn serial_port(info: &Info, domain: &Domain, faults: &mut Diagnostics) {
    let Some(Spanned { value: Address::VirtioSerial { controller, port: 1.., .. }, origin }) = &info.address else {
        return;
    };
    if domain.devices.controller(ControllerType::VirtioSerial, *controller).is_none() {
        let message = format!("there is no virtio-serial controller {controller}");
        faults.push(
            Diagnostic::at(&codes::ADDRESS_CONFLICT, origin, message)
                .help("add `<controller type='virtio-serial' index='…'/>`, or remove the `<address>`"),
        );
    }
}
