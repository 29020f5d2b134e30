//! Features of other hypervisors, which libvirt keeps in a definition for QEMU although they have no effect there.

use crate::ir::{Opt, Spanned, Switch, words};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// What an access to an unknown MSR does; bhyve only.
    pub enum UnknownMsr { Ignore = "ignore", Fault = "fault" }
}

words! {
    /// How Xen keeps its page tables for devices.
    pub enum PassthroughMode { Sync = "sync_pt", Share = "share_pt" }
}

/// Features that are kept without effect.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// `<hap>`: paging with the hardware's help; Xen only.
    pub hap: Opt<Switch>,
    /// `<msrs unknown>`.
    pub msrs: Opt<UnknownMsr>,
    /// Whether there is a `<xen>`.
    pub xen: bool,
    /// `<xen><e820_host>`.
    pub e820: Opt<Switch>,
    /// `<xen><passthrough>`: whether, and how.
    pub passthrough: (Opt<Switch>, Opt<PassthroughMode>),
    /// `<capabilities>` of containers, verbatim.
    pub capabilities: Option<String>,
}

impl Kept {
    pub(super) fn lower(features: &Fields<'_, '_>) -> Self {
        let xen = features.child("xen");
        let passthrough = xen.as_ref().and_then(|x| x.child("passthrough"));
        let capabilities = features.child("capabilities").and_then(|c| {
            let span = c.ignore_rest();
            // Without a policy and without a capability it has no content.
            let has_content = c.element().children().next().is_some()
                || c.element().attributes().any(|a| a.name() == "policy" && a.value() != "default");
            has_content.then(|| c.element().document().source().slice(span).to_owned())
        });
        Self {
            hap: features
                .child("hap")
                .map(|h| h.attr("state").unwrap_or(Spanned { value: Switch::On, origin: h.origin() })),
            msrs: features.child_attr("msrs", "unknown"),
            xen: xen.is_some(),
            e820: xen.as_ref().and_then(|x| x.child_attr("e820_host", "state")),
            passthrough: passthrough.map(|p| (p.attr("state"), p.attr("mode"))).unwrap_or_default(),
            capabilities,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hap.is_none() && self.msrs.is_none() && !self.xen && self.capabilities.is_none()
    }

    pub(super) fn write_hap(&self, w: &mut XmlWriter) {
        if self.hap.is_some() {
            w.tag("hap").opt("state", &self.hap).end();
        }
    }

    pub(super) fn write_capabilities(&self, w: &mut XmlWriter) {
        if let Some(capabilities) = &self.capabilities {
            w.raw(capabilities);
        }
    }

    /// Writes `<msrs>` and `<xen>`.
    pub(super) fn write_rest(&self, w: &mut XmlWriter) {
        if self.msrs.is_some() {
            w.tag("msrs").opt("unknown", &self.msrs).end();
        }
        let (state, mode) = &self.passthrough;
        if self.xen {
            w.tag("xen").children(|w| {
                if self.e820.is_some() {
                    w.tag("e820_host").opt("state", &self.e820).end();
                }
                if state.is_some() {
                    w.tag("passthrough").opt("state", state).opt("mode", mode).end();
                }
            });
        }
    }
}
