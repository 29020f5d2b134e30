//! `<slices>` and `<reservations>` of `<source>`.

use crate::ir::{Opt, OptExt, Origin, Spanned, YesNo};
use crate::model::devices::chardev::Reconnect;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// The part of a source that holds the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Its offset in bytes.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Its place in the XML.
    pub origin: Origin,
}

impl Slice {
    /// Reads the storage slice in `<slices>` of `f`.
    pub(super) fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let slices = f.child("slices")?;
        let slice = slices.child("slice")?;
        let _storage = slice.attr::<String>("type");
        let (offset, size) = (slice.attr::<u64>("offset")?, slice.attr::<u64>("size")?);
        Some(Self { offset: offset.value, size: size.value, origin: slice.origin() })
    }

    pub(super) fn write(&self, w: &mut XmlWriter) {
        w.tag("slices").children(|w| {
            let tag = w.tag("slice").attr("type", "storage").attr("offset", &self.offset.to_string());
            tag.attr("size", &self.size.to_string()).end();
        });
    }
}

/// `<reservations>`: the helper for persistent SCSI reservations (qemu-pr-helper).
#[derive(Debug, Clone)]
pub struct Reservations {
    /// Whether libvirt starts the helper.
    pub managed: Opt<YesNo>,
    /// The socket of a helper that libvirt does not start.
    pub socket: Opt<String>,
    reconnect: Option<Reconnect>,
    /// Which side connects; only `client` is valid.
    pub mode: Opt<String>,
    /// Its place in the XML.
    pub origin: Origin,
}

impl Reservations {
    pub(super) fn lower(f: &Fields<'_, '_>) -> Self {
        let source = f.child("source");
        let socket = source.as_ref().and_then(|s| {
            let _unix = s.attr::<String>("type");
            s.attr("path")
        });
        let mode = source.as_ref().and_then(|s| s.attr("mode"));
        let reconnect = source.as_ref().and_then(Reconnect::lower);
        Self { managed: f.attr("managed"), socket, reconnect, mode, origin: f.origin() }
    }

    /// Whether libvirt starts the helper.
    pub fn is_managed(&self) -> bool {
        self.managed.is(&YesNo::Yes)
    }

    pub(super) fn write(&self, w: &mut XmlWriter) {
        w.tag("reservations").opt("managed", &self.managed).children(|w| {
            let Some(socket) = &self.socket else { return };
            let tag = w.tag("source").attr("type", "unix").attr("path", socket).opt("mode", &self.mode);
            tag.children(|w| Reconnect::write(self.reconnect.as_ref(), w));
        });
    }

    /// A `mode` other than `client`.
    pub(super) fn wrong_mode(&self) -> Option<&Spanned<String>> {
        self.mode.as_ref().filter(|m| m.value != "client")
    }
}
