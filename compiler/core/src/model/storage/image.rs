//! An image's format, metadata cache and data file.

use crate::ir::{Opt, Origin, Spanned, unit_bytes, words};
use crate::model::storage::{StorageSource, StorageType};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// The format of an image.
    pub enum ImageFormat {
        Raw = "raw", Dir = "dir", Bochs = "bochs", Cloop = "cloop", Dmg = "dmg", Iso = "iso", Vpc = "vpc", Vdi = "vdi", Fat = "fat",
        Vhd = "vhd", Ploop = "ploop", Luks = "luks", Cow = "cow", Qcow = "qcow", Qcow2 = "qcow2", Qed = "qed", Vmdk = "vmdk",
    }
}

impl ImageFormat {
    /// Whether an image of this format can have a backing image.
    pub fn has_backing(self) -> bool {
        matches!(self, Self::Cow | Self::Qcow | Self::Qcow2 | Self::Qed | Self::Vmdk)
    }

    /// The name of QEMU's driver (`qemuBlockStorageSourceGetBlockdevFormatProps` in libvirt's `src/qemu/qemu_block.c`).
    pub fn driver(self) -> &'static str {
        match self {
            Self::Fat => "raw",
            Self::Vhd => "vhdx",
            Self::Ploop => "parallels",
            Self::Raw
            | Self::Dir
            | Self::Bochs
            | Self::Cloop
            | Self::Dmg
            | Self::Iso
            | Self::Vpc
            | Self::Vdi
            | Self::Luks
            | Self::Cow
            | Self::Qcow
            | Self::Qcow2
            | Self::Qed
            | Self::Vmdk => self.word(),
        }
    }
}

/// `<metadata_cache>`: the maximum size of the cache for a qcow2 image's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetadataCache {
    /// The maximum size in bytes, at least 1.
    pub bytes: Spanned<u64>,
}

impl MetadataCache {
    /// Reads `<metadata_cache>` in `f`.
    pub fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let cache = f.child("metadata_cache")?;
        let size = cache.child("max_size")?;
        let unit = size.attr::<String>("unit");
        let factor = unit_bytes(unit.as_ref().map_or("bytes", |u| u.value.as_str()));
        let bytes = size.text::<u64>()?;
        let Some(value) = factor.and_then(|f| bytes.value.checked_mul(f)) else {
            f.report(virtc_diag::Diagnostic::at(
                &crate::codes::BAD_VALUE,
                bytes.origin,
                "`max_size` of `<metadata_cache>` is larger than 2^64 bytes",
            ));
            return None;
        };
        (value > 0).then_some(Self { bytes: Spanned { value, origin: bytes.origin } })
    }

    /// Writes `<metadata_cache>`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("metadata_cache").children(|w| {
            w.tag("max_size").attr("unit", "bytes").text(&self.bytes.value.to_string());
        });
    }
}

/// `<format>` of `<backingStore>` or `<dataStore>`.
#[derive(Debug, Clone)]
pub struct Format {
    /// The format.
    pub kind: Opt<ImageFormat>,
    /// Its metadata cache.
    pub cache: Option<MetadataCache>,
}

impl Format {
    /// The `<format>` in `f`.
    pub(super) fn lower(f: &Fields<'_, '_>) -> Self {
        let Some(format) = f.child("format") else { return Self { kind: None, cache: None } };
        Self { kind: format.attr("type"), cache: MetadataCache::lower(&format) }
    }

    /// Writes `<format>`.
    pub(super) fn write(&self, w: &mut XmlWriter) {
        if self.kind.is_none() {
            return;
        }
        let tag = w.tag("format").opt("type", &self.kind);
        tag.children(|w| {
            if let Some(cache) = &self.cache {
                cache.write(w);
            }
        });
    }
}

/// `<dataStore>`: the file that holds the data of a qcow2 image.
#[derive(Debug, Clone)]
pub struct DataStore {
    /// The type of its source.
    pub kind: Opt<StorageType>,
    /// Its format.
    pub format: Format,
    /// Its source.
    pub source: StorageSource,
    /// Its place in the XML.
    pub origin: Origin,
}

impl DataStore {
    pub(super) fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let kind: Opt<StorageType> = f.attr("type");
        let source = StorageSource::lower(kind.as_ref().map_or(StorageType::File, |k| k.value), &f.child("source")?)?;
        Some(Self { kind, format: Format::lower(f), source, origin: f.origin() })
    }

    pub(super) fn write(&self, w: &mut XmlWriter) {
        w.tag("dataStore").attr("type", self.kind.as_ref().map_or("file", |k| k.value.word())).children(|w| {
            self.format.write(w);
            self.source.write(w, true, true);
        });
    }
}
