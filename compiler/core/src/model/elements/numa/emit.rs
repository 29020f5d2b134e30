//! `-numa` and the memory backends of the cells (`qemuBuildNumaCommandLine` in libvirt's `src/qemu/qemu_command.c`).

use virtc_diag::Diagnostic;

use super::distance::{between, usual};
use super::{Cell, Numa};
use crate::codes;
use crate::ir::{Leaf, OptExt};
use crate::model::EmitContext;
use crate::model::elements::backend::{Backend, Request};
use crate::qemu::{ArgSection, Opts, QemuOptions, rules};

impl Numa {
    /// Whether the guest gets ACPI's Heterogeneous Memory Attribute Table (HMAT).
    pub fn has_hmat(&self) -> bool {
        !self.interconnects.is_empty() || self.cells.iter().any(|c| !c.caches.is_empty())
    }

    /// The initiator of `cell`: the cell whose CPUs reach its memory fastest.
    fn initiator(&self, cell: &Cell) -> Option<u32> {
        if cell.cpus.is_some() {
            return cell.id.get();
        }
        let to = || self.interconnects.iter().filter(|i| i.target == cell.id);
        // The first of the fastest: `min_by_key` takes the first of equals, `max_by_key` the last.
        let near = to().filter(|i| !i.bandwidth).min_by_key(|i| i.value.get());
        let wide = to().filter(|i| i.bandwidth).min_by_key(|i| std::cmp::Reverse(i.value.get()));
        let fastest = near.or(wide).and_then(|i| i.initiator.get());
        fastest.or_else(|| self.cells.iter().find(|c| c.cpus.is_some()).and_then(|c| c.id.get()))
    }

    /// `-numa` with everything that belongs to it.
    pub fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let backends: Vec<Backend> = self.cells.iter().map(|cell| cell.backend(cx)).collect();
        let hmat = self.has_hmat();
        // Machine types up to 5.0 take a size without a backend (`mem`); libvirt keeps it for the sake of migration.
        let objects = hmat || !cx.domain.os.takes_numa_mem() || backends.iter().any(|b| b.needed);
        if !objects {
            cx.domain.backing.path_options(cx, out);
        }
        for (cell, backend) in self.cells.iter().zip(backends) {
            let id = cell.id.get().unwrap_or_default();
            let kib = cell.aligned_kib();
            if objects && kib > 0 {
                backend.options(ArgSection::Numa, out, cell.origin);
            }
            let mut opts = Opts::first("node").with("nodeid", id.show());
            for part in cell.cpus.iter().flat_map(|c| c.parts()) {
                opts.set("cpus", part);
            }
            if hmat {
                if let Some(initiator) = self.initiator(cell) {
                    opts.set("initiator", initiator.show());
                } else {
                    let message = "the NUMA cell has no initiator: no cell has a CPU";
                    cx.report(Diagnostic::at(&codes::CONFLICT, cell.origin, message));
                }
            }
            if kib > 0 && objects {
                opts.set("memdev", format!("ram-node{id}"));
            } else if !objects {
                opts.set("mem", (kib / 1024).show());
            }
            out.opts(ArgSection::Numa, "numa", opts, cell.origin);
        }
        self.distance_options(out);
        for link in self.interconnects.iter().filter(|_| hmat) {
            out.opts(ArgSection::Numa, "numa", link.opts(), link.origin);
        }
        for cell in &self.cells {
            for cache in &cell.caches {
                out.opts(ArgSection::Numa, "numa", cache.opts(cell.id.get().unwrap_or_default()), cache.origin);
            }
        }
    }

    /// `-numa dist`: QEMU needs all distances where one is not the default.
    fn distance_options(&self, out: &mut QemuOptions) {
        let is_usual = |from: &Cell, to: &Cell| between(from, to) == usual(from, to);
        if self.cells.iter().all(|from| self.cells.iter().all(|to| is_usual(from, to))) {
            return;
        }
        for from in &self.cells {
            for to in &self.cells {
                let opts = Opts::first("dist")
                    .with("src", from.id.get().unwrap_or_default().show())
                    .with("dst", to.id.get().unwrap_or_default().show())
                    .with("val", between(from, to).show());
                let given = from.distances.iter().find(|(id, _)| to.id.is(&id.value));
                let origin = given.map_or(from.origin.with_rule(&rules::NUMA_DISTANCE), |(_, value)| value.origin);
                out.opts(ArgSection::Numa, "numa", opts, origin);
            }
        }
    }
}

impl Cell {
    /// Its memory as QEMU gets it, in KiB: whole MiB.
    pub fn aligned_kib(&self) -> u64 {
        self.kib.get().unwrap_or_default().next_multiple_of(1024)
    }

    fn backend(&self, cx: &EmitContext<'_>) -> Backend {
        let id = self.id.get().unwrap_or_default();
        let alias = format!("ram-node{id}");
        let request = Request { cell: Some(id), ..Request::new(&alias, self.aligned_kib(), self.origin) };
        Backend::new(cx, &request)
    }
}

#[cfg(test)]
mod tests {
    use crate::model::elements::trial::trial;

    #[test]
    fn cells_are_numbered_filled_and_mirrored() {
        let t = trial(
            "<vcpu>4</vcpu><cpu><numa><cell cpus='0' memory='1' unit='MiB'><distances><sibling id='1' value='21'/></distances>\
             </cell><cell cpus='1-2' memory='1025' memAccess='shared'/></numa></cpu>",
            "",
            &["-numa", "ram-node"],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                r#"-object {"qom-type":"memory-backend-ram","id":"ram-node0","size":1048576}"#,
                "-numa node,nodeid=0,cpus=0,cpus=3,memdev=ram-node0",
                r#"-object {"qom-type":"memory-backend-file","id":"ram-node1","mem-path":"{state}/ram/ram-node1","share":true,"size":2097152}"#,
                "-numa node,nodeid=1,cpus=1-2,memdev=ram-node1",
                "-numa dist,src=0,dst=0,val=10",
                "-numa dist,src=0,dst=1,val=21",
                "-numa dist,src=1,dst=0,val=21",
                "-numa dist,src=1,dst=1,val=10",
            ]
        );
        assert!(t.xml.contains("<memory unit='KiB'>2049</memory>"), "{}", t.xml);
        assert!(t.xml.contains("<cell id='0' cpus='0,3' memory='1024' unit='KiB'>"), "{}", t.xml);
    }

    #[test]
    fn what_cells_cannot_be() {
        for (cells, fault) in [
            ("<cell id='1' memory='1'/>", "the ids of NUMA cells must be 0, 1, 2 and so on, without gaps"),
            ("<cell cpus='0' memory='1'/><cell cpus='0-1' memory='1'/>", "vCPU 0 is in two NUMA cells"),
            ("<cell cpus='7' memory='1'/>", "the NUMA cell has vCPU 7, and the guest has the vCPUs 0 to 1"),
            (
                "<cell cpus='0-1' memory='1'><distances><sibling id='2' value='20'/></distances></cell>",
                "NUMA cell 2 does not exist",
            ),
            ("<cell memory='9007199254740991'/>", "the memory of the NUMA cell is larger than 9007199254740991 KiB"),
        ] {
            let t = trial(&format!("<vcpu>2</vcpu><memory>9</memory><cpu><numa>{cells}</numa></cpu>"), "", &[]);
            assert_eq!(t.faults.first().map(String::as_str), Some(fault), "{cells}");
        }
    }

    #[test]
    fn old_machine_types_take_sizes() {
        let parts = "<os><type arch='x86_64' machine='pc-i440fx-5.0'>hvm</type></os>\
             <memoryBacking><hugepages/></memoryBacking><cpu><numa><cell memory='2' unit='MiB'/></numa></cpu>";
        let t = trial(parts, "", &["-numa", "-mem-"]);
        assert_eq!(
            t.argv,
            ["-mem-prealloc ", "-mem-path /dev/hugepages/libvirt/qemu/-1-t", "-numa node,nodeid=0,cpus=0,mem=2"]
        );
        assert!(t.refused.iter().all(|r| r.contains("huge pages")) && !t.refused.is_empty(), "{:?}", t.refused);
    }
}
