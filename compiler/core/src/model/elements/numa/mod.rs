//! `<numa>` in `<cpu>`: the NUMA nodes that the guest sees.

mod distance;
mod emit;
mod hmat;

use virtc_diag::Diagnostics;

use crate::codes::Report as _;
use crate::ir::{CpuSet, DefaultRule, Leaf, Opt, OptExt, Origin, Spanned, YesNo};
use crate::model::elements::backing::Access;
use crate::model::elements::memory::scaled_attr;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

pub use hmat::{Cache, Interconnect};

/// Distances to cells: the number of the cell, and the distance, from 10.
pub type Distances = Vec<(Spanned<u32>, Spanned<u32>)>;

/// `<cell>`.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Its number, from 0.
    pub id: Opt<u32>,
    /// Its virtual CPUs.
    pub cpus: Opt<CpuSet>,
    /// Its memory in KiB.
    pub kib: Opt<u64>,
    /// Whether other processes can map its memory.
    pub access: Opt<Access>,
    /// Whether its content is discarded when QEMU ends.
    pub discard: Opt<YesNo>,
    /// The distances to other cells.
    pub distances: Distances,
    /// The memory-side caches.
    pub caches: Vec<Cache>,
    /// Its place in the XML.
    pub origin: Origin,
}

/// `<numa>`.
#[derive(Debug, Clone, Default)]
pub struct Numa {
    /// The cells; once defined, in the order of their numbers from 0.
    pub cells: Vec<Cell>,
    /// Latencies and bandwidths between cells.
    pub interconnects: Vec<Interconnect>,
}

static CELL_ID: DefaultRule =
    DefaultRule { name: "numa-cell-id", text: "NUMA cells without an id are numbered from 0" };
static FILLED: DefaultRule = DefaultRule { name: "numa-cpus", text: "vCPUs that no NUMA cell lists belong to cell 0" };

impl Numa {
    /// Reads `<numa>` from `<cpu>`.
    pub fn lower(cpu: &Fields<'_, '_>) -> Option<Self> {
        let f = cpu.child("numa")?;
        let cell = |c: &Fields<'_, '_>| Cell {
            id: c.attr("id"),
            cpus: c.attr("cpus"),
            kib: scaled_attr(c, "memory"),
            access: c.attr("memAccess"),
            discard: c.attr("discard"),
            distances: distance::lower(c),
            caches: Cache::lower(c),
            origin: c.origin(),
        };
        Some(Self { cells: f.children("cell").iter().map(cell).collect(), interconnects: Interconnect::lower(&f) })
    }

    /// Numbers and sorts the cells and fills in what is absent (`virDomainNumaDefParseXML` in libvirt's
    /// `src/conf/numa_conf.c`).
    pub fn define(&mut self, vcpus: u32, faults: &mut Diagnostics) {
        for (at, cell) in self.cells.iter_mut().enumerate() {
            cell.id.get_or_insert(Spanned::rule(u32::try_from(at).unwrap_or(u32::MAX), &CELL_ID, cell.origin));
        }
        self.cells.sort_by_key(|c| c.id.get());
        for (at, cell) in self.cells.iter().enumerate() {
            let id = cell.id.get().unwrap_or_default();
            if usize::try_from(id).ok() != Some(at) {
                let message = "the ids of NUMA cells must be 0, 1, 2 and so on, without gaps";
                let origin = cell.id.origin_or(cell.origin);
                faults.conflict_with(origin, message, format!("use `id='{at}'` here"));
                return;
            }
        }
        self.cpus(vcpus, faults);
        distance::define(&mut self.cells, faults);
        hmat::check(self, faults);
    }

    fn cpus(&mut self, vcpus: u32, faults: &mut Diagnostics) {
        let mut taken = CpuSet::default();
        for cell in &self.cells {
            let Some(cpus) = &cell.cpus else { continue };
            if let Some(cpu) = taken.common(&cpus.value) {
                faults.conflict(cpus.origin, format!("vCPU {cpu} is in two NUMA cells"));
            }
            if cpus.last().is_some_and(|last| last >= vcpus) {
                let last = cpus.last().unwrap_or_default();
                let most = vcpus.saturating_sub(1);
                let message = format!("the NUMA cell has vCPU {last}, and the guest has the vCPUs 0 to {most}");
                let help = format!("name vCPUs up to {most}, or write `<vcpu>{}</vcpu>`", last.saturating_add(1));
                faults.conflict_with(cpus.origin, message, help);
            }
            cpus.iter().for_each(|cpu| taken.insert(cpu));
        }
        let missing: Vec<u32> = (0..vcpus).filter(|cpu| !taken.contains(*cpu)).collect();
        if let (Some(first), false) = (self.cells.first_mut(), missing.is_empty()) {
            let origin = first.origin;
            let cpus = first.cpus.get_or_insert_with(|| Spanned::rule(CpuSet::default(), &FILLED, origin));
            for cpu in missing {
                cpus.value.insert(cpu);
            }
        }
    }

    /// The memory of all cells in KiB.
    pub fn total_kib(&self) -> u64 {
        self.cells.iter().filter_map(|c| c.kib.get()).fold(0, u64::saturating_add)
    }

    /// The cell with this number.
    pub fn cell(&self, id: u32) -> Option<&Cell> {
        self.cells.get(usize::try_from(id).ok()?)
    }

    /// Writes `<numa>`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("numa").children(|w| {
            for cell in &self.cells {
                let tag = w.tag("cell").opt("id", &cell.id).opt("cpus", &cell.cpus).opt("memory", &cell.kib);
                tag.attr("unit", "KiB").opt("memAccess", &cell.access).opt("discard", &cell.discard).children(|w| {
                    if !cell.distances.is_empty() {
                        w.tag("distances").children(|w| {
                            for (id, value) in &cell.distances {
                                w.tag("sibling").attr("id", &id.show()).attr("value", &value.show()).end();
                            }
                        });
                    }
                    cell.caches.iter().for_each(|c| c.write(w));
                });
            }
            if !self.interconnects.is_empty() {
                w.tag("interconnects").children(|w| self.interconnects.iter().for_each(|i| i.write(w)));
            }
        });
    }
}
