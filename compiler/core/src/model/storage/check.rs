//! What QEMU and libvirt refuse of a source (`qemuDomainValidateStorageSource` in libvirt's `src/qemu/qemu_domain.c`, and the checks of the
//! parser in its `src/conf/domain_conf.c`).

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes::{self, Report as _};
use crate::ir::{Opt, OptExt, Origin, Spanned, YesNo};
use crate::model::storage::secret::{EncryptionEngine, EncryptionFormat, SecretUsage};
use crate::model::storage::{
    Encryption, ImageFormat, Location, MetadataCache, Network, Protocol, StorageSource, Transport,
};

/// The image that is checked.
pub struct Checked<'s> {
    /// Where it lives.
    pub source: &'s StorageSource,
    /// Its format.
    pub format: &'s Opt<ImageFormat>,
    /// Whether nobody writes to it.
    pub readonly: bool,
    /// Its cache.
    pub cache: Option<&'s MetadataCache>,
}

impl Checked<'_> {
    /// Everything that is wrong with it alone.
    pub fn check(&self, faults: &mut Diagnostics) {
        self.format(faults);
        let source = self.source;
        match &source.location {
            Location::File(_, Some(group)) => {
                let message = format!("no descriptors have been passed for the group `{}`", group.value);
                faults.refuse_with(group.origin, message, "virtc opens files itself: remove `fdgroup`");
            }
            Location::Network(network) => network_faults(network, faults),
            Location::Nvme { namespace, .. } if namespace.value == 0 => {
                faults.refuse(namespace.origin, "the namespaces of an NVMe disk count from 1");
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
                faults.refuse(mode.origin, "QEMU connects to the helper as a client");
            }
            if !reservations.is_managed() && reservations.socket.is_none() {
                let message = "reservations that libvirt does not manage need the socket of a helper";
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
                faults.push(refuse("only a directory has the format `fat`").help("use `<disk type='dir'>`"));
            }
            other if other != ImageFormat::Fat && matches!(self.source.location, Location::Dir(_)) => {
                faults.push(refuse("a directory is shown with the format `fat`").help("use `type='fat'`"));
            }
            _ => {}
        }
        if let Some(cache) = self.cache.filter(|_| format.value != ImageFormat::Qcow2) {
            faults.refuse(cache.bytes.origin, "only a qcow2 image has a metadata cache");
        }
        if matches!(self.source.location, Location::Dir(_)) && !self.readonly {
            let help = "add `<readonly/>`";
            faults.refuse_with(self.source.origin, "the guest cannot write to a directory of the host", help);
        }
    }

    fn may_be_directory(&self) -> bool {
        matches!(self.source.location, Location::Dir(_) | Location::Volume { .. })
    }

    /// The kind of the secret fits the protocol.
    fn login(&self, faults: &mut Diagnostics) {
        let (Some(auth), Location::Network(network)) = (&self.source.auth, &self.source.location) else { return };
        let wanted = match network.protocol.value {
            Protocol::Iscsi => SecretUsage::Iscsi,
            Protocol::Rbd => SecretUsage::Ceph,
            _ => return,
        };
        if let Some(usage) = auth.secret.usage.filter(|u| u.value != wanted) {
            let (protocol, word) = (network.protocol.word(), usage.word());
            let message =
                format!("a login at an `{protocol}` server has a secret of type `{}`, not `{word}`", wanted.word());
            faults.refuse(usage.origin, message);
        }
    }

    fn encryption(&self, encryption: &Encryption, faults: &mut Diagnostics) {
        let format = encryption.format;
        let is_rbd = matches!(&self.source.location, Location::Network(n) if n.protocol.value == Protocol::Rbd);
        if encryption.engine.is(&EncryptionEngine::Librbd) {
            let engine = encryption.engine.origin_or(encryption.origin);
            if !is_rbd {
                faults.refuse(engine, "librbd decrypts RBD images only");
            }
            if matches!(format.value, EncryptionFormat::Default | EncryptionFormat::Qcow) {
                let message = format!("librbd does not know the encryption `{}`", format.word());
                faults.refuse_with(format.origin, message, "use `luks`, `luks2` or `luks-any`");
            }
            return;
        }
        match format.value {
            EncryptionFormat::Luks => {}
            EncryptionFormat::Qcow | EncryptionFormat::Default => {
                let message = "the old encryption of qcow and qcow2 images is not supported any more";
                faults.refuse_with(format.origin, message, "use `luks`");
            }
            EncryptionFormat::Luks2 | EncryptionFormat::LuksAny => {
                let message = format!("QEMU does not decrypt `{}`", format.word());
                faults.refuse_with(format.origin, message, "use `luks`, or `engine='librbd'` for an RBD image");
            }
        }
        let holds = [ImageFormat::Raw, ImageFormat::Qcow2, ImageFormat::Qcow];
        if let Some(kind) = self.format.filter(|f| !holds.contains(&f.value)) {
            let message = format!("an image of the format `{}` cannot be encrypted", kind.word());
            faults.refuse(kind.origin, message);
        }
        if let Some(second) = encryption.secrets.get(1) {
            faults.refuse_with(second.origin, "QEMU takes one key only", "several keys are for `engine='librbd'`");
        }
    }

    /// Only qcow2 keeps its data elsewhere, and keeps it raw.
    fn data(&self, faults: &mut Diagnostics) {
        let Some(data) = &self.source.data_store else { return };
        if !self.format.is(&ImageFormat::Qcow2) {
            faults.refuse(data.origin, "only a qcow2 image keeps its data in another file");
        }
        if let Some(kind) = data.format.kind.filter(|f| f.value != ImageFormat::Raw) {
            faults.refuse_with(kind.origin, "the data of a qcow2 image is kept raw", "use `type='raw'`");
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

/// Words for formats that no image of a disk has.
pub fn known_format(format: &Spanned<ImageFormat>, faults: &mut Diagnostics) {
    let refuse = |message: &str| Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, format.origin, message);
    match format.value {
        ImageFormat::Cow => faults.push(refuse("QEMU has no format `cow` any more")),
        ImageFormat::Dir => {
            let help = "use `<disk type='dir'>` with the format `fat`";
            faults.push(refuse("`dir` is no format that QEMU reads").help(help));
        }
        ImageFormat::Iso => faults.push(refuse("`iso` is no format that QEMU reads").help("use `raw`")),
        ImageFormat::Luks => {
            let help = "use `raw`, with `<encryption format='luks'>` in `<source>`";
            faults.push(refuse("`luks` is no format of a disk but one of its encryption").help(help));
        }
        _ => {}
    }
}

/// What no server of this protocol has.
fn network_faults(network: &Network, faults: &mut Diagnostics) {
    let protocol = network.protocol;
    let word = protocol.word();
    match protocol.value {
        Protocol::Sheepdog | Protocol::Vxhs => {
            faults.refuse(protocol.origin, format!("QEMU does not speak `{word}` any more"));
        }
        Protocol::Tftp => faults.refuse(protocol.origin, "QEMU does not speak `tftp`"),
        Protocol::Nfs => nfs_faults(network, faults),
        _ => {}
    }
    if network.hosts.len() != 1 && !matches!(protocol.value, Protocol::Rbd | Protocol::Gluster) {
        let message = format!("`{word}` takes one server, and {} are named", network.hosts.len());
        faults.refuse(protocol.origin, message);
    }
    if let Some(name) = &network.name {
        name_faults(protocol.value, name, faults);
    } else if protocol.value != Protocol::Nbd {
        let message = "the source does not say what the server shall serve";
        faults.add_with(&codes::MISSING, protocol.origin, message, "add `name='…'`");
    }
    for transport in network.hosts.iter().filter_map(|h| h.transport) {
        let fits = match transport.value {
            Transport::Tcp => true,
            Transport::Unix => matches!(protocol.value, Protocol::Nbd | Protocol::Gluster),
            Transport::Rdma => false,
        };
        // libvirt makes addresses of these that no server has.
        let passes = [Protocol::Http, Protocol::Https, Protocol::Ftp, Protocol::Ftps, Protocol::Iscsi];
        if !fits && passes.contains(&protocol.value) {
            let message = format!("QEMU does not speak `{word}` over `{}`", transport.word());
            faults.add_with(&codes::REFUSED_BY_QEMU, transport.origin, message, "leave `transport` away");
        } else if !fits {
            let message = format!("QEMU does not speak `{word}` over `{}`", transport.word());
            faults.refuse(transport.origin, message);
        }
    }
    if let Some(hostname) = network.tls_hostname.as_ref().filter(|_| network.tls.is(&YesNo::No)) {
        faults.refuse(hostname.origin, "a connection that is not encrypted has no certificate to check");
    }
    for (_, value) in &network.cookies {
        let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
        if quoted.contains(|c: char| !c.is_ascii_graphic() || "\",;\\".contains(c)) {
            faults.refuse(value.origin, "the value of a cookie has a character that a cookie cannot have");
        }
    }
    let names: Vec<&str> = network.cookies.iter().map(|(name, _)| name.value.as_str()).collect();
    for (at, (name, _)) in network.cookies.iter().enumerate() {
        if names.iter().take(at).any(|n| *n == name.value) {
            faults.conflict(name.origin, format!("there are two cookies of the name `{}`", name.value));
        }
    }
}

fn name_faults(protocol: Protocol, name: &Spanned<String>, faults: &mut Diagnostics) {
    let bad = |message: String| Diagnostic::at(&codes::BAD_VALUE, name.origin, message);
    match protocol {
        Protocol::Rbd | Protocol::Gluster if name.split_once('/').is_none_or(|(a, b)| a.is_empty() || b.is_empty()) => {
            faults.push(bad(format!("`{}` is not of the form `pool/image`", name.value)));
        }
        Protocol::Rbd if name.contains(':') => {
            faults.refuse(name.origin, "the name of an RBD image has no `:`");
        }
        Protocol::Iscsi if name.split_once('/').is_some_and(|(_, lun)| lun.parse::<u32>().is_err()) => {
            faults.push(bad(format!("`{}` does not end in `/` and the number of a LUN", name.value)));
        }
        _ => {}
    }
}

fn nfs_faults(network: &Network, faults: &mut Diagnostics) {
    for port in network.hosts.iter().filter_map(|h| h.port).filter(|port| port.value > 0) {
        let origin: Origin = port.origin;
        faults.refuse(origin, "QEMU's NFS client has no option for a port");
    }
}
