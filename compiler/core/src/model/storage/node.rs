//! The block nodes of one image: protocol, slice and format nodes, and the objects that they need.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{Opt, OptExt, Origin};
use crate::model::EmitContext;
use crate::model::storage::secret::EncryptionFormat;
use crate::model::storage::{ImageFormat, Location, StorageSource};
use crate::qemu::{ArgSection, Opts, Props, QemuOptions, Value, fd};
use crate::target::Target;

/// How requests are handled, in QEMU's terms.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// `cache.direct` and `cache.no-flush`.
    pub cache: Option<(bool, bool)>,
    /// `aio`: how requests are submitted on the host.
    pub aio: Option<&'static str>,
    /// `discard`.
    pub discard: Option<&'static str>,
    /// `detect-zeroes`.
    pub detect_zeroes: Option<&'static str>,
    /// `discard-no-unref`: whether discarded clusters stay allocated.
    pub no_unref: Option<bool>,
    /// `cache-size` of a qcow2 image, in bytes.
    pub metadata_cache: Option<u64>,
    /// Whether a directory is presented as a floppy disk (`vvfat`).
    pub floppy: bool,
    /// Whether the guest sees a CD-ROM drive.
    pub cdrom: bool,
    /// The number of the fd set of a vDPA device.
    pub fd_set: u32,
}

/// The backing node of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Below {
    /// Not given: what the image file itself names, if anything.
    Unsaid,
    /// None, whatever the image file names.
    Nothing,
    /// This node.
    Node(String),
}

/// One image, from which block nodes are made.
#[derive(Debug)]
pub struct Node<'s> {
    /// The prefix of its node names, such as `libvirt-1`.
    pub prefix: String,
    /// Its source.
    pub source: &'s StorageSource,
    /// Its format, where it is given.
    pub format: Opt<ImageFormat>,
    /// Whether it is read-only.
    pub readonly: bool,
    /// How requests are handled.
    pub settings: Settings,
    /// Its backing node.
    pub below: Below,
    /// The node of its data file, where it has one.
    pub data: Option<String>,
}

impl Node<'_> {
    /// The name of the top node, to which a device or another image refers.
    pub fn top(&self, cx: &EmitContext<'_>) -> String {
        if self.needs_format(self.format(cx), cx) {
            self.name("format")
        } else if self.source.slice.is_some() {
            self.name("slice-sto")
        } else {
            self.name("storage")
        }
    }

    pub(super) fn name(&self, layer: &str) -> String {
        format!("{}-{layer}", self.prefix)
    }

    /// The format; where it is not given, `fat` for a directory and `raw` for everything else.
    fn format(&self, cx: &EmitContext<'_>) -> ImageFormat {
        let is_dir = || self.source.actual(cx.facts).is_ok_and(|place| matches!(*place, Location::Dir(_)));
        self.format.get().unwrap_or_else(|| if is_dir() { ImageFormat::Fat } else { ImageFormat::Raw })
    }

    /// Whether raw images have a format node, because `block-commit` of this QEMU has no `backing-mask-protocol`.
    pub fn has_raw_format_node(target: &Target) -> bool {
        !target.at_least(9, 0)
    }

    /// Whether the image has a format node: a raw one only where QEMU decrypts it, or is old.
    pub(super) fn needs_format(&self, format: ImageFormat, cx: &EmitContext<'_>) -> bool {
        Self::has_raw_format_node(&cx.target)
            || format != ImageFormat::Raw
            || self.source.encryption.as_ref().is_some_and(super::Encryption::is_by_qemu)
    }

    /// `-object` and `-blockdev` of the image, each after what it refers to.
    pub fn options(&self, cx: &EmitContext<'_>, section: ArgSection, out: &mut QemuOptions) {
        let place = match self.source.actual(cx.facts) {
            Ok(place) => place,
            Err(fault) => return cx.report(*fault),
        };
        let format = self.format(cx);
        if matches!(*place, Location::VhostVdpa(_)) {
            let name = self.name("storage-vdpa");
            let opts = Opts::new().with("set", self.settings.fd_set.to_string()).with("fd", fd(&name));
            out.opts(section, "add-fd", opts.with("opaque", name), self.source.origin);
        }
        self.check_versions(&place, cx);
        let names = self.objects(&place, format, cx, section, out);
        let Some(backend) = self.backend(&place, &names, cx) else { return };
        let origin = self.source.location.origin().unwrap_or(self.source.origin);
        let is_top = !self.needs_format(format, cx);
        let sliced = self.source.slice.as_ref();
        let storage = backend.with("node-name", self.name("storage"));
        out.json(section, "blockdev", self.access(storage, is_top && sliced.is_none()), origin);
        if let Some(slice) = sliced {
            let props = Props::new()
                .with("driver", "raw")
                .with("file", self.name("storage"))
                .with("offset", slice.offset)
                .with("size", slice.size)
                .with("node-name", self.name("slice-sto"));
            out.json(section, "blockdev", self.access(props, is_top), slice.origin);
        }
        if !is_top {
            let file = self.name(if sliced.is_some() { "slice-sto" } else { "storage" });
            self.format_item(format, &file, &names.keys, section, out);
        }
    }

    /// Refuses what an older QEMU does not support.
    fn check_versions(&self, place: &Location, cx: &EmitContext<'_>) {
        let since = |major, minor, origin: Option<Origin>, what: &str| {
            if let Some(origin) = origin.filter(|_| !cx.target.at_least(major, minor)) {
                cx.report(Diagnostic::at(
                    &codes::UNSUPPORTED_CONFIGURATION,
                    origin,
                    format!("{what} needs QEMU {major}.{minor} or later"),
                ));
            }
        };
        if let Location::Network(network) = place {
            let name = network.tls_hostname.as_ref().map(|n| n.origin);
            since(7, 0, name, "`tlsHostname`");
            let encryption = self.source.encryption.as_ref().filter(|e| !e.is_by_qemu());
            let any = encryption.filter(|e| e.format.value == EncryptionFormat::LuksAny).map(|e| e.format.origin);
            since(8, 0, any, "RBD encryption `luks-any`");
            since(8, 0, encryption.and_then(|e| e.secrets.get(1)).map(|s| s.origin), "RBD encryption in layers");
        }
        let keeps = self.settings.no_unref.map(|_| self.source.origin);
        since(8, 1, keeps, "`discard-no-unref`");
    }

    /// The access properties of a node: the settings at the top node; below it, what leaves the decision to the top
    /// node.
    fn access(&self, props: Props, is_top: bool) -> Props {
        let props =
            if is_top { self.top_access(props) } else { props.with("auto-read-only", true).with("discard", "unmap") };
        props.opt("cache", self.cache())
    }

    fn top_access(&self, props: Props) -> Props {
        let props = props.with("read-only", self.readonly).opt("discard", self.settings.discard);
        props.opt("detect-zeroes", self.settings.detect_zeroes)
    }

    fn cache(&self) -> Option<Props> {
        let (direct, no_flush) = self.settings.cache?;
        Some(Props::new().with("direct", direct).with("no-flush", no_flush))
    }

    fn format_item(
        &self,
        format: ImageFormat,
        file: &str,
        keys: &[String],
        section: ArgSection,
        out: &mut QemuOptions,
    ) {
        let props = self.top_access(Props::new().with("node-name", self.name("format"))).opt("cache", self.cache());
        let encryption = self.source.encryption.as_ref().filter(|e| e.is_by_qemu());
        let key = keys.first().filter(|_| encryption.is_some()).map(String::as_str);
        let is_luks = encryption.is_some_and(|e| e.format.value == EncryptionFormat::Luks);
        let encrypt =
            key.map(|key| Props::new().with("format", if is_luks { "luks" } else { "aes" }).with("key-secret", key));
        let props = match format {
            ImageFormat::Raw | ImageFormat::Fat if key.is_some() => props.with("driver", "luks").opt("key-secret", key),
            ImageFormat::Qcow2 => props
                .with("driver", "qcow2")
                .opt("encrypt", encrypt)
                .opt("cache-size", self.settings.metadata_cache)
                .opt("discard-no-unref", self.settings.no_unref)
                .opt("data-file", self.data.as_deref()),
            ImageFormat::Qcow => props.with("driver", "qcow").opt("encrypt", encrypt),
            other @ (ImageFormat::Raw
            | ImageFormat::Dir
            | ImageFormat::Bochs
            | ImageFormat::Cloop
            | ImageFormat::Dmg
            | ImageFormat::Iso
            | ImageFormat::Vpc
            | ImageFormat::Vdi
            | ImageFormat::Fat
            | ImageFormat::Vhd
            | ImageFormat::Ploop
            | ImageFormat::Luks
            | ImageFormat::Cow
            | ImageFormat::Qed
            | ImageFormat::Vmdk) => props.with("driver", other.driver()),
        };
        let props = props.with("file", file);
        let props = match &self.below {
            Below::Node(name) => props.with("backing", name),
            Below::Nothing if format.has_backing() => props.with("backing", Value::Null),
            Below::Nothing | Below::Unsaid => props,
        };
        // The source is a better origin than a format that was filled in.
        let origin = self.format.map(|f| f.origin).filter(|o| o.by_rule().is_none());
        out.json(section, "blockdev", props, origin.unwrap_or(self.source.origin));
    }
}
