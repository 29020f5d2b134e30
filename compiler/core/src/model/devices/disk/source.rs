//! Where the data of a disk lives, as `<disk>` says it: its source, what is under it, and what is thrown away at the end.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, YesNo, words};
use crate::model::Defaults;
use crate::model::devices::disk::{Disk, DiskDevice};
use crate::model::storage::{Auth, Backing, Encryption, Location, StorageSource, StorageType};
use crate::qemu::RequirementsOf;
use crate::xml_io::Fields;
use crate::xml_io::{Tag, XmlWriter};

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
    /// Its place in the XML.
    pub origin: Origin,
}

/// Where the data of a disk lives.
#[derive(Debug, Clone)]
pub struct DiskStorage {
    /// The kind of place.
    pub kind: Opt<StorageType>,
    /// The place; `None` for an empty drive.
    pub source: Option<StorageSource>,
    /// What the image is on.
    pub backing: Backing,
    /// How it takes part in snapshots.
    pub snapshot: Opt<Snapshot>,
    /// Whether QEMU may send any SCSI command.
    pub rawio: Opt<YesNo>,
    /// Which SCSI commands are let through.
    pub sgio: Opt<Sgio>,
    /// Whether writes are thrown away.
    pub transient: Option<Transient>,
    /// Whether the login is next to the source.
    auth_beside: bool,
    /// Whether the encryption is next to the source.
    encryption_beside: bool,
}

static KIND: DefaultRule =
    DefaultRule { name: "disk-type", text: "a disk without a type is a file, and so is a drive without a source" };
static SNAPSHOT: DefaultRule =
    DefaultRule { name: "vhostuser-snapshot", text: "a disk that another process serves has no snapshots" };

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
            Some(Diagnostic::at(&codes::CONFLICT, origin, message).help("keep the one in `<source>`"))
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
            mirror.ignore_rest();
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

    /// Adds the attributes of `<disk>` that are about its data.
    pub fn write_attributes<'w>(&self, tag: Tag<'w>, readonly: bool) -> Tag<'w> {
        // What is read-only takes no part in snapshots anyway.
        let snapshot = self.snapshot.filter(|s| !(s.value == Snapshot::No && readonly));
        tag.opt("rawio", &self.rawio).opt("sgio", &self.sgio).opt("snapshot", &snapshot)
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

    /// `<encryption>` next to the source.
    pub fn write_encryption(&self, w: &mut XmlWriter) {
        let encryption = self.source.as_ref().and_then(|s| s.encryption.as_ref());
        if let Some(encryption) = encryption.filter(|_| self.encryption_beside) {
            encryption.write(w);
        }
    }

    /// Fills in what is absent.
    pub fn define(&mut self, origin: Origin) {
        // libvirt reads the type with the source, so that it is lost where there is none.
        let empty = self.place().is_none();
        let is_lost = |kind: Spanned<StorageType>| match kind.value {
            StorageType::Volume | StorageType::Network => empty,
            StorageType::Block | StorageType::Dir | StorageType::Nvme => self.source.is_none(),
            StorageType::File | StorageType::VhostUser | StorageType::VhostVdpa => false,
        };
        if self.kind.is_none_or(is_lost) {
            self.kind = Some(Spanned::rule(StorageType::File, &KIND, origin));
        }
        if self.kind.is(&StorageType::VhostUser) {
            self.snapshot.get_or_insert(Spanned::rule(Snapshot::No, &SNAPSHOT, origin));
        }
        if let Some(source) = &mut self.source {
            source.define(origin);
            source.complete_target();
        }
        self.backing.define(origin);
    }

    /// What the host must do so that QEMU reaches the images.
    pub fn host(&self, readonly: bool, out: &mut RequirementsOf<'_>) {
        if let Some(source) = &self.source {
            source.host(readonly, out);
        }
        self.backing.images().for_each(|image| image.source.host(true, out));
        if let Some(transient) = &self.transient {
            out.refuse("`<transient>` disks", transient.origin);
        }
        if let Some(rawio) = self.rawio.filter(|r| r.value.is_yes()) {
            out.refuse("raw SCSI commands (`rawio='yes'`)", rawio.origin);
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
        let span = disk.origin.span();
        defaults
            .report(Diagnostic::at(&codes::MISSING, span, "the disk has no source").help("add `<source file='…'/>`"));
    }
}
