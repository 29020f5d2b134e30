//! What libvirt refuses in the elements that every device can have: `<boot>`, `<rom>`, `<acpi>`, `<address>`.

use std::collections::BTreeMap;

use virtc_diag::{Diagnostic, Diagnostics, Span};

use crate::codes::{self, Report as _};
use crate::ir::{OptExt, Spanned, YesNo};
use crate::model::Domain;
use crate::model::devices::address::Address;
use crate::model::devices::console::Console;
use crate::model::devices::controller::ControllerType;
use crate::model::devices::{BusSlot, Info, Kind};

/// The rules of `virDomainDeviceInfoParseXML` in libvirt's `src/conf/domain_conf.c`, of `qemuValidateDomainDeviceInfo`
/// in its `src/qemu/qemu_validate.c` and of `virDomainVirtioSerialAddrReserve` in its `src/conf/domain_addr.c`.
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

/// The numbers that are in use, each with its place in the XML.
type Taken = BTreeMap<u32, Span>;

/// Boot orders are unique and at least 1 (`virDomainDefBootOrderPostParse` in libvirt's
/// `src/conf/domain_postparse.c`).
fn boot(info: &Info, taken: &mut Taken, faults: &mut Diagnostics) {
    let Some(order) = info.boot_order else { return };
    if order.value == 0 {
        faults.add_with(&codes::BAD_VALUE, order.origin, "`order` of `<boot>` is at least 1", "write `order='1'`");
    } else if let Some(first) = taken.insert(order.value, order.origin.span()) {
        let message = format!("another device has `<boot order='{}'/>`", order.value);
        let fault = Diagnostic::at(&codes::CONFLICT, order.origin, message).help("give each device its own `order`");
        faults.push(fault.label(first, "the other device"));
    }
}

/// Devices other than disks with an address of type `drive` are SCSI devices, which are on bus 0.
fn scsi_bus(info: &Info, faults: &mut Diagnostics) {
    if let Some(Spanned { value: Address::Drive { bus: 1.., .. }, origin }) = &info.address {
        faults.add_with(&codes::ADDRESS_CONFLICT, origin, "`bus` of a SCSI address must be 0", "write `bus='0'`");
    }
}

fn rom(info: &Info, faults: &mut Diagnostics) {
    let Some(rom) = info.rom.as_ref().filter(|rom| rom.enabled.is(&YesNo::No)) else { return };
    if let Some(origin) = rom.tuning() {
        faults.conflict_with(
            origin,
            "settings of `<rom>` cannot be combined with `enabled='no'`",
            "remove this, or `enabled='no'`",
        );
    }
}

/// ACPI indexes are unique, at least 1, and for PCI devices only.
fn acpi(info: &Info, needs: BusSlot, taken: &mut Taken, faults: &mut Diagnostics) {
    let Some(index) = info.acpi_index else { return };
    let elsewhere = info.address.as_ref().is_some_and(|address| !matches!(address.value, Address::Pci { .. }));
    if elsewhere || matches!(needs, BusSlot::Usb | BusSlot::VirtioSerial(_)) {
        faults.refuse_with(index.origin, "`<acpi index>` is supported for PCI devices only", "remove `<acpi>`");
    } else if index.value == 0 {
        let message = "`index` of `<acpi>` is at least 1";
        faults.add_with(&codes::BAD_VALUE, index.origin, message, "write `index='1'` or more");
    } else if let Some(first) = taken.insert(index.value, index.origin.span()) {
        let message = format!("another device has `<acpi index='{}'/>`", index.value);
        let fault = Diagnostic::at(&codes::REFUSED_BY_QEMU, index.origin, message);
        faults.push(fault.help("give each device its own `index`").label(first, "the other device"));
    }
}

/// The virtio-serial controller of an address exists, also where the device does not use the address.
fn serial_port(info: &Info, domain: &Domain, faults: &mut Diagnostics) {
    let Some(Spanned { value: Address::VirtioSerial { controller, port: 1.., .. }, origin }) = &info.address else {
        return;
    };
    if domain.devices.controller(ControllerType::VirtioSerial, *controller).is_none() {
        let message = format!("virtio-serial controller {controller} does not exist");
        let help = format!("add `<controller type='virtio-serial' index='{controller}'/>`, or remove the `<address>`");
        faults.add_with(&codes::ADDRESS_CONFLICT, origin, message, help);
    }
}
