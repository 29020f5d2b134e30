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
    let mut refuse = |origin: Origin, message: String| {
        let span = origin.span();
        faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message));
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

type Refuse<'f> = &'f mut dyn FnMut(Origin, String);

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
            refuse(origin, format!("only a virtio disk has `{name}`"));
        }
        if let Some(model) = disk.model {
            refuse(model.origin, "only a virtio disk has a model".to_owned());
        }
    }
    if let Some(on) = d.copy_on_read.filter(|c| c.is_on()) {
        if removable {
            refuse(on.origin, "a removable disk has no `copy_on_read`".to_owned());
        } else if disk.readonly.is_some() {
            refuse(on.origin, "a disk that is read only has no `copy_on_read`".to_owned());
        }
    }
    if let Some(io) = d.io.filter(|io| io.value == Io::Native)
        && !matches!(d.cache.get(), Some(Cache::None | Cache::Directsync))
    {
        refuse(io.origin, "`io='native'` needs `cache='none'` or `cache='directsync'`".to_owned());
    }
}

fn bus(disk: &Disk, refuse: Refuse<'_>) {
    let removable = disk.device() != DiskDevice::Disk;
    let Some(bus) = disk.bus.get() else {
        let at = disk.target.as_ref().map_or(disk.origin, |t| t.origin);
        return refuse(at, "the name of the disk stands for no bus that QEMU has".to_owned());
    };
    if let Some(geometry) = &disk.geometry {
        if let (Some(translation), true) = (&geometry.translation, bus != DiskBus::Ide && geometry.is_whole()) {
            refuse(translation.origin, "only an IDE disk has a translation of its geometry".to_owned());
        }
        if let (Some(first), true, true) =
            (geometry.numbers.iter().flatten().next(), geometry.is_whole(), matches!(bus, DiskBus::Usb | DiskBus::Sd))
        {
            refuse(first.origin, format!("a disk on the bus `{}` has no geometry", bus.word()));
        }
    }
    let rotates = disk.device() == DiskDevice::Disk && matches!(bus, DiskBus::Scsi | DiskBus::Ide | DiskBus::Sata);
    if let (Some(rate), false) = (disk.rotation_rate, rotates) {
        refuse(rate.origin, "only SCSI, IDE and SATA disks of the kind `disk` have a rotation rate".to_owned());
    }
    let can_be = bus == DiskBus::Usb || (bus == DiskBus::Scsi && disk.device() == DiskDevice::Disk);
    if let (Some(removable), false) = (disk.removable, can_be) {
        refuse(removable.origin, "only USB and SCSI disks of the kind `disk` can be told to be removable".to_owned());
    }
    if let (Some(wwn), false) = (&disk.wwn, matches!(bus, DiskBus::Scsi | DiskBus::Ide)) {
        refuse(wwn.origin, "only SCSI and IDE disks have a world wide name".to_owned());
    }
    let changes = matches!(disk.device(), DiskDevice::Cdrom | DiskDevice::Floppy);
    if let (Some(tray), false) = (disk.tray.as_ref().filter(|t| t.value != "closed"), changes) {
        refuse(tray.origin, "only a cdrom and a floppy have a tray".to_owned());
    }
    if bus == DiskBus::Sd && removable {
        refuse(disk.device.origin_or(disk.origin), format!("a `{}` is no SD card", disk.device().word()));
    }
    if let (DiskBus::Sd, Some(serial)) = (bus, &disk.serial) {
        refuse(serial.origin, "an SD card has no serial number".to_owned());
    }
    if disk.device() == DiskDevice::Disk
        && let (Some(readonly), DiskBus::Ide | DiskBus::Sata) = (disk.readonly, bus)
    {
        let message = format!("QEMU has no disk on the bus `{}` that is read-only", bus.word());
        refuse(readonly, message);
    }
    if disk.device() == DiskDevice::Floppy && bus != DiskBus::Fdc {
        refuse(disk.bus.origin_or(disk.origin), format!("a floppy cannot be on the bus `{}`", bus.word()));
    }
}

fn threads(disk: &Disk, domain: &Domain, faults: &mut Diagnostics) {
    if let Some(origin) = disk.driver.threads.origin().filter(|_| !disk.bus.is(&DiskBus::Virtio)) {
        let message = "only a virtio disk is served by I/O threads of its own";
        let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, message);
        faults.push(fault.help("a SCSI disk is served by the threads of its controller"));
    }
    disk.driver.threads.check(&domain.iothreads, disk.driver.queues, faults);
}

/// What a SCSI disk calls itself, and the serial number.
fn names(disk: &Disk, faults: &mut Diagnostics) {
    for (value, limit, what) in [(&disk.vendor, 8, "vendor"), (&disk.product, 16, "product")] {
        let Some(value) = value else { continue };
        let place = value.origin.span();
        if !disk.bus.is(&DiskBus::Scsi) {
            let message = format!("only a SCSI disk has a {what}");
            faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, place, message));
        } else if value.value.len() > limit || !value.value.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            let message = format!("the {what} is not of 1 to {limit} printable characters");
            faults.push(Diagnostic::at(&codes::CONFLICT, place, message));
        }
    }
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_.+ ".contains(c);
    if let Some(serial) = disk.serial.as_ref().filter(|s| !s.value.chars().all(safe)) {
        let message = "the serial number has characters that are neither letters, digits, blanks nor `-_.+`";
        let place = serial.origin.span();
        faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, place, message));
    }
}
