//! `<cachetune>` and `<memorytune>`: allocation of the host's caches and memory bandwidth (resctrl).

use virtc_diag::Diagnostics;

use crate::codes::Report as _;
use crate::ir::{CpuSet, Leaf, Opt, Origin, words};
use crate::model::elements::memory::scaled_attr;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// The content of a cache.
    pub enum CacheKind { Both = "both", Code = "code", Data = "data" }
}

/// An allocation, or a monitor of one.
#[derive(Debug, Clone)]
pub enum Share {
    /// `<cache>`.
    Cache {
        /// The number of the host's cache.
        id: Opt<u32>,
        /// The level of the cache, such as 3.
        level: Opt<u32>,
        /// Code, data, or both.
        kind: Opt<CacheKind>,
        /// The size of the allocation in KiB.
        kib: Opt<u64>,
    },
    /// `<node>`.
    Bandwidth {
        /// The number of the host's NUMA node.
        id: Opt<u32>,
        /// Per cent of its memory bandwidth, at most 100.
        bandwidth: Opt<u32>,
    },
    /// `<monitor>`.
    Monitor {
        /// The level of the cache; absent for memory bandwidth.
        level: Opt<u32>,
        /// The virtual CPUs that are monitored.
        vcpus: Opt<CpuSet>,
    },
}

/// `<cachetune>` or `<memorytune>`.
#[derive(Debug, Clone)]
pub struct CacheTune {
    /// Whether it is `<memorytune>`.
    pub memory: bool,
    /// The virtual CPUs.
    pub vcpus: Opt<CpuSet>,
    /// Allocations and monitors.
    pub shares: Vec<Share>,
    /// Its place in the XML.
    pub origin: Origin,
}

impl CacheTune {
    /// Reads all from `<cputune>`.
    pub(super) fn lower(f: &Fields<'_, '_>) -> Vec<Self> {
        let mut out = Vec::new();
        for (element, memory) in [("cachetune", false), ("memorytune", true)] {
            for tune in f.children(element) {
                // The id of a running domain's resctrl group is generated again.
                let _: Opt<String> = tune.attr("id");
                let mut shares = Vec::new();
                shares.extend(tune.children("cache").iter().map(|c| Share::Cache {
                    id: c.attr("id"),
                    level: c.attr("level"),
                    kind: c.attr("type"),
                    kib: scaled_attr(c, "size"),
                }));
                shares.extend(
                    tune.children("node")
                        .iter()
                        .map(|n| Share::Bandwidth { id: n.attr("id"), bandwidth: n.attr("bandwidth") }),
                );
                shares.extend(
                    tune.children("monitor")
                        .iter()
                        .map(|m| Share::Monitor { level: m.attr("level"), vcpus: m.attr("vcpus") }),
                );
                out.push(Self { memory, vcpus: tune.attr("vcpus"), shares, origin: tune.origin() });
            }
        }
        out
    }
}

/// Checks that no virtual CPU is in two different groups.
pub(super) fn overlap(all: &[CacheTune], faults: &mut Diagnostics) {
    for (at, tune) in all.iter().enumerate() {
        let Some(own) = &tune.vcpus else { continue };
        let others = all.iter().take(at).filter_map(|t| Some((t, t.vcpus.as_ref()?)));
        for (other, vcpus) in others {
            // The same vCPUs may have an allocation of caches and one of bandwidth.
            let pair = other.memory != tune.memory && vcpus.value == own.value;
            if let Some(cpu) = own.value.common(&vcpus.value).filter(|_| !pair) {
                faults.conflict(own.origin, format!("vCPU {cpu} is in two `<cachetune>` or `<memorytune>` elements"));
            }
        }
        for share in &tune.shares {
            if let Share::Bandwidth { bandwidth: Some(bandwidth), .. } = share
                && bandwidth.value > 100
            {
                faults.conflict(bandwidth.origin, "`bandwidth` is at most 100 per cent");
            }
        }
    }
}

/// Writes them.
pub(super) fn write(all: &[CacheTune], w: &mut XmlWriter) {
    for tune in all {
        w.tag(if tune.memory { "memorytune" } else { "cachetune" }).opt("vcpus", &tune.vcpus).children(|w| {
            for share in &tune.shares {
                match share {
                    Share::Cache { id, level, kind, kib } => {
                        let tag = w.tag("cache").opt("id", id).opt("level", level).opt("type", kind);
                        // libvirt writes the largest unit that leaves no remainder.
                        let (size, unit) = match kib.as_ref().map_or(0, |k| k.value) {
                            kib if kib > 0 && kib % (1 << 20) == 0 => (kib >> 20, "GiB"),
                            kib if kib > 0 && kib % (1 << 10) == 0 => (kib >> 10, "MiB"),
                            kib => (kib, "KiB"),
                        };
                        tag.attr("size", &size.show()).attr("unit", unit).end();
                    }
                    Share::Bandwidth { id, bandwidth } => {
                        w.tag("node").opt("id", id).opt("bandwidth", bandwidth).end();
                    }
                    Share::Monitor { level, vcpus } => {
                        w.tag("monitor").opt("level", level).opt("vcpus", vcpus).end();
                    }
                }
            }
        });
    }
}
