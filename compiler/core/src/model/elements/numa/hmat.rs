//! Memory-side caches, latencies and bandwidths of NUMA cells: ACPI's Heterogeneous Memory Attribute Table (HMAT).

use virtc_diag::{Diagnostic, Diagnostics};

use super::Numa;
use crate::codes::{self, Report as _};
use crate::ir::{Leaf, Opt, OptExt, Origin, unit_bytes, words};
use crate::model::elements::memory::scaled_attr;
use crate::qemu::Opts;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// How addresses map to a cache.
    pub enum Associativity { None = "none", Direct = "direct", Full = "full" }
}

words! {
    /// How writes reach the memory that is cached.
    pub enum WritePolicy { None = "none", Writeback = "writeback", Writethrough = "writethrough" }
}

words! {
    /// A kind of access.
    pub enum AccessKind { Access = "access", Read = "read", Write = "write" }
}

/// `<cache>` of a cell.
#[derive(Debug, Clone)]
pub struct Cache {
    /// The level, 1–3.
    pub level: Opt<u32>,
    /// How addresses map to it.
    pub associativity: Opt<Associativity>,
    /// How writes reach the memory.
    pub policy: Opt<WritePolicy>,
    /// Its size in KiB.
    pub kib: Opt<u64>,
    /// The size of a line in bytes.
    pub line: Opt<u64>,
    /// Its place in the XML.
    pub origin: Origin,
}

/// `<latency>` or `<bandwidth>`.
#[derive(Debug, Clone)]
pub struct Interconnect {
    /// Whether it is a `<bandwidth>`.
    pub bandwidth: bool,
    /// The cell whose CPUs access the memory.
    pub initiator: Opt<u32>,
    /// The cell whose memory is accessed.
    pub target: Opt<u32>,
    /// The level of the target's cache, 1–3; absent or 0 for its memory.
    pub cache: Opt<u32>,
    /// The kind of access.
    pub kind: Opt<AccessKind>,
    /// Nanoseconds, or KiB per second.
    pub value: Opt<u64>,
    /// Its place in the XML.
    pub origin: Origin,
}

/// `<size>` or `<line>` of a cache. libvirt counts KiB and bytes whatever the unit is (`virDomainNumaDefParseXML` in
/// its `src/conf/numa_conf.c`).
fn counted(f: &Fields<'_, '_>, own: &str) -> Opt<u64> {
    let (value, unit) = (f.attr("value"), f.attr::<String>("unit"));
    if let Some(unit) = unit.filter(|u| unit_bytes(&u.value) != unit_bytes(own)) {
        let message = format!("`unit` has no effect here: libvirt reads the value in {own}");
        f.report(Diagnostic::at(&codes::WITHOUT_EFFECT, unit.origin, message));
    }
    value
}

impl Cache {
    /// Reads the caches of a cell.
    pub(super) fn lower(cell: &Fields<'_, '_>) -> Vec<Self> {
        let cache = |c: &Fields<'_, '_>| Self {
            level: c.attr("level"),
            associativity: c.attr("associativity"),
            policy: c.attr("policy"),
            kib: c.child("size").and_then(|size| counted(&size, "KiB")),
            line: c.child("line").and_then(|line| counted(&line, "B")).filter(|line| line.value > 0),
            origin: c.origin(),
        };
        cell.children("cache").iter().map(cache).collect()
    }

    /// Writes `<cache>`.
    pub(super) fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("cache").opt("level", &self.level).opt("associativity", &self.associativity);
        tag.opt("policy", &self.policy).children(|w| {
            w.tag("size").opt("value", &self.kib).attr("unit", "KiB").end();
            if self.line.is_some() {
                w.tag("line").opt("value", &self.line).attr("unit", "B").end();
            }
        });
    }

    /// `-numa hmat-cache`.
    pub(super) fn opts(&self, node: u32) -> Opts {
        let associativity = match self.associativity.get() {
            Some(Associativity::None) | None => "none",
            Some(Associativity::Direct) => "direct",
            Some(Associativity::Full) => "complex",
        };
        let policy = match self.policy.get() {
            Some(WritePolicy::None) | None => "none",
            Some(WritePolicy::Writeback) => "write-back",
            Some(WritePolicy::Writethrough) => "write-through",
        };
        Opts::first("hmat-cache")
            .with("node-id", node.show())
            .with("size", format!("{}K", self.kib.get().unwrap_or_default()))
            .with("level", self.level.get().unwrap_or_default().show())
            .with("associativity", associativity)
            .with("policy", policy)
            .opt("line", self.line.map(|l| l.show()))
    }
}

impl Interconnect {
    /// Reads `<interconnects>` from `<numa>`, in its order.
    pub(super) fn lower(numa: &Fields<'_, '_>) -> Vec<Self> {
        let Some(f) = numa.child("interconnects") else { return Vec::new() };
        let read = |bandwidth: bool| {
            let list = f.children(if bandwidth { "bandwidth" } else { "latency" });
            let one = |i: &Fields<'_, '_>| Self {
                bandwidth,
                initiator: i.attr("initiator"),
                target: i.attr("target"),
                cache: i.attr("cache"),
                kind: i.attr("type"),
                value: if bandwidth { scaled_attr(i, "value") } else { i.attr("value") },
                origin: i.origin(),
            };
            list.iter().map(one).collect::<Vec<_>>()
        };
        let mut out = read(false);
        out.extend(read(true));
        out.sort_by_key(|i| i.origin.span().start);
        out
    }

    /// Whether both give the same attribute of the same cells.
    fn is_same_attribute(&self, other: &Self) -> bool {
        let level = |link: &Self| link.cache.get().unwrap_or(0);
        let same = self.bandwidth == other.bandwidth && self.kind == other.kind && level(self) == level(other);
        same && self.initiator == other.initiator && self.target == other.target
    }

    /// Writes `<latency>` or `<bandwidth>`.
    pub(super) fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag(if self.bandwidth { "bandwidth" } else { "latency" });
        let tag = tag.opt("initiator", &self.initiator).opt("target", &self.target).opt("cache", &self.cache);
        let tag = tag.opt("type", &self.kind).opt("value", &self.value);
        if self.bandwidth { tag.attr("unit", "KiB").end() } else { tag.end() }
    }

    /// `-numa hmat-lb`.
    pub(super) fn opts(&self) -> Opts {
        let hierarchy = match self.cache.get() {
            None | Some(0) => "memory",
            Some(1) => "first-level",
            Some(2) => "second-level",
            Some(_) => "third-level",
        };
        let kind = self.kind.get().unwrap_or(AccessKind::Access).word();
        let what = if self.bandwidth { "bandwidth" } else { "latency" };
        let value = self.value.get().unwrap_or_default();
        Opts::first("hmat-lb")
            .with("initiator", self.initiator.get().unwrap_or_default().show())
            .with("target", self.target.get().unwrap_or_default().show())
            .with("hierarchy", hierarchy)
            .with("data-type", format!("{kind}-{what}"))
            .with(what, if self.bandwidth { format!("{value}K") } else { value.show() })
    }
}

/// Checks that the levels, cells and caches exist that the table refers to.
pub(super) fn check(numa: &Numa, faults: &mut Diagnostics) {
    for cell in &numa.cells {
        for (at, cache) in cell.caches.iter().enumerate() {
            let level = cache.level.get().unwrap_or_default();
            if !(1..=3).contains(&level) {
                faults.conflict(cache.level.origin_or(cache.origin), "the `level` of a NUMA cell's cache is 1, 2 or 3");
            }
            if cell.caches.iter().take(at).any(|c| c.level == cache.level) {
                faults.conflict(cache.origin, format!("the NUMA cell has two caches of level {level}"));
            }
        }
    }
    for (at, link) in numa.interconnects.iter().enumerate() {
        for other in numa.interconnects.iter().take(at) {
            if link.is_same_attribute(other) {
                faults.conflict(link.origin, "the latency or bandwidth between these NUMA cells is given twice");
            } else if link.initiator != link.target && link.initiator == other.target && link.target == other.initiator
            {
                let message = "the latency or bandwidth between these NUMA cells is given in both directions";
                faults.conflict_with(link.origin, message, "remove one of the two");
            }
        }
        for (cell, must_have_cpus) in [(link.initiator, true), (link.target, false)] {
            let Some(id) = cell else { continue };
            match numa.cell(id.value) {
                None => faults.conflict(id.origin, format!("NUMA cell {} does not exist", id.value)),
                Some(cell) if must_have_cpus && cell.cpus.is_none() => {
                    faults
                        .conflict(id.origin, format!("NUMA cell {} has no CPU and cannot be an `initiator`", id.value));
                }
                Some(_) => {}
            }
        }
        let target = link.target.and_then(|t| numa.cell(t.value));
        if let (Some(level), Some(cell)) = (link.cache.filter(|c| c.value > 0), target)
            && !cell.caches.iter().any(|c| c.level.is(&level.value))
        {
            faults.conflict(level.origin, format!("the target NUMA cell has no cache of level {}", level.value));
        }
    }
}
