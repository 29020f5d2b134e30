//! `<numatune>`: the NUMA nodes of the host on which the guest's memory is allocated.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes::{self, Report as _};
use crate::ir::{CpuSet, DefaultRule, Opt, OptExt, Origin, Spanned, words};
use crate::model::Domain;
use crate::model::Element;
use crate::model::EmitContext;
use crate::model::elements::vcpu::Placement;
use crate::qemu::{QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// How strictly memory is bound to its nodes.
    pub enum MemoryMode { Strict = "strict", Preferred = "preferred", Interleave = "interleave", Restrictive = "restrictive" }
}

impl MemoryMode {
    /// QEMU's name of it, `policy` of a memory backend.
    pub fn policy(self) -> &'static str {
        match self {
            Self::Strict => "bind",
            Self::Preferred => "preferred",
            Self::Interleave => "interleave",
            Self::Restrictive => "default",
        }
    }
}

/// `<memory>` of `<numatune>`.
#[derive(Debug, Clone)]
pub struct MemoryTune {
    /// How strictly.
    pub mode: Opt<MemoryMode>,
    /// Whether the definition or numad chooses the nodes.
    pub placement: Opt<Placement>,
    /// The nodes.
    pub nodeset: Opt<CpuSet>,
    /// Its place in the XML.
    pub origin: Origin,
}

/// `<memnode>`.
#[derive(Debug, Clone)]
pub struct MemoryNode {
    /// The number of the guest's NUMA cell.
    pub cell: Opt<u32>,
    /// How strictly.
    pub mode: Opt<MemoryMode>,
    /// The nodes.
    pub nodeset: Opt<CpuSet>,
    /// Its place in the XML.
    pub origin: Origin,
}

/// `<numatune>`.
#[derive(Debug, Clone, Default)]
pub struct Numatune {
    /// For all memory.
    pub memory: Option<MemoryTune>,
    /// For single NUMA cells.
    pub nodes: Vec<MemoryNode>,
}

static FOLLOWS_VCPUS: DefaultRule =
    DefaultRule { name: "numatune-placement", text: "where numad places the vCPUs, it places the memory too" };
static STRICT: DefaultRule = DefaultRule {
    name: "numatune-mode",
    text: "the mode of `<numatune>` is `strict` unless the definition says otherwise",
};

impl Numatune {
    /// Fills in placement and mode (`virDomainNumatuneSet` in libvirt's `src/conf/numa_conf.c`).
    pub fn define(&mut self, origin: Origin, vcpus: Opt<Placement>) {
        if self.memory.as_ref().is_some_and(|m| m.mode.is_none() && m.placement.is_none() && m.nodeset.is_none()) {
            // An empty `<memory>` is dropped.
            self.memory = None;
            return self.nodes.sort_by_key(|n| n.cell.get());
        }
        let auto = vcpus.is(&Placement::Auto);
        if auto && self.memory.is_none() {
            let origin = origin.with_rule(&FOLLOWS_VCPUS);
            self.memory = Some(MemoryTune { mode: None, placement: None, nodeset: None, origin });
        }
        if let Some(memory) = &mut self.memory {
            if memory.nodeset.as_ref().is_some_and(|n| n.is_empty()) {
                memory.nodeset = None;
            }
            let placement = if memory.nodeset.is_some() { Placement::Static } else { Placement::Auto };
            if memory.placement.is_none() && (memory.nodeset.is_some() || auto) {
                memory.placement = Some(Spanned::rule(placement, &FOLLOWS_VCPUS, memory.origin));
            }
            if memory.placement.is(&Placement::Auto) {
                memory.nodeset = None;
            }
            memory.mode.get_or_insert(Spanned::rule(MemoryMode::Strict, &STRICT, memory.origin));
        }
        self.nodes.sort_by_key(|n| n.cell.get());
    }

    /// What libvirt refuses.
    pub fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        let all = self.memory.as_ref().and_then(|m| m.mode.get());
        if let Some(memory) = self.memory.as_ref().filter(|m| m.placement.is(&Placement::Static) && m.nodeset.is_none())
        {
            faults.conflict(memory.origin, "`placement='static'` needs a `nodeset`");
        }
        if let Some(memory) = self.memory.as_ref().filter(|m| m.placement.is_none()) {
            faults.conflict(memory.origin, "`<memory>` of `<numatune>` needs a `nodeset` or a `placement`");
        }
        for (at, node) in self.nodes.iter().enumerate() {
            let id = node.cell.get().unwrap_or_default();
            if domain.numa().is_none_or(|n| n.cell(id).is_none()) {
                let message = format!("`<memnode>` names NUMA cell {id}, which does not exist");
                faults.conflict(node.cell.origin_or(node.origin), message);
            }
            if self.nodes.iter().take(at).any(|n| n.cell == node.cell) {
                faults.conflict(node.origin, format!("two `<memnode>` elements for NUMA cell {id}"));
            }
            if self.memory.as_ref().is_some_and(|m| m.placement.is(&Placement::Auto)) {
                faults.conflict(node.origin, "`<memnode>` cannot be combined with `placement='auto'`");
            }
            let restrictive = node.mode.is(&MemoryMode::Restrictive);
            if (all == Some(MemoryMode::Restrictive)) != restrictive {
                faults.conflict(
                    node.mode.origin_or(node.origin),
                    "`mode='restrictive'` must be set for `<memory>` and every `<memnode>`, or for none",
                );
            }
        }
    }

    /// Whether a cell has a `<memnode>`.
    pub fn names(&self, cell: u32) -> bool {
        self.nodes.iter().any(|n| n.cell.is(&cell))
    }

    fn node(&self, cell: Option<u32>) -> Option<&MemoryNode> {
        let cell = cell?;
        self.nodes.iter().find(|n| n.cell.is(&cell))
    }

    /// How strictly the memory of a cell is bound to its nodes.
    pub fn mode(&self, cell: Option<u32>) -> MemoryMode {
        let own = self.node(cell).and_then(|n| n.mode.get());
        own.or(self.memory.as_ref().and_then(|m| m.mode.get())).unwrap_or(MemoryMode::Strict)
    }

    /// The host's nodes for the memory of a cell.
    pub fn nodes(&self, cell: Option<u32>, cx: &EmitContext<'_>) -> Opt<CpuSet> {
        if let Some(memory) = self.memory.as_ref().filter(|m| m.placement.is(&Placement::Auto)) {
            let advice = cx.facts.numad_nodes();
            if advice.is_none() {
                let message = "`placement='auto'` takes the advice of numad, which is not in a host file";
                let help = "set `numad` under `resources` of the host file, or give a `nodeset`";
                cx.report(
                    Diagnostic::at(&codes::HOST_FACT_NEEDED, memory.placement.origin_or(memory.origin), message)
                        .help(help),
                );
            }
            return advice.map(|nodes| Spanned { value: nodes, origin: memory.origin });
        }
        self.node(cell).map_or_else(|| self.memory.as_ref().and_then(|m| m.nodeset.clone()), |n| n.nodeset.clone())
    }
}

impl Element for Numatune {
    /// Reads the element from `<domain>`.
    fn lower(domain: &Fields<'_, '_>) -> Self {
        let Some(f) = domain.child("numatune") else { return Self::default() };
        let memory = f.child("memory").map(|m| MemoryTune {
            mode: m.attr("mode"),
            placement: m.attr("placement"),
            nodeset: m.attr("nodeset"),
            origin: m.origin(),
        });
        let node = |n: &Fields<'_, '_>| MemoryNode {
            cell: n.attr("cellid"),
            mode: n.attr("mode"),
            nodeset: n.attr("nodeset"),
            origin: n.origin(),
        };
        Self { memory, nodes: f.children("memnode").iter().map(node).collect() }
    }

    /// Writes the element.
    fn write(&self, w: &mut XmlWriter) {
        if self.memory.is_none() && self.nodes.is_empty() {
            return;
        }
        w.tag("numatune").children(|w| {
            if let Some(memory) = &self.memory {
                let tag = w.tag("memory").opt("mode", &memory.mode);
                match &memory.placement {
                    Some(Spanned { value: Placement::Auto, .. }) => tag.opt("placement", &memory.placement).end(),
                    Some(_) | None => tag.opt("nodeset", &memory.nodeset).end(),
                }
            }
            for node in &self.nodes {
                let tag = w.tag("memnode").opt("cellid", &node.cell).opt("mode", &node.mode);
                tag.opt("nodeset", &node.nodeset).end();
            }
        });
    }

    /// Reports nodes that the host does not have.
    fn options(&self, cx: &EmitContext<'_>, _out: &mut QemuOptions) {
        let all = self.memory.iter().filter_map(|m| m.nodeset.as_ref());
        all.chain(self.nodes.iter().filter_map(|n| n.nodeset.as_ref())).for_each(|nodes| cx.check_nodes(nodes));
    }

    /// What the runtime cannot do yet: the nodes are also those of the cgroup.
    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        let restricts = |mode: &Opt<MemoryMode>| mode.is(&MemoryMode::Strict) || mode.is(&MemoryMode::Restrictive);
        let all = self.memory.iter().filter(|m| restricts(&m.mode)).map(|m| m.origin);
        let single = self.nodes.iter().filter(|n| restricts(&n.mode)).map(|n| n.origin);
        for origin in all.chain(single) {
            out.refuse("`<numatune>` with mode `strict` or `restrictive`", origin);
        }
    }
}
