//! `<vcpu>`.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::emit::{Cx, Items, Opts, Section};
use crate::ir::{CpuSet, Leaf, Opt, OptExt, Origin, Rule, Spanned, words};
use crate::lower::Fields;
use crate::write::XmlWriter;

words! {
    /// Who places the virtual CPUs on the host's.
    pub enum Placement { Static = "static" }
}

/// The virtual CPUs.
#[derive(Debug, Clone, Default)]
pub struct Vcpus {
    /// How many there can be.
    pub max: Opt<u32>,
    /// How many there are at boot.
    pub current: Opt<u32>,
    /// Who places them.
    pub placement: Opt<Placement>,
    /// The host CPUs that may run them.
    pub cpuset: Opt<CpuSet>,
}

static ONE: Rule = Rule { name: "one-vcpu", text: "without `<vcpu>` the guest has one CPU" };
static STATIC: Rule =
    Rule { name: "static-placement", text: "virtual CPUs are placed by the definition unless it says otherwise" };

impl Vcpus {
    /// Reads the part from `<domain>`.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        let Some(v) = f.child("vcpu") else { return Self::default() };
        Self { max: v.text(), current: v.attr("current"), placement: v.attr("placement"), cpuset: v.attr("cpuset") }
    }

    /// Fills in what is absent.
    pub fn define(&mut self, report: &mut dyn FnMut(Diagnostic)) {
        let max = *self.max.get_or_insert(Spanned::rule(1, &ONE));
        self.placement.get_or_insert(Spanned::rule(Placement::Static, &STATIC));
        if let (0, Some(span)) = (max.value, max.origin.span()) {
            report(Diagnostic::new(&codes::CONFLICT, span, "the domain has no CPU"));
        }
        if let Some(current) = self.current {
            if current.value == max.value {
                self.current = None;
            } else if current.value > max.value || current.value == 0 {
                let span = current.origin.span().unwrap_or_default();
                let message = format!("{} CPUs at boot, but the domain can have {}", current.value, max.value);
                report(Diagnostic::new(&codes::CONFLICT, span, message));
            }
        }
    }

    /// Writes the element.
    pub fn write(&self, w: &mut XmlWriter) {
        let Some(max) = &self.max else { return };
        w.tag("vcpu")
            .opt("placement", &self.placement)
            .opt("cpuset", &self.cpuset)
            .opt("current", &self.current)
            .text(&max.show());
    }

    /// `-smp`.
    pub fn items(&self, cx: &Cx<'_>, out: &mut Items) {
        let Some(max) = &self.max else { return };
        let topology = cx.domain.cpu.as_ref().and_then(|c| c.topology.as_ref());
        let mut opts = Opts::first(self.current.get().unwrap_or(max.value).to_string());
        if self.current.is_some() {
            opts.set("maxcpus", max.show());
        }
        if let Some(t) = topology {
            opts.set("sockets", t.sockets.show());
            opts.set("dies", t.dies.show());
            opts.set("clusters", t.clusters.show());
            opts.set("cores", t.cores.show());
            opts.set("threads", t.threads.show());
        } else {
            opts.set("sockets", max.show());
            opts.set("cores", "1");
            opts.set("threads", "1");
        }
        let origin = topology.map_or(max.origin, |t| t.origin);
        out.opts(Section::Smp, "smp", opts, if self.current.is_some() { max.origin } else { origin });
    }
}

impl Vcpus {
    /// Where the number of CPUs comes from.
    pub fn origin(&self, whole: Origin) -> Origin {
        self.max.origin_or(whole)
    }
}
