//! `<firmware>`, `<loader>` and `<nvram>` of `<os>`.

use virtc_diag::Diagnostic;

use crate::codes::{self};
use crate::ir::{Opt, OptExt, Origin, YesNo, words};
use crate::model::storage::{ImageFormat, StorageSource, StorageType};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

use super::Os;

words! {
    /// The kind of firmware that is chosen automatically.
    pub enum FirmwareKind { Bios = "bios", Efi = "efi" }
}

words! {
    /// How the firmware image is mapped.
    pub enum LoaderType { Rom = "rom", Pflash = "pflash" }
}

words! {
    /// The format of a firmware image.
    pub enum FirmwareFormat { Raw = "raw", Qcow2 = "qcow2" }
}

words! {
    /// The type of a source.
    pub enum NvramType {
        File = "file", Block = "block", Dir = "dir", Network = "network", Volume = "volume", Nvme = "nvme",
        Vhostuser = "vhostuser", Vhostvdpa = "vhostvdpa",
    }
}

impl FirmwareFormat {
    /// The format of an image.
    pub(super) fn image(self) -> ImageFormat {
        match self {
            Self::Raw => ImageFormat::Raw,
            Self::Qcow2 => ImageFormat::Qcow2,
        }
    }
}

/// Features that automatically chosen firmware must have or must not have.
#[derive(Debug, Clone, Default)]
pub struct FirmwareFeatures {
    /// Enrolled keys: the certificates of the default vendors.
    pub enrolled_keys: Opt<YesNo>,
    /// Secure Boot.
    pub secure_boot: Opt<YesNo>,
}

/// `<loader>`.
#[derive(Debug, Clone, Default)]
pub struct Loader {
    /// The path of the image.
    pub path: Opt<String>,
    /// Whether the guest cannot write it.
    pub readonly: Opt<YesNo>,
    /// Whether it protects its variables with SMM, for Secure Boot.
    pub secure: Opt<YesNo>,
    /// Whether it has no variable store.
    pub stateless: Opt<YesNo>,
    /// How it is mapped.
    pub kind: Opt<LoaderType>,
    /// The format of the image.
    pub format: Opt<FirmwareFormat>,
}

/// `<nvram>`: the variable store of the firmware.
#[derive(Debug, Clone, Default)]
pub struct NvramStore {
    /// The path of the file or device.
    pub path: Opt<String>,
    /// The source on the network.
    pub source: Option<Box<StorageSource>>,
    /// The type of `<source>`; absent where the path is the text of `<nvram>`.
    pub kind: Opt<NvramType>,
    /// The file that it is copied from when it does not exist.
    pub template: Opt<String>,
    /// The format of the template.
    pub template_format: Opt<FirmwareFormat>,
    /// The format of the image.
    pub format: Opt<FirmwareFormat>,
    /// The place of `<nvram>` in the XML.
    pub origin: Option<Origin>,
}

impl FirmwareFeatures {
    fn lower(os: &Fields<'_, '_>) -> Self {
        let mut out = Self::default();
        let Some(firmware) = os.child("firmware") else { return out };
        for feature in firmware.children("feature") {
            let (name, enabled) = (feature.attr::<String>("name"), feature.attr("enabled"));
            match name.as_ref().map(|n| n.value.as_str()) {
                Some("enrolled-keys") => out.enrolled_keys = enabled,
                _ => out.secure_boot = enabled,
            }
        }
        out
    }

    /// The features with their names, in libvirt's order.
    fn list(&self) -> [(&'static str, &Opt<YesNo>); 2] {
        [("enrolled-keys", &self.enrolled_keys), ("secure-boot", &self.secure_boot)]
    }

    /// The first feature that is asked for.
    pub(super) fn first(&self) -> Opt<YesNo> {
        self.enrolled_keys.or(self.secure_boot)
    }

    fn any(&self) -> bool {
        self.list().iter().any(|(_, enabled)| enabled.is_some())
    }
}

impl Loader {
    fn lower(os: &Fields<'_, '_>) -> Option<Self> {
        let f = os.child("loader")?;
        Some(Self {
            readonly: f.attr("readonly"),
            secure: f.attr("secure"),
            stateless: f.attr("stateless"),
            kind: f.attr("type"),
            format: f.attr("format"),
            path: f.text(),
        })
    }

    /// Whether it is mapped as flash.
    pub fn is_flash(&self) -> bool {
        self.kind.is(&LoaderType::Pflash)
    }
}

impl NvramStore {
    fn lower(os: &Fields<'_, '_>) -> Option<Self> {
        let f = os.child("nvram")?;
        let kind: Opt<NvramType> = f.attr("type");
        let (template, template_format, format) = (f.attr("template"), f.attr("templateFormat"), f.attr("format"));
        let mut server = None;
        let path = |source: &Fields<'_, '_>, name: &str| {
            source.without_effect(&["index", "startupPolicy", "fdgroup"], &[], "variable store");
            source.attr(name)
        };
        let path = match (kind.get(), f.child("source")) {
            (Some(NvramType::File), Some(source)) => path(&source, "file"),
            (Some(NvramType::Block), Some(source)) => path(&source, "dev"),
            (Some(NvramType::Network), Some(source)) => {
                server = StorageSource::lower(StorageType::Network, &source).map(Box::new);
                None
            }
            (None, Some(source)) => {
                let span = source.ignore_rest();
                f.cx().unsupported(span, "this `<source>` of `<nvram>`");
                None
            }
            (Some(other), Some(source)) => {
                let message = format!("`<nvram>` does not support sources of type `{}`", other.word());
                f.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, source.ignore_rest(), message));
                None
            }
            (_, None) => f.text(),
        };
        Some(Self { path, source: server, kind, template, template_format, format, origin: Some(f.origin()) })
    }

    /// Whether the definition says where it is.
    pub fn has_source(&self) -> bool {
        self.path.is_some() || self.source.is_some()
    }

    /// Whether it is a file or device of the host.
    pub fn is_local(&self) -> bool {
        !self.kind.is(&NvramType::Network)
    }
}

/// Reads the elements from `<os>`.
pub(super) fn lower(f: &Fields<'_, '_>, os: &mut Os) {
    os.firmware = f.attr("firmware");
    os.firmware_features = FirmwareFeatures::lower(f);
    os.loader_origin = f.child("loader").map(|l| Origin::Xml(l.ignore_rest()));
    os.loader = Loader::lower(f);
    os.nvram = NvramStore::lower(f);
}

/// Writes the elements.
pub(super) fn write(os: &Os, w: &mut XmlWriter) {
    if os.firmware_features.any() {
        w.tag("firmware").children(|w| {
            for (name, enabled) in os.firmware_features.list() {
                if enabled.is_some() {
                    w.tag("feature").opt("enabled", enabled).attr("name", name).end();
                }
            }
        });
    }
    if let Some(l) = &os.loader {
        let tag = w.tag("loader").opt("readonly", &l.readonly).opt("secure", &l.secure).opt("type", &l.kind);
        let tag = tag.opt("stateless", &l.stateless).opt("format", &l.format);
        match &l.path {
            Some(path) => tag.text(path),
            None => tag.end(),
        }
    }
    if let Some(n) = &os.nvram {
        let tag = w.tag("nvram").opt("template", &n.template).opt("templateFormat", &n.template_format);
        let tag = tag.opt("type", &n.kind).opt("format", &n.format);
        match (&n.path, n.kind.get()) {
            (None, _) => tag.children(|w| {
                if let Some(source) = &n.source {
                    source.write(w, true, true);
                }
            }),
            (Some(path), None) => tag.text(path),
            (Some(path), Some(kind)) => {
                let name = if kind == NvramType::Block { "dev" } else { "file" };
                tag.children(|w| w.tag("source").attr(name, path).end());
            }
        }
    }
}
