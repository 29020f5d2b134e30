//! `<memory>` in `<devices>`: memory that is plugged in.

mod check;
mod emit;
mod slots;

use crate::ir::{CpuSet, DefaultRule, Hex, Leaf, Opt, OptExt, Origin, Spanned, Uuid, YesNo, words};
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::address::Address;
use crate::model::devices::{AliasStem, BusSlot, Can, Change, Device, DeviceElement, Info, Leaves, Live, common};
use crate::model::elements::backing::Access;
use crate::model::elements::memory::scaled;
use crate::model::slot::{PCI_DEVICE, PCIE_DEVICE};
use crate::qemu::{QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

pub use emit::machine;
pub use slots::assign;

words! {
    /// Models of memory devices.
    pub enum Model { Dimm = "dimm", Nvdimm = "nvdimm", VirtioPmem = "virtio-pmem", VirtioMem = "virtio-mem", SgxEpc = "sgx-epc" }
}

/// `<source>`.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The size of the host's pages, in KiB.
    pub page: Opt<u64>,
    /// The host's NUMA nodes.
    pub nodes: Opt<CpuSet>,
    /// The file or device that the memory is.
    pub path: Opt<String>,
    /// The alignment of its mapping, in KiB.
    pub align: Opt<u64>,
    /// Whether the file is persistent memory.
    pub pmem: Option<Origin>,
}

/// `<target>`.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// The size in KiB.
    pub size: Opt<u64>,
    /// The guest's NUMA cell.
    pub node: Opt<u32>,
    /// The size of the blocks that are plugged, in KiB.
    pub block: Opt<u64>,
    /// How much of it the guest is to have, in KiB.
    pub requested: Opt<u64>,
    /// The size of the label area, in KiB.
    pub label: Opt<u64>,
    /// Whether the guest can only read it.
    pub readonly: Option<Origin>,
    /// Where it is in the guest's memory.
    pub base: Opt<u64>,
    /// Whether the memory is mapped piece by piece.
    pub dynamic_slots: Opt<YesNo>,
}

/// `<memory>`.
#[derive(Debug, Clone)]
pub struct MemoryDevice {
    /// The model.
    pub model: Opt<Model>,
    /// Whether other processes can map it.
    pub access: Opt<Access>,
    /// Whether its content is thrown away at the end.
    pub discard: Opt<YesNo>,
    /// Its identity; an NVDIMM of POWER has one.
    pub uuid: Opt<Uuid>,
    /// What the host makes it of.
    pub source: Option<Source>,
    /// What the guest sees.
    pub target: Target,
    /// What every device has.
    pub info: Info,
    origin: Origin,
}

impl MemoryDevice {
    /// Its size in KiB.
    pub fn kib(&self) -> u64 {
        self.target.size.get().unwrap_or_default()
    }

    /// Its size as QEMU gets it, in KiB: whole 2 MiB, which a DIMM needs (`qemuDomainGetMemoryModuleSizeAlignment` in libvirt's
    /// `src/qemu/qemu_domain.c`).
    pub fn aligned_kib(&self) -> u64 {
        self.kib().next_multiple_of(2048)
    }

    /// Whether it is in a slot.
    pub fn has_slot(&self) -> bool {
        matches!(self.model.get(), Some(Model::Dimm | Model::Nvdimm))
    }

    /// The slot it is in, where it has one.
    pub fn slot(&self) -> Option<u32> {
        match &self.info.address {
            Some(Spanned { value: Address::Dimm { slot, .. }, .. }) => *slot,
            Some(_) | None => None,
        }
    }

    /// Where it is in the guest's memory, where that is given.
    pub fn base(&self) -> Opt<u64> {
        match &self.info.address {
            Some(Spanned { value: Address::Dimm { base: Some(base), .. }, origin }) => {
                Some(Spanned { value: *base, origin: *origin })
            }
            Some(_) | None => self.target.base,
        }
    }
}

static REQUESTED: DefaultRule = DefaultRule {
    name: "virtio-mem-requested",
    text: "virtio-mem gives the guest nothing unless something is requested",
};

impl DeviceElement for MemoryDevice {
    const ELEMENT: &'static str = "memory";

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let size = |f: &Fields<'_, '_>, name: &str| f.child(name).as_ref().and_then(scaled);
        let source = f.child("source").map(|s| Source {
            page: size(&s, "pagesize"),
            nodes: s.child_text("nodemask"),
            path: s.child_text("path"),
            align: size(&s, "alignsize"),
            pmem: s.child("pmem").map(|c| c.origin()),
        });
        let target = f.child("target").map(|t| {
            // How much the guest has at the moment is no part of a definition.
            let _: Opt<u64> = size(&t, "current");
            Target {
                size: size(&t, "size"),
                node: t.child_text("node"),
                block: size(&t, "block"),
                requested: size(&t, "requested"),
                label: t.child("label").and_then(|l| size(&l, "size")),
                readonly: t.child("readonly").map(|c| c.origin()),
                base: t.child_attr::<Hex>("address", "base").map(|base| base.map(|base| base.0)),
                dynamic_slots: t.attr("dynamicMemslots"),
            }
        });
        let model: Opt<Model> = f.attr("model");
        let mapped = matches!(model.get(), Some(Model::VirtioPmem | Model::VirtioMem));
        Some(Self {
            model,
            access: f.attr("access"),
            discard: f.attr("discard"),
            uuid: f.child_text("uuid"),
            source,
            // Memory in slots has its place from its address only.
            target: target.map(|target| Target { base: target.base.filter(|_| mapped), ..target }).unwrap_or_default(),
            info: Info::lower(f),
            origin: f.origin(),
        })
    }

    fn matches_description(&self, other: &Self) -> bool {
        self.model == other.model && self.target.size == other.target.size && self.target.node == other.target.node
    }

    fn is_updated_by(&self, new: &Self) -> bool {
        self.model == new.model && new.info.address.as_ref().is_none_or(|a| self.info.address.is(&a.value))
    }
}

impl Device for MemoryDevice {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        fn size(w: &mut XmlWriter, name: &'static str, kib: &Opt<u64>) {
            if let Some(kib) = kib {
                w.tag(name).attr("unit", "KiB").text(&kib.show());
            }
        }
        let tag = w.tag("memory").opt("model", &self.model).opt("access", &self.access).opt("discard", &self.discard);
        tag.children(|w| {
            w.opt_text("uuid", &self.uuid);
            if let Some(s) = &self.source {
                w.tag("source").children(|w| {
                    w.opt_text("nodemask", &s.nodes);
                    size(w, "pagesize", &s.page);
                    w.opt_text("path", &s.path);
                    size(w, "alignsize", &s.align);
                    if s.pmem.is_some() {
                        w.tag("pmem").end();
                    }
                });
            }
            let t = &self.target;
            w.tag("target").opt("dynamicMemslots", &t.dynamic_slots).children(|w| {
                size(w, "size", &t.size);
                w.opt_text("node", &t.node);
                if t.label.is_some() {
                    w.tag("label").children(|w| size(w, "size", &t.label));
                }
                if t.readonly.is_some() {
                    w.tag("readonly").end();
                }
                size(w, "block", &t.block);
                size(w, "requested", &t.requested);
                if let Some(base) = t.base {
                    w.tag("address").attr("base", &format!("{:#x}", base.value)).end();
                }
            });
            self.info.write(w);
        });
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        if self.model.is(&Model::VirtioMem) {
            self.target.requested.get_or_insert(Spanned::rule(0, &REQUESTED, self.origin));
        }
        check::alone(self, &mut |d| defaults.report(d));
    }

    fn check(&self, domain: &Domain, faults: &mut virtc_diag::Diagnostics) {
        check::beside(self, domain, faults);
    }

    fn bus_slot(&self, domain: &Domain) -> BusSlot {
        match self.model.get() {
            Some(Model::VirtioMem | Model::VirtioPmem) if domain.has_pcie() => BusSlot::Pci(PCIE_DEVICE),
            Some(Model::VirtioMem | Model::VirtioPmem) => BusSlot::Pci(PCI_DEVICE),
            Some(Model::Dimm | Model::Nvdimm | Model::SgxEpc) | None => BusSlot::Nothing,
        }
    }

    fn takes_mmio(&self) -> bool {
        matches!(self.model.get(), Some(Model::VirtioPmem | Model::VirtioMem))
    }

    fn live(&self) -> Live {
        let plug = Can::when(!self.model.is(&Model::SgxEpc), || "memory of model `sgx-epc`".to_owned());
        let free: &[_] = if self.model.is(&Model::VirtioMem) { &["target/requested"] } else { &[] };
        Live::plug(plug).and_update(Leaves {
            change: Change::RequestedSize,
            free,
            of_running: &["target/current"],
            ..Leaves::default()
        })
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        match (self.model.get(), self.slot()) {
            (Some(Model::Dimm) | None, Some(slot)) => AliasStem::Whole(format!("dimm{slot}")),
            (Some(Model::Nvdimm), Some(slot)) => AliasStem::Whole(format!("nvdimm{slot}")),
            (Some(Model::Dimm) | None, None) => AliasStem::Next("dimm"),
            (Some(Model::Nvdimm), None) => AliasStem::Next("nvdimm"),
            (Some(Model::VirtioPmem), _) => AliasStem::Next("virtiopmem"),
            (Some(Model::VirtioMem), _) => AliasStem::Next("virtiomem"),
            (Some(Model::SgxEpc), _) => AliasStem::Next("epc"),
        }
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        emit::options(self, cx, out);
    }

    fn host(&self, cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        if let Some(path) = self.source.as_ref().and_then(|s| s.path.as_ref()) {
            out.file(&path.value, path.origin);
        } else if self.model.is(&Model::SgxEpc) {
            out.device("/dev/sgx_vepc", self.origin);
            out.device("/dev/sgx_provision", self.origin);
        } else {
            crate::model::elements::backend::host(
                cx,
                self.source.as_ref().and_then(|s| s.page),
                self.access,
                self.origin,
                out,
            );
        }
    }
}
