//! What a disk and its data do not agree about.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{OptExt, Origin, Switch};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::disk::{Disk, DiskBus, DiskDevice, Sgio, Snapshot};
use crate::model::elements::backing::Access;
use crate::model::elements::numa::Cell;
use crate::model::storage::{Backing, Checked, ImageFormat, Location, Protocol, StartupPolicy, StorageSource};

fn refuse(origin: Origin, message: impl Into<String>) -> Diagnostic {
    Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, message.into())
}

/// What is wrong with the data of a disk (`virDomainDiskDefValidate` and `qemuValidateDomainDeviceDefDisk` in libvirt).
pub(super) fn check(disk: &Disk, domain: &Domain, faults: &mut Diagnostics) {
    let storage = &disk.storage;
    let readonly = disk.readonly.is_some();
    if let (None, Some(format)) = (storage.place(), &disk.driver.format) {
        crate::model::storage::known_format(format, faults);
    }
    if let Some(source) = storage.place() {
        let cache = disk.driver.metadata_cache.as_ref();
        Checked { source, format: &disk.driver.format, readonly, cache }.check(faults);
        reservations(disk, source, faults);
        source.labels.check(domain, faults);
    }
    for (image, above) in storage.backing.images().zip(formats(disk)) {
        let cache = image.format.cache.as_ref();
        Checked { source: &image.source, format: &image.format.kind, readonly: true, cache }.check(faults);
        image.source.labels.check(domain, faults);
        if above == ImageFormat::Raw {
            // libvirt makes the node of the image below; the raw image does not refer to it.
            let message = "an image of format `raw` has no `<backingStore>`";
            let span = image.origin.span();
            let fault = Diagnostic::at(&codes::REFUSED_BY_QEMU, span, message);
            faults.push(fault.help("remove `<backingStore>`, or name the format with `<driver type='qcow2'/>`"));
        } else if !above.has_backing() {
            let message = format!("an image of format `{}` has no `<backingStore>`", above.word());
            faults.push(refuse(image.origin, message).help("remove `<backingStore>`, or name the format"));
        }
    }
    let policy = storage.source.as_ref().and_then(|s| s.startup_policy);
    let there = storage.place().map(|s| &s.location);
    let is_local = matches!(
        there,
        None | Some(Location::File(..) | Location::Block(_) | Location::Dir(_) | Location::Volume { .. })
    );
    if let Some(policy) = policy.filter(|_| !is_local) {
        faults.push(
            refuse(policy.origin, "`startupPolicy` is for disks of type `file`, `block` and `volume` only")
                .help("remove `startupPolicy`"),
        );
    }
    let removable = matches!(disk.device(), DiskDevice::Cdrom | DiskDevice::Floppy);
    if let Some(policy) = policy.filter(|p| p.value == StartupPolicy::Requisite && !removable) {
        faults.push(
            refuse(policy.origin, "`startupPolicy='requisite'` is for CD-ROMs and floppies only")
                .help("write `startupPolicy='optional'` or `'mandatory'`"),
        );
    }
    if let Some(no_unref) = disk.driver.no_unref.filter(|u| u.value == Switch::On) {
        if !disk.driver.format.is(&ImageFormat::Qcow2) {
            faults.push(
                refuse(no_unref.origin, "`discard_no_unref` is for qcow2 images only")
                    .help("write `type='qcow2'`, or remove `discard_no_unref`"),
            );
        } else if readonly {
            faults.push(
                refuse(no_unref.origin, "`discard_no_unref` is not for read-only disks")
                    .help("remove `discard_no_unref`, or `<readonly/>`"),
            );
        }
    }
    transient(disk, faults);
    if disk.device() == DiskDevice::Lun {
        lun(disk, faults);
    } else {
        for origin in storage.rawio.iter().map(|r| r.origin).chain(storage.sgio.iter().map(|s| s.origin)) {
            faults.push(
                refuse(origin, "`rawio` and `sgio` are for `device='lun'` only")
                    .help("write `device='lun'`, or remove it"),
            );
        }
    }
    if disk.bus.is(&DiskBus::Sd) {
        sd_card(disk, faults);
    }
    if storage.is_vhost_user() {
        vhost_user(disk, domain, faults);
    }
}

/// An SD card is named on the command line and not a tree of nodes (`qemuValidateDomainDeviceDefDiskIOThreads` and its neighbours in libvirt's
/// `src/qemu/qemu_validate.c`).
fn sd_card(disk: &Disk, faults: &mut Diagnostics) {
    if let Some(limits) = &disk.throttling.limits {
        faults.push(
            refuse(limits.origin, "`<iotune>` is not for SD cards")
                .help("remove it, or write another bus such as `bus='virtio'`"),
        );
    }
    let Some(source) = disk.storage.place() else { return };
    match &source.location {
        Location::File(..) | Location::Block(_) | Location::Dir(_) => {}
        Location::Network(network) => {
            let tls = network.tls.filter(|tls| tls.is_yes()).map(|tls| tls.origin);
            let login = source.auth.as_ref().map(|auth| auth.origin);
            if let Some(origin) = tls.or(login) {
                faults.push(
                    refuse(origin, "an SD card cannot have a source with authentication or encryption")
                        .help("write another bus, such as `bus='virtio'`"),
                );
            }
        }
        Location::Empty
        | Location::Volume { .. }
        | Location::Nvme { .. }
        | Location::VhostUser(..)
        | Location::VhostVdpa(_) => faults.push(
            refuse(source.origin, "an SD card has a source of type `file`, `block` or `network`")
                .help("write another bus, such as `bus='virtio'`"),
        ),
    }
}

/// The format of each image that has another one under it.
fn formats(disk: &Disk) -> impl Iterator<Item = ImageFormat> {
    let top = disk.driver.format.get().unwrap_or(ImageFormat::Raw);
    let rest = disk.storage.backing.images().map(|i| i.format.kind.get().unwrap_or(ImageFormat::Raw));
    std::iter::once(top).chain(rest)
}

fn reservations(disk: &Disk, source: &StorageSource, faults: &mut Diagnostics) {
    if let Some(reservations) = source.reservations.as_ref().filter(|_| disk.device() != DiskDevice::Lun) {
        faults.push(
            refuse(reservations.origin, "`<reservations>` is for `device='lun'` only")
                .help("write `device='lun'`, or remove it"),
        );
    }
}

fn transient(disk: &Disk, faults: &mut Diagnostics) {
    let Some(transient) = &disk.storage.transient else { return };
    let mut fault = |message: &str, help: &str| faults.push(refuse(transient.origin, message).help(help));
    match disk.storage.place().map(|s| &s.location) {
        None => fault("`<transient/>` needs a `<source>`", "remove `<transient/>`, or add a `<source>`"),
        Some(Location::File(..) | Location::Volume { .. }) => {}
        Some(_) => fault("`<transient/>` is for disks of type `file` only", "remove `<transient/>`"),
    }
    if disk.device() != DiskDevice::Disk {
        fault("`<transient/>` is for `device='disk'` only", "remove `<transient/>`");
    }
    if disk.readonly.is_some() {
        fault("`<transient/>` is not for read-only disks", "remove `<transient/>`, or `<readonly/>`");
    }
    if disk.storage.is_shared_transient()
        && !matches!(disk.bus.get(), Some(DiskBus::Virtio | DiskBus::Scsi | DiskBus::Usb))
    {
        fault("`<transient shareBacking='yes'/>` needs a bus with hotplug", "write `bus='virtio'` or `bus='scsi'`");
    }
}

/// `device='lun'`: the guest speaks to the device itself.
fn lun(disk: &Disk, faults: &mut Diagnostics) {
    if let Some(sgio) = disk.storage.sgio.filter(|s| s.value == Sgio::Unfiltered) {
        faults.push(
            refuse(sgio.origin, "`sgio='unfiltered'` (unfiltered SG_IO) is not supported by current kernels")
                .help("remove `sgio`"),
        );
    }
    let is_whole = match disk.storage.place().map(|s| &s.location) {
        Some(Location::Network(network)) => network.protocol.value == Protocol::Iscsi,
        Some(Location::Block(_) | Location::Volume { .. }) | None => true,
        Some(_) => false,
    };
    let at = disk.device.origin_or(disk.origin);
    if !is_whole {
        faults.push(
            refuse(at, "`device='lun'` needs a block device or an iSCSI target")
                .help("write `type='block'` with `<source dev='/dev/…'/>`, or `device='disk'`"),
        );
    }
    match disk.bus.get() {
        Some(DiskBus::Scsi | DiskBus::Virtio) | None => {}
        Some(bus) => faults.push(
            refuse(at, format!("`device='lun'` cannot be on the bus `{}`", bus.word())).help("write `bus='scsi'`"),
        ),
    }
    if let Some(format) = disk.driver.format.filter(|f| f.value != ImageFormat::Raw) {
        faults
            .push(refuse(format.origin, "`device='lun'` needs the format `raw`").help("write `<driver type='raw'/>`"));
    }
    if let Some(serial) = disk.serial.as_ref().filter(|_| disk.bus.is(&DiskBus::Scsi)) {
        faults.push(
            refuse(serial.origin, "`device='lun'` has the serial number of the host's device")
                .help("remove `<serial>`"),
        );
    }
    if let Some(slice) = disk.storage.place().and_then(|s| s.slice.as_ref()) {
        faults.push(
            refuse(slice.origin, "`device='lun'` is a whole device, without `<slices>`")
                .help("remove `<slices>`, or write `device='disk'`"),
        );
    }
    if let Some(encryption) = disk.storage.place().and_then(|s| s.encryption.as_ref()) {
        faults.push(
            refuse(encryption.origin, "`device='lun'` has no `<encryption>`")
                .help("remove `<encryption>`, or write `device='disk'`"),
        );
    }
    for (value, what) in [(&disk.wwn, "wwn"), (&disk.vendor, "vendor"), (&disk.product, "product")] {
        if let Some(value) = value {
            faults.push(
                refuse(value.origin, format!("`device='lun'` has the `{what}` of the host's device"))
                    .help("remove it, or write `device='disk'`"),
            );
        }
    }
}

/// QEMU's `scsi` of a virtio disk, which QEMU has no more since 9.1.
pub(super) fn passes_scsi(disk: &Disk, cx: &EmitContext<'_>) -> Option<bool> {
    if disk.device() != DiskDevice::Lun {
        return None;
    }
    if cx.target.at_least(9, 1) {
        let message = "SCSI passthrough (`device='lun'`) is not for virtio disks in this QEMU";
        let fault = refuse(disk.device.origin_or(disk.origin), message);
        cx.report(fault.help("use `bus='scsi'` with a `virtio-scsi` controller"));
    }
    Some(true)
}

/// Whether another process can see the guest's memory.
fn shares_memory(domain: &Domain) -> bool {
    let all = domain.backing.access.is(&Access::Shared);
    let cells = domain.numa().map(|numa| &numa.cells);
    let shared = |cell: &Cell| cell.access.map_or(all, |a| a.value == Access::Shared);
    cells.filter(|c| !c.is_empty()).map_or(all, |cells| cells.iter().all(shared))
}

/// A disk that another process serves has no settings of QEMU's block layer.
fn vhost_user(disk: &Disk, domain: &Domain, faults: &mut Diagnostics) {
    if !shares_memory(domain) {
        let fault = refuse(disk.origin, "a disk of type `vhostuser` needs shared guest memory");
        faults.push(fault.help(domain.how_to_share()));
    }
    if !disk.bus.is(&DiskBus::Virtio) {
        faults.push(
            refuse(disk.bus.origin_or(disk.origin), "a disk of type `vhostuser` needs the bus `virtio`")
                .help("write `bus='virtio'`"),
        );
    }
    if let Some(snapshot) = disk.storage.snapshot.filter(|s| s.value != Snapshot::No) {
        faults.push(refuse(snapshot.origin, "a disk of type `vhostuser` has no `snapshot`").help("remove `snapshot`"));
    }
    let d = &disk.driver;
    let given = [
        ("cache", d.cache.map(|v| v.origin)),
        ("error_policy", d.error_policy.map(|v| v.origin)),
        ("rerror_policy", d.rerror_policy.map(|v| v.origin)),
        ("io", d.io.map(|v| v.origin)),
        ("ioeventfd", d.ioeventfd.map(|v| v.origin)),
        ("copy_on_read", d.copy_on_read.map(|v| v.origin)),
        ("discard", d.discard.map(|v| v.origin)),
        ("iothread", d.threads.origin()),
        ("detect_zeroes", d.detect_zeroes.map(|v| v.origin)),
        ("serial", disk.serial.as_ref().map(|v| v.origin)),
        ("wwn", disk.wwn.as_ref().map(|v| v.origin)),
        ("readonly", disk.readonly),
        ("shareable", disk.shareable),
    ];
    for (what, origin) in given {
        if let Some(origin) = origin {
            faults.push(
                refuse(origin, format!("`{what}` is not for disks of type `vhostuser`"))
                    .help("remove it: the vhost-user program has settings of its own"),
            );
        }
    }
    if disk.storage.transient.is_some() || !matches!(disk.storage.backing, Backing::Unsaid) {
        faults.push(
            refuse(disk.origin, "a disk of type `vhostuser` has no `<backingStore>` and no `<mirror>`")
                .help("remove it"),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn what_a_bus_has_no_disks_of() {
        let disk = |device: &str, dev: &str, bus: &str, rest: &str| {
            let target = format!("<target dev='{dev}' bus='{bus}'/>");
            let driver = "<driver name='qemu' type='qcow2'/>";
            let xml = format!("<disk type='file' device='{device}'>{driver}<source file='/d'/>{rest}{target}</disk>");
            trial(&xml, &[]).faults
        };
        for (dev, bus) in [("hda", "ide"), ("sda", "sata")] {
            let fault = format!("a disk on the bus `{bus}` cannot be read-only");
            assert_eq!(disk("disk", dev, bus, "<readonly/>"), [fault]);
            assert_eq!(disk("cdrom", dev, bus, "<readonly/>"), Vec::<String>::new());
        }
        assert_eq!(disk("disk", "vda", "virtio", "<readonly/>"), Vec::<String>::new());
        assert!(disk("floppy", "fda", "usb", "").contains(&"a floppy cannot be on the bus `usb`".to_owned()));
        let under = "<backingStore type='file'><format type='qcow2'/><source/></backingStore>";
        assert_eq!(disk("disk", "vda", "virtio", under), ["`<source>` of `<backingStore>` is empty"]);
    }

    #[test]
    fn what_qemu_is_told_and_libvirt_does_not_store() {
        let disk = "<disk type='file'><driver error_policy='report'/><source file='/d'/><geometry cyls='0' heads='16' secs='63'/>\
                    <target dev='sda' bus='scsi' removable='on'/></disk>";
        let t = trial(disk, &["scsi-hd"]);
        assert_eq!(t.faults, Vec::<String>::new());
        let device = t.argv.first().cloned().unwrap_or_default();
        for told in [r#""removable":true"#, r#""heads":16,"secs":63"#, r#""werror":"report","rerror":"report""#] {
            assert!(device.contains(told), "{told}: {device}");
        }
    }
}
