//! Storage: the sources of `<disk>`, `<backingStore>`, `<dataStore>`, and of the firmware's variable store.
//!
//! [`StorageSource`] is `<source>` in libvirt's terms; [`Node`] makes QEMU's block nodes of it, with the objects that
//! they need.

mod backend;
mod chain;
mod check;
mod chunk;
mod image;
mod local;
mod network;
mod network_check;
mod node;
mod objects;
mod secret;
#[cfg(test)]
mod tests;
mod volume;

use crate::ir::{DefaultRule, Opt, Origin, Spanned, YesNo, words};
use crate::model::devices::PciAddress;
use crate::model::devices::chardev::Reconnect;
use crate::model::devices::seclabel::SourceLabels;
use crate::qemu::RequirementsOf;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

pub use chain::{Backing, BackingImage, detect};
pub use check::{Checked, known_format};
pub use chunk::{Reservations, Slice};
pub use image::{DataStore, ImageFormat, MetadataCache};
pub use network::{Host, Identity, Network, Protocol, Transport};
pub use node::{Below, Node, Settings};
pub(crate) use objects::managed_helper;
pub(crate) use secret::secret_object;
pub use secret::{Auth, Encryption, EncryptionEngine, EncryptionFormat, SecretId, SecretRef, SecretUsage, master_key};

words! {
    /// The type of a source.
    pub enum StorageType {
        File = "file", Block = "block", Dir = "dir", Network = "network", Volume = "volume", Nvme = "nvme", VhostUser = "vhostuser",
        VhostVdpa = "vhostvdpa",
    }
}

words! {
    /// What happens where the source is missing.
    pub enum StartupPolicy { Mandatory = "mandatory", Requisite = "requisite", Optional = "optional" }
}

words! {
    /// How QEMU accesses a volume of an iSCSI pool: through the host's device, or directly.
    pub enum PoolMode { Host = "host", Direct = "direct" }
}

/// The location of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Nothing: an empty drive.
    Empty,
    /// A file, and its `fdgroup`.
    File(Spanned<String>, Opt<String>),
    /// A block device.
    Block(Spanned<String>),
    /// A directory, shown as a FAT file system.
    Dir(Spanned<String>),
    /// A source on the network.
    Network(Box<Network>),
    /// A volume of a storage pool.
    Volume {
        /// The pool.
        pool: Spanned<String>,
        /// The volume.
        volume: Spanned<String>,
        /// How QEMU accesses it.
        mode: Opt<PoolMode>,
    },
    /// A namespace of an `NVMe` disk.
    Nvme {
        /// Its PCI address on the host.
        address: Spanned<PciAddress>,
        /// The namespace, from 1.
        namespace: Spanned<u32>,
        /// Whether the disk is unbound from the host's driver for QEMU.
        managed: Opt<YesNo>,
    },
    /// The socket of a vhost-user-blk server.
    VhostUser(Spanned<String>, Option<Reconnect>),
    /// A vDPA device.
    VhostVdpa(Spanned<String>),
}

/// `<source>`.
#[derive(Debug, Clone)]
pub struct StorageSource {
    /// The location.
    pub location: Location,
    /// The index of the image in a running domain.
    pub index: Opt<u32>,
    /// What happens where it is missing.
    pub startup_policy: Opt<StartupPolicy>,
    /// The part of the source that holds the image.
    pub slice: Option<Slice>,
    /// Login at the server.
    pub auth: Option<Auth>,
    /// How the image is encrypted.
    pub encryption: Option<Encryption>,
    /// Persistent SCSI reservations.
    pub reservations: Option<Reservations>,
    /// Its security labels.
    pub labels: SourceLabels,
    /// The data file of a qcow2 image, if it has one.
    pub data_store: Option<Box<DataStore>>,
    /// Its place in the XML.
    pub origin: Origin,
}

static MANAGED: DefaultRule = DefaultRule {
    name: "nvme-managed",
    text: "an NVMe disk is unbound from the host's driver for the guest and bound to it again afterwards, unless `managed='no'`",
};

impl StorageSource {
    /// Reads the `<source>` `f` of the kind `kind`; `None` where it is empty.
    pub fn lower(kind: StorageType, f: &Fields<'_, '_>) -> Option<Self> {
        let source = Self {
            location: Location::lower(kind, f),
            index: f.attr("index").filter(|_| f.cx().is_running()),
            startup_policy: f.attr("startupPolicy").filter(|_| kind != StorageType::Network),
            slice: Slice::lower(f),
            auth: f.child("auth").and_then(|a| Auth::lower(&a)),
            encryption: f.child("encryption").and_then(|e| Encryption::lower(&e)),
            reservations: f.child("reservations").map(|r| Reservations::lower(&r)),
            labels: SourceLabels::lower(f),
            data_store: f.child("dataStore").and_then(|d| DataStore::lower(&d)).map(Box::new),
            origin: f.origin(),
        };
        let has_content =
            source.location != Location::Empty || source.startup_policy.is_some() || !source.labels.is_empty();
        has_content.then_some(source)
    }

    /// Writes `<source>`; `<auth>` and `<encryption>` are left out where they are siblings of it.
    pub fn write(&self, w: &mut XmlWriter, with_auth: bool, with_encryption: bool) {
        let tag = self.location.write_attributes(w.tag("source"));
        tag.opt("startupPolicy", &self.startup_policy).opt("index", &self.index).children(|w| {
            self.location.write_children(w);
            if let Some(slice) = &self.slice {
                slice.write(w);
            }
            self.labels.write(w);
            if let Some(auth) = self.auth.as_ref().filter(|_| with_auth) {
                auth.write(w);
            }
            if let Some(encryption) = self.encryption.as_ref().filter(|_| with_encryption) {
                encryption.write(w);
            }
            if let Some(reservations) = &self.reservations {
                reservations.write(w);
            }
            if let Some(data) = &self.data_store {
                data.write(w);
            }
        });
    }

    /// Fills in what is absent.
    pub fn define(&mut self, origin: Origin) {
        match &mut self.location {
            Location::Network(network) => network.define(origin),
            Location::Nvme { managed, .. } => {
                managed.get_or_insert(Spanned::rule(YesNo::Yes, &MANAGED, origin));
            }
            Location::Empty
            | Location::File(..)
            | Location::Block(_)
            | Location::Dir(_)
            | Location::Volume { .. }
            | Location::VhostUser(..)
            | Location::VhostVdpa(_) => {}
        }
        if let Some(encryption) = &mut self.encryption {
            encryption.define();
        }
        if let Some(data) = &mut self.data_store {
            data.source.define(origin);
        }
    }

    /// Completes the name of an iSCSI target without a LUN with LUN 0.
    pub fn complete_target(&mut self) {
        if let Location::Network(network) = &mut self.location {
            network.complete_target();
        }
    }

    /// What the host must do so that QEMU can open the source.
    pub fn host(&self, readonly: bool, out: &mut RequirementsOf<'_>) {
        self.location.host(readonly, self.labels.keeps_owner(), out);
        self.labels.host(out);
        if self.reservations.is_some() {
            out.refuse("persistent reservations (`<reservations>`)", self.origin);
        }
        for secret in self.secrets() {
            out.refuse("secrets (`<secret>`)", secret.origin);
        }
        if let Some(data) = &self.data_store {
            data.source.host(readonly, out);
        }
    }

    /// The secrets that QEMU needs to open it.
    fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        let login = self.auth.iter().filter(|_| !matches!(self.location, Location::Volume { .. })).map(|a| &a.secret);
        login.chain(self.encryption.iter().flat_map(|e| &e.secrets))
    }

    /// Whether it is an empty drive.
    pub fn is_empty(&self) -> bool {
        self.location == Location::Empty
    }
}
