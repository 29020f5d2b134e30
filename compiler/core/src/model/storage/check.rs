//! What QEMU and libvirt refuse in a disk source (`qemuDomainValidateStorageSource` in libvirt's
//! `src/qemu/qemu_domain.c`, and the checks of the parser in its `src/conf/domain_conf.c`).

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes::{self, Report as _};
use crate::ir::{Opt, OptExt, Spanned};
use crate::model::storage::secret::{EncryptionEngine, EncryptionFormat, SecretUsage};
use crate::model::storage::{Encryption, ImageFormat, Location, MetadataCache, Protocol, StorageSource};

/// An image to check.
pub struct Checked<'s> {
    /// Its source.
    pub source: &'s StorageSource,
    /// Its format.
    pub format: &'s Opt<ImageFormat>,
    /// Whether it is read-only.
    pub readonly: bool,
    /// Its cache.
    pub cache: Option<&'s MetadataCache>,
}

impl Checked<'_> {
    /// Reports everything that is wrong with the image itself.
    pub fn check(&self, faults: &mut Diagnostics) {
        self.format(faults);
        let source = self.source;
        match &source.location {
            Location::File(_, Some(group)) => {
                let message = format!("there is no fd group `{}`", group.value);
                faults.refuse_with(group.origin, message, "remove `fdgroup`: virtc opens files itself");
            }
            Location::Network(network) => super::network_check::check(network, faults),
            Location::Nvme { namespace, .. } if namespace.value == 0 => {
                faults.refuse(namespace.origin, "`namespace` of an NVMe disk is at least 1");
            }
            Location::Empty
            | Location::File(_, None)
            | Location::Block(_)
            | Location::Dir(_)
            | Location::Volume { .. }
            | Location::Nvme { .. }
            | Location::VhostUser(..)
            | Location::VhostVdpa(_) => {}
        }
        self.login(faults);
        if let Some(encryption) = &source.encryption {
            self.encryption(encryption, faults);
        }
        self.data(faults);
        if let Some(reservations) = &source.reservations {
            if let Some(mode) = reservations.wrong_mode() {
                faults.refuse(mode.origin, "`mode` of `<reservations>` must be `client`");
            }
            if !reservations.is_managed() && reservations.socket.is_none() {
                let message = "`<reservations managed='no'>` needs the socket of a helper";
                let help = "add `<source type='unix' path='…' mode='client'/>`";
                faults.add_with(&codes::MISSING, reservations.origin, message, help);
            }
        }
    }

    fn format(&self, faults: &mut Diagnostics) {
        let Some(format) = self.format else { return };
        let refuse = |message: &str| Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, format.origin, message);
        known_format(format, faults);
        match format.value {
            ImageFormat::Cow | ImageFormat::Dir | ImageFormat::Iso | ImageFormat::Luks => {}
            ImageFormat::Fat if !self.may_be_directory() => {
                faults.push(
                    refuse("format `fat` is supported for `<disk type='dir'>` only").help("use `<disk type='dir'>`"),
                );
            }
            other if other != ImageFormat::Fat && matches!(self.source.location, Location::Dir(_)) => {
                faults.push(refuse("`<disk type='dir'>` needs the format `fat`").help("use `type='fat'`"));
            }
            ImageFormat::Raw
            | ImageFormat::Bochs
            | ImageFormat::Cloop
            | ImageFormat::Dmg
            | ImageFormat::Vpc
            | ImageFormat::Vdi
            | ImageFormat::Fat
            | ImageFormat::Vhd
            | ImageFormat::Ploop
            | ImageFormat::Qcow
            | ImageFormat::Qcow2
            | ImageFormat::Qed
            | ImageFormat::Vmdk => {}
        }
        if let Some(cache) = self.cache.filter(|_| format.value != ImageFormat::Qcow2) {
            faults.refuse(cache.bytes.origin, "`<metadata_cache>` is supported for qcow2 only");
        }
        if matches!(self.source.location, Location::Dir(_)) && !self.readonly {
            let help = "add `<readonly/>`";
            faults.refuse_with(self.source.origin, "`<disk type='dir'>` must be read-only", help);
        }
    }

    fn may_be_directory(&self) -> bool {
        matches!(self.source.location, Location::Dir(_) | Location::Volume { .. })
    }

    /// Checks that the type of the secret matches the protocol.
    fn login(&self, faults: &mut Diagnostics) {
        let (Some(auth), Location::Network(network)) = (&self.source.auth, &self.source.location) else { return };
        let wanted = match network.protocol.value {
            Protocol::Iscsi => SecretUsage::Iscsi,
            Protocol::Rbd => SecretUsage::Ceph,
            Protocol::Nbd
            | Protocol::Sheepdog
            | Protocol::Gluster
            | Protocol::Http
            | Protocol::Https
            | Protocol::Ftp
            | Protocol::Ftps
            | Protocol::Tftp
            | Protocol::Ssh
            | Protocol::Vxhs
            | Protocol::Nfs => return,
        };
        if let Some(usage) = auth.secret.usage.filter(|u| u.value != wanted) {
            let (protocol, word) = (network.protocol.word(), usage.word());
            let message =
                format!("`<auth>` for protocol `{protocol}` needs a secret of type `{}`, not `{word}`", wanted.word());
            faults.refuse(usage.origin, message);
        }
    }

    fn encryption(&self, encryption: &Encryption, faults: &mut Diagnostics) {
        let format = encryption.format;
        let is_rbd = matches!(&self.source.location, Location::Network(n) if n.protocol.value == Protocol::Rbd);
        if encryption.engine.is(&EncryptionEngine::Librbd) {
            let engine = encryption.engine.origin_or(encryption.origin);
            if !is_rbd {
                faults.refuse(engine, "encryption engine `librbd` is supported for RBD images only");
            }
            if matches!(format.value, EncryptionFormat::Default | EncryptionFormat::Qcow) {
                let message = format!("encryption format `{}` is not supported by librbd", format.word());
                faults.refuse_with(format.origin, message, "use `luks`, `luks2` or `luks-any`");
            }
            return;
        }
        match format.value {
            EncryptionFormat::Luks => {}
            EncryptionFormat::Qcow | EncryptionFormat::Default => {
                let message = "the legacy encryption of qcow and qcow2 is no longer supported";
                faults.refuse_with(format.origin, message, "use `luks`");
            }
            EncryptionFormat::Luks2 | EncryptionFormat::LuksAny => {
                let message = format!("encryption format `{}` is not supported by QEMU", format.word());
                faults.refuse_with(format.origin, message, "use `luks`, or `engine='librbd'` for an RBD image");
            }
        }
        let holds = [ImageFormat::Raw, ImageFormat::Qcow2, ImageFormat::Qcow];
        if let Some(kind) = self.format.filter(|f| !holds.contains(&f.value)) {
            let message = format!("encryption is not supported for image format `{}`", kind.word());
            faults.refuse(kind.origin, message);
        }
        if let Some(second) = encryption.secrets.get(1) {
            faults.refuse_with(
                second.origin,
                "more than one encryption `<secret>` is not supported by QEMU",
                "use one `<secret>`, or `engine='librbd'` for an RBD image",
            );
        }
    }

    /// Checks `<dataStore>`.
    fn data(&self, faults: &mut Diagnostics) {
        let Some(data) = &self.source.data_store else { return };
        if !self.format.is(&ImageFormat::Qcow2) {
            faults.refuse(data.origin, "`<dataStore>` is supported for qcow2 only");
        }
        if let Some(kind) = data.format.kind.filter(|f| f.value != ImageFormat::Raw) {
            faults.refuse_with(kind.origin, "the format of `<dataStore>` must be `raw`", "use `type='raw'`");
        }
        let part = Checked {
            source: &data.source,
            format: &data.format.kind,
            readonly: self.readonly,
            cache: data.format.cache.as_ref(),
        };
        part.check(faults);
    }
}

/// Refuses formats of libvirt that QEMU does not support for disks.
pub fn known_format(format: &Spanned<ImageFormat>, faults: &mut Diagnostics) {
    let refuse = |message: &str| Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, format.origin, message);
    match format.value {
        ImageFormat::Cow => faults.push(refuse("image format `cow` is no longer supported by QEMU")),
        ImageFormat::Dir => {
            let help = "use `<disk type='dir'>` with the format `fat`";
            faults.push(refuse("image format `dir` is not supported by QEMU").help(help));
        }
        ImageFormat::Iso => faults.push(refuse("image format `iso` is not supported by QEMU").help("use `raw`")),
        ImageFormat::Luks => {
            let help = "use `raw`, with `<encryption format='luks'>` in `<source>`";
            faults.push(refuse("`luks` is not an image format, but an encryption format").help(help));
        }
        ImageFormat::Raw
        | ImageFormat::Bochs
        | ImageFormat::Cloop
        | ImageFormat::Dmg
        | ImageFormat::Vpc
        | ImageFormat::Vdi
        | ImageFormat::Fat
        | ImageFormat::Vhd
        | ImageFormat::Ploop
        | ImageFormat::Qcow
        | ImageFormat::Qcow2
        | ImageFormat::Qed
        | ImageFormat::Vmdk => {}
    }
}
