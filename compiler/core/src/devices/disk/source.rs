//! Where the data of a disk lives, as `<disk>` says it: its source, what stands under it, and what is thrown away at the end.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::define::Defaults;
use crate::devices::disk::{Disk, DiskBus, DiskDevice};
use crate::domain::Domain;
use crate::emit::{Cx, HostNeeds};
use crate::ir::{Opt, OptExt, Origin, Rule, Spanned, Switch, YesNo, words};
use crate::lower::Fields;
use crate::parts::backing::Access;
use crate::parts::numa::Cell;
use crate::storage::{
    Auth, Backing, Checked, Encryption, ImageFormat, Location, Protocol, StartupPolicy, StorageSource, StorageType,
};
use crate::write::{Tag, XmlWriter};

words! {
    /// How the disk takes part in snapshots.
    pub enum Snapshot { No = "no", Internal = "internal", External = "external", Manual = "manual" }
}

words! {
    /// Which SCSI commands a passed-through device takes.
    pub enum Sgio { Filtered = "filtered", Unfiltered = "unfiltered" }
}

/// `<transient>`: all writes are thrown away at the end.
#[derive(Debug, Clone)]
pub struct Transient {
    /// Whether guests share the image.
    pub share: Opt<YesNo>,
    /// Where it stands.
    pub origin: Origin,
}

/// Where the data of a disk lives.
#[derive(Debug, Clone)]
pub struct DiskStorage {
    /// The kind of place.
    pub kind: Opt<StorageType>,
    /// The place; `None` for an empty drive.
    pub source: Option<StorageSource>,
    /// What the image stands on.
    pub backing: Backing,
    /// How it takes part in snapshots.
    pub snapshot: Opt<Snapshot>,
    /// Whether QEMU may send any SCSI command.
    pub rawio: Opt<YesNo>,
    /// Which SCSI commands are let through.
    pub sgio: Opt<Sgio>,
    /// Whether writes are thrown away.
    pub transient: Option<Transient>,
    /// Whether the login stands beside the source.
    auth_beside: bool,
    /// Whether the encryption stands beside the source.
    encryption_beside: bool,
}

static KIND: Rule = Rule { name: "disk-type", text: "a disk without a type is a file, and so is an empty drive of a pool or a server" };
static SNAPSHOT: Rule = Rule { name: "vhostuser-snapshot", text: "a disk that another process serves has no snapshots" };

impl DiskStorage {
    /// Reads what the disk `f` says of its data.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        let kind: Opt<StorageType> = f.attr("type");
        let source = f.child("source");
        let mut source = source.and_then(|s| StorageSource::lower(kind.get().unwrap_or(StorageType::File), &s));
        let (auth, encryption) = (f.child("auth"), f.child("encryption"));
        let beside = |there: bool, within: Option<Origin>, what: &str| {
            let origin = within.filter(|_| there)?;
            let message = format!("there is a `<{what}>` both in the disk and in its source");
            Some(Diagnostic::new(&codes::CONFLICT, origin.span().unwrap_or_default(), message).help("keep the one in `<source>`"))
        };
        let within = source.as_ref().and_then(|s| s.auth.as_ref()).map(|a| a.origin);
        f_report(f, beside(auth.is_some(), within, "auth"));
        let within = source.as_ref().and_then(|s| s.encryption.as_ref()).map(|e| e.origin);
        f_report(f, beside(encryption.is_some(), within, "encryption"));
        let (auth_beside, encryption_beside) = (auth.is_some(), encryption.is_some());
        let auth = auth.and_then(|a| Auth::lower(&a));
        let encryption = encryption.and_then(|e| Encryption::lower(&e));
        if let Some(source) = &mut source {
            source.auth = source.auth.take().or(auth);
            source.encryption = source.encryption.take().or(encryption);
        }
        if let Some(mirror) = f.child("mirror") {
            // A block job belongs to a running domain; a definition that is started has none (libvirt drops it as well).
            mirror.keep();
        }
        Self {
            kind,
            source,
            backing: Backing::lower(f),
            snapshot: f.attr("snapshot"),
            rawio: f.attr("rawio"),
            sgio: f.attr("sgio"),
            transient: f.child("transient").map(|t| Transient { share: t.attr("shareBacking"), origin: t.origin() }),
            auth_beside,
            encryption_beside,
        }
    }

    /// The place, where it is not empty.
    pub fn place(&self) -> Option<&StorageSource> {
        self.source.as_ref().filter(|s| !s.is_empty())
    }

    /// Whether another process serves the whole device.
    pub fn is_vhost_user(&self) -> bool {
        self.place().is_some_and(|s| matches!(s.location, Location::VhostUser(..)))
    }

    /// Whether the disk is plugged in after the start, on an image of its own over one that guests share.
    pub fn is_shared_transient(&self) -> bool {
        self.transient.as_ref().is_some_and(|t| t.share.is(&YesNo::Yes))
    }

    /// How many images it has.
    pub fn images(&self) -> u32 {
        let data = |s: &StorageSource| u32::from(s.data_store.is_some());
        let top = self.source.as_ref().map_or(0, data);
        self.backing.images().fold(1 + top, |count, image| count + 1 + data(&image.source))
    }

    /// Every source, from the top.
    pub fn sources(&self) -> impl Iterator<Item = &StorageSource> {
        self.place().into_iter().chain(self.backing.images().map(|i| &i.source))
    }

    /// The attributes of `<disk>`.
    pub fn write_attributes<'w>(&self, tag: Tag<'w>, device: &Opt<DiskDevice>, readonly: bool) -> Tag<'w> {
        // What is read-only takes no part in snapshots anyway.
        let snapshot = self.snapshot.filter(|s| !(s.value == Snapshot::No && readonly));
        tag.opt("type", &self.kind)
            .opt("device", device)
            .opt("rawio", &self.rawio)
            .opt("sgio", &self.sgio)
            .opt("snapshot", &snapshot)
    }

    /// `<auth>`, `<source>` and `<backingStore>`.
    pub fn write(&self, w: &mut XmlWriter) {
        if let Some(auth) = self.source.as_ref().and_then(|s| s.auth.as_ref()).filter(|_| self.auth_beside) {
            auth.write(w);
        }
        if let Some(source) = &self.source {
            let auth = !self.auth_beside && !matches!(source.location, Location::Volume { .. });
            source.write(w, auth, !self.encryption_beside);
        }
        self.backing.write(w);
    }

    /// `<transient>`.
    pub fn write_transient(&self, w: &mut XmlWriter) {
        if let Some(transient) = &self.transient {
            w.tag("transient").opt("shareBacking", &transient.share).end();
        }
    }

    /// `<encryption>` beside the source.
    pub fn write_encryption(&self, w: &mut XmlWriter) {
        let encryption = self.source.as_ref().and_then(|s| s.encryption.as_ref());
        if let Some(encryption) = encryption.filter(|_| self.encryption_beside) {
            encryption.write(w);
        }
    }

    /// Fills in what is absent.
    pub fn define(&mut self) {
        let empty = self.place().is_none();
        if self.kind.is_none_or(|k| empty && matches!(k.value, StorageType::Volume | StorageType::Network)) {
            self.kind = Some(Spanned::rule(StorageType::File, &KIND));
        }
        if self.kind.is(&StorageType::VhostUser) {
            self.snapshot.get_or_insert(Spanned::rule(Snapshot::No, &SNAPSHOT));
        }
        if let Some(source) = &mut self.source {
            source.define();
        }
        self.backing.define();
    }

    /// What the host must do so that QEMU reaches the images.
    pub fn host(&self, readonly: bool, out: &mut HostNeeds) {
        if let Some(source) = &self.source {
            source.host(readonly, out);
        }
        self.backing.images().for_each(|image| image.source.host(true, out));
        if let Some(transient) = &self.transient {
            out.refuse("the runtime makes no image for what a transient disk throws away", transient.origin);
        }
        if let Some(rawio) = self.rawio.filter(|r| r.value.is_yes()) {
            out.refuse("the runtime takes all capabilities from QEMU, also that for raw SCSI commands", rawio.origin);
        }
    }
}

fn f_report(f: &Fields<'_, '_>, fault: Option<Diagnostic>) {
    if let Some(fault) = fault {
        f.report(fault);
    }
}

/// What the disk and its data do not agree about, before its bus is known.
pub(super) fn define_faults(disk: &Disk, defaults: &mut Defaults<'_>) {
    let storage = &disk.storage;
    let device = disk.device();
    if storage.place().is_none() && matches!(device, DiskDevice::Disk | DiskDevice::Lun) {
        let span = disk.origin.span().unwrap_or_default();
        defaults.report(
            Diagnostic::new(&codes::MISSING, span, "the disk has no source").help("add `<source file='…'/>`"),
        );
    }
}

fn refuse(origin: Origin, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(&codes::UNSUPPORTED_CONFIGURATION, origin.span().unwrap_or_default(), message.into())
}

/// What is wrong with the data of a disk (`virDomainDiskDefValidate` and `qemuValidateDomainDeviceDefDisk` in libvirt).
pub(super) fn check(disk: &Disk, domain: &Domain, faults: &mut Diagnostics) {
    let storage = &disk.storage;
    let readonly = disk.readonly.is_some();
    if let Some(source) = storage.place() {
        let cache = disk.driver.metadata_cache.as_ref();
        Checked { source, format: &disk.driver.format, readonly, cache }.check(faults);
        reservations(disk, source, faults);
    }
    for (image, above) in storage.backing.images().zip(formats(disk)) {
        let cache = image.format.cache.as_ref();
        Checked { source: &image.source, format: &image.format.kind, readonly: true, cache }.check(faults);
        if !above.has_backing() {
            let message = format!("an image of the format `{}` cannot stand on another one", above.word());
            faults.push(refuse(image.origin, message).help("remove `<backingStore>`, or name the format"));
        }
    }
    let policy = storage.source.as_ref().and_then(|s| s.startup_policy);
    let removable = matches!(disk.device(), DiskDevice::Cdrom | DiskDevice::Floppy);
    if let Some(policy) = policy.filter(|p| p.value == StartupPolicy::Requisite && !removable) {
        faults.push(refuse(policy.origin, "only a cdrom or a floppy can be `requisite`"));
    }
    if let Some(no_unref) = disk.driver.no_unref.filter(|u| u.value == Switch::On) {
        if !disk.driver.format.is(&ImageFormat::Qcow2) {
            faults.push(refuse(no_unref.origin, "only a qcow2 image keeps its discarded clusters"));
        } else if readonly {
            faults.push(refuse(no_unref.origin, "nothing is discarded of what is read-only"));
        }
    }
    transient(disk, faults);
    if disk.device() == DiskDevice::Lun {
        lun(disk, faults);
    } else {
        for origin in storage.rawio.iter().map(|r| r.origin).chain(storage.sgio.iter().map(|s| s.origin)) {
            faults.push(refuse(origin, "only a `lun` takes raw SCSI commands").help("use `device='lun'`"));
        }
    }
    if storage.is_vhost_user() {
        vhost_user(disk, domain, faults);
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
        faults.push(refuse(reservations.origin, "only a `lun` has reservations").help("use `device='lun'`"));
    }
}

fn transient(disk: &Disk, faults: &mut Diagnostics) {
    let Some(transient) = &disk.storage.transient else { return };
    let mut fault = |message: &str| faults.push(refuse(transient.origin, message));
    match disk.storage.place().map(|s| &s.location) {
        None => fault("an empty drive has nothing to throw away"),
        Some(Location::File(..) | Location::Volume { .. }) => {}
        Some(_) => fault("only a file can be transient"),
    }
    if disk.device() != DiskDevice::Disk {
        fault("only a `disk` can be transient");
    }
    if disk.readonly.is_some() {
        fault("what is read-only has nothing to throw away");
    }
    if disk.storage.is_shared_transient() && !matches!(disk.bus.get(), Some(DiskBus::Virtio | DiskBus::Scsi | DiskBus::Usb)) {
        fault("a disk that guests share is plugged in after the start, which its bus cannot do");
    }
}

/// `device='lun'`: the guest speaks to the device itself.
fn lun(disk: &Disk, faults: &mut Diagnostics) {
    if let Some(sgio) = disk.storage.sgio.filter(|s| s.value == Sgio::Unfiltered) {
        faults.push(refuse(sgio.origin, "no kernel lets SCSI commands through unfiltered"));
    }
    let is_whole = match disk.storage.place().map(|s| &s.location) {
        Some(Location::Network(network)) => network.protocol.value == Protocol::Iscsi,
        Some(Location::Block(_) | Location::Volume { .. }) | None => true,
        Some(_) => false,
    };
    let at = disk.device.origin_or(disk.origin);
    if !is_whole {
        faults.push(refuse(at, "only a block device or an iSCSI target can be a `lun`"));
    }
    match disk.bus.get() {
        Some(DiskBus::Scsi | DiskBus::Virtio) | None => {}
        Some(bus) => faults.push(refuse(at, format!("a `lun` cannot be on the bus `{}`", bus.word()))),
    }
    if let Some(format) = disk.driver.format.filter(|f| f.value != ImageFormat::Raw) {
        faults.push(refuse(format.origin, "a `lun` has the format `raw`"));
    }
    for (value, what) in [(&disk.wwn, "wwn"), (&disk.vendor, "vendor"), (&disk.product, "product")] {
        if let Some(value) = value {
            faults.push(refuse(value.origin, format!("a `lun` has its own `{what}`")));
        }
    }
}

/// QEMU's `scsi` of a virtio disk, which QEMU has no more since 9.1.
pub(super) fn passes_scsi(disk: &Disk, cx: &Cx<'_>) -> Option<bool> {
    if disk.device() != DiskDevice::Lun {
        return None;
    }
    if cx.target.at_least(9, 1) {
        let message = "this QEMU passes no SCSI commands through a virtio disk";
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
        let fault = refuse(disk.origin, "the process that serves the disk does not see the guest's memory");
        faults.push(fault.help("add `<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>`"));
    }
    if !disk.bus.is(&DiskBus::Virtio) {
        faults.push(refuse(disk.bus.origin_or(disk.origin), "a vhost-user disk is on the bus `virtio`"));
    }
    if let Some(snapshot) = disk.storage.snapshot.filter(|s| s.value != Snapshot::No) {
        faults.push(refuse(snapshot.origin, "a vhost-user disk has no snapshots"));
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
            faults.push(refuse(origin, format!("`{what}` is for the process that serves the disk, not for QEMU")));
        }
    }
    if disk.storage.transient.is_some() || !matches!(disk.storage.backing, Backing::Unsaid) {
        faults.push(refuse(disk.origin, "a vhost-user disk has no images of its own"));
    }
}
