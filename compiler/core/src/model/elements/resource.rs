//! `<resource>`: the parent cgroup of the domain's, and its id for Fibre Channel.

use virtc_diag::Diagnostics;

use crate::codes::{self, Report as _};
use crate::ir::{Opt, Origin};
use crate::model::Element;
use crate::model::EmitContext;
use crate::qemu::RequirementsOf;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// `<resource>`.
#[derive(Debug, Clone, Default)]
pub struct Resource {
    /// An element without content.
    nothing: Option<Origin>,
    /// `<partition>`: the parent cgroup of the domain's.
    partition: Opt<String>,
    /// `<fibrechannel appid>`: the id that Fibre Channel frames carry.
    appid: Opt<String>,
}

impl Resource {
    /// Reports an empty element.
    pub fn check(&self, faults: &mut Diagnostics) {
        if let Some(nothing) = self.nothing {
            let message = "`<resource>` is empty";
            faults.add_with(&codes::MISSING, nothing, message, "remove it, or add `<partition>…</partition>`");
        }
    }
}

impl Element for Resource {
    fn lower(domain: &Fields<'_, '_>) -> Self {
        let resource = domain.child("resource");
        Self {
            nothing: resource.as_ref().filter(|r| r.element().children().next().is_none()).map(Fields::origin),
            partition: resource.as_ref().and_then(|r| r.child_text("partition")),
            appid: resource.and_then(|r| r.child_attr("fibrechannel", "appid")),
        }
    }

    fn write(&self, w: &mut XmlWriter) {
        if self.partition.is_some() || self.appid.is_some() {
            w.tag("resource").children(|w| {
                w.opt_text("partition", &self.partition);
                if self.appid.is_some() {
                    w.tag("fibrechannel").opt("appid", &self.appid).end();
                }
            });
        }
    }

    /// What the runtime cannot do yet.
    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        for value in self.partition.iter().chain(&self.appid) {
            out.refuse("`<resource>` (`<partition>`, `<fibrechannel>`)", value.origin);
        }
    }
}
