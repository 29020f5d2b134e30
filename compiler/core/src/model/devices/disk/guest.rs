//! What libvirt refuses of the guest's side of a disk.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{Opt, OptExt, Origin};
use crate::model::Domain;
use crate::model::devices::disk::driver::Io;
use crate::model::devices::disk::{Cache, Disk, DiskBus, DiskDevice};

/// The rules of `qemuValidateDomainDeviceDefDiskFrontend` in libvirt's `src/qemu/qemu_validate.c` and of `virDomainDiskDefValidate` in its
/// `src/conf/domain_validate.c`.
pub(super) fn check(disk: &Disk, domain: &Domain, faults: &mut Diagnostics) {
    let mut refuse = |origin: Origin, message: String, help: &str| {
        faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, message).help(help));
    };
    driver(disk, &mut refuse);
    bus(disk, &mut refuse);
    if !disk.bus.is(&DiskBus::Virtio) {
        disk.driver.virtio.check_absent("disk", faults);
    }
    threads(disk, domain, faults);
    names(disk, faults);
}

fn origin<T>(opt: &Opt<T>) -> Option<Origin> {
    opt.as_ref().map(|o| o.origin)
}

type Refuse<'f> = &'f mut dyn FnMut(Origin, String, &str);

fn driver(disk: &Disk, refuse: Refuse<'_>) {
    let d = &disk.driver;
    let removable = disk.device() != DiskDevice::Disk;
    if !disk.bus.is(&DiskBus::Virtio) {
        let own = [
            ("queues", origin(&d.queues)),
            ("queue_size", origin(&d.queue_size)),
            ("ioeventfd", origin(&d.ioeventfd)),
            ("event_idx", origin(&d.event_idx)),
        ];
        for (name, origin) in own {
            let Some(origin) = origin else { continue };
            refuse(origin, format!("only a virtio disk has `{name}`"), "write `bus='virtio'`, or remove it");
        }
        if let Some(model) = disk.model {
            refuse(
                model.origin,
                "`model` of `<disk>` is for virtio disks only".to_owned(),
                "write `bus='virtio'`, or remove `model`",
            );
        }
    }
    if let Some(on) = d.copy_on_read.filter(|c| c.is_on()) {
        if removable {
            refuse(on.origin, "`copy_on_read` is not for removable media".to_owned(), "remove `copy_on_read`");
        } else if disk.readonly.is_some() {
            refuse(
                on.origin,
                "`copy_on_read` is not for read-only disks".to_owned(),
                "remove `copy_on_read`, or `<readonly/>`",
            );
        }
    }
    if let Some(io) = d.io.filter(|io| io.value == Io::Native)
        && !matches!(d.cache.get(), Some(Cache::None | Cache::Directsync))
    {
        refuse(
            io.origin,
            "`io='native'` needs `cache='none'` or `cache='directsync'`".to_owned(),
            "write `cache='none'`, or `io='threads'`",
        );
    }
}

fn bus(disk: &Disk, refuse: Refuse<'_>) {
    let removable = disk.device() != DiskDevice::Disk;
    let Some(bus) = disk.bus.get() else {
        let at = disk.target.as_ref().map_or(disk.origin, |t| t.origin);
        let Some(target) = &disk.target else { return };
        return refuse(
            at,
            format!("no bus follows from the target `{}`, and none is named", target.value),
            "write `bus='virtio'` or another bus in `<target>`",
        );
    };
    if let Some(geometry) = &disk.geometry {
        if let (Some(translation), true) = (&geometry.translation, bus != DiskBus::Ide && geometry.is_whole()) {
            refuse(translation.origin, "`trans` of `<geometry>` is for IDE disks only".to_owned(), "remove `trans`");
        }
        if let (Some(first), true, true) =
            (geometry.numbers.iter().flatten().next(), geometry.is_whole(), matches!(bus, DiskBus::Usb | DiskBus::Sd))
        {
            refuse(first.origin, format!("a disk on the bus `{}` has no geometry", bus.word()), "remove `<geometry>`");
        }
    }
    let rotates = disk.device() == DiskDevice::Disk && matches!(bus, DiskBus::Scsi | DiskBus::Ide | DiskBus::Sata);
    if let (Some(rate), false) = (disk.rotation_rate, rotates) {
        refuse(
            rate.origin,
            "`rotation_rate` is for SCSI, IDE and SATA disks (`device='disk'`) only".to_owned(),
            "remove `rotation_rate`, or write `bus='scsi'`",
        );
    }
    let can_be = bus == DiskBus::Usb || (bus == DiskBus::Scsi && disk.device() == DiskDevice::Disk);
    if let (Some(removable), false) = (disk.removable, can_be) {
        refuse(
            removable.origin,
            "`removable` is for USB disks and SCSI disks (`device='disk'`) only".to_owned(),
            "remove `removable`",
        );
    }
    if let (Some(wwn), false) = (&disk.wwn, matches!(bus, DiskBus::Scsi | DiskBus::Ide)) {
        refuse(
            wwn.origin,
            "`<wwn>` is for SCSI and IDE disks only".to_owned(),
            "remove `<wwn>`, or write `bus='scsi'`",
        );
    }
    let changes = matches!(disk.device(), DiskDevice::Cdrom | DiskDevice::Floppy);
    if let (Some(tray), false) = (disk.tray.as_ref().filter(|t| t.value != "closed"), changes) {
        refuse(tray.origin, "`tray` is for CD-ROMs and floppies only".to_owned(), "remove `tray`");
    }
    if bus == DiskBus::Sd && removable {
        refuse(
            disk.device.origin_or(disk.origin),
            format!("a `device='{}'` cannot be an SD card", disk.device().word()),
            "write `device='disk'`, or another bus",
        );
    }
    if let (DiskBus::Sd, Some(serial)) = (bus, &disk.serial) {
        refuse(serial.origin, "an SD card has no serial number".to_owned(), "remove `<serial>`");
    }
    if disk.device() == DiskDevice::Disk
        && let (Some(readonly), DiskBus::Ide | DiskBus::Sata) = (disk.readonly, bus)
    {
        refuse(
            readonly,
            format!("a disk on the bus `{}` cannot be read-only", bus.word()),
            "remove `<readonly/>`, write `bus='virtio'`, or `device='cdrom'`",
        );
    }
    if disk.device() == DiskDevice::Floppy && bus != DiskBus::Fdc {
        refuse(
            disk.bus.origin_or(disk.origin),
            format!("a floppy cannot be on the bus `{}`", bus.word()),
            "write `bus='fdc'`",
        );
    }
}

fn threads(disk: &Disk, domain: &Domain, faults: &mut Diagnostics) {
    if let Some(origin) = disk.driver.threads.origin().filter(|_| !disk.bus.is(&DiskBus::Virtio)) {
        let message = "`iothread` of a disk is for virtio disks only";
        let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, message);
        faults.push(fault.help("write `bus='virtio'`; a SCSI disk has the `iothread` of its controller's `<driver>`"));
    }
    disk.driver.threads.check(&domain.iothreads, disk.driver.queues, faults);
}

/// What a SCSI disk calls itself, and the serial number.
fn names(disk: &Disk, faults: &mut Diagnostics) {
    for (value, limit, what) in [(&disk.vendor, 8, "vendor"), (&disk.product, 16, "product")] {
        let Some(value) = value else { continue };
        let place = value.origin.span();
        if !disk.bus.is(&DiskBus::Scsi) {
            let message = format!("`<{what}>` is for SCSI disks only");
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, place, message);
            faults.push(fault.help(format!("write `bus='scsi'`, or remove `<{what}>`")));
        } else if value.value.len() > limit || !value.value.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            let message = format!("`<{what}>` has 1 to {limit} printable characters");
            faults.push(Diagnostic::at(&codes::CONFLICT, place, message).help("shorten it"));
        }
    }
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_.+ ".contains(c);
    if let Some(serial) = disk.serial.as_ref().filter(|s| !s.value.chars().all(safe)) {
        let message = "`<serial>` has characters that are neither letters, digits, blanks nor `-_.+`";
        let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, serial.origin, message);
        faults.push(fault.help("remove these characters"));
    }
}
