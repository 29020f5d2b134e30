//! `<resource>`: the cgroup and the id for Fibre Channel that the domain belongs to.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{Opt, Origin};
use crate::model::Element;
use crate::model::EmitContext;
use crate::qemu::RequirementsOf;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// `<resource>`.
#[derive(Debug, Clone, Default)]
pub struct Resource {
    /// An element that names no resource.
    nothing: Option<Origin>,
    /// `<partition>`: the cgroup that the domain belongs to.
    partition: Opt<String>,
    /// `<fibrechannel appid>`.
    appid: Opt<String>,
}

impl Resource {
    /// Says what is missing.
    pub fn check(&self, report: &mut dyn FnMut(Diagnostic)) {
        if let Some(nothing) = self.nothing {
            let span = nothing.span();
            let fault = Diagnostic::at(&codes::MISSING, span, "`<resource>` names no resource");
            report(fault.help("remove it, or add `<partition>`"));
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
            out.refuse("a cgroup or an id for Fibre Channel of the definition's choice", value.origin);
        }
    }
}
