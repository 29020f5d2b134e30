//! `<memory>`, `<currentMemory>` and `<maxMemory>`.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes::{self, Report as _};
use crate::ir::{DefaultRule, Leaf, Opt, OptExt, Origin, Spanned, Switch, unit_bytes};
use crate::model::Domain;
use crate::model::Element;
use crate::model::EmitContext;
use crate::model::devices::memory::MemoryDevice;
use crate::model::elements::backend::{Backend, MemoryOwner, Request};
use crate::qemu::{ArgSection, Opts, QemuOptions, rules};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// The guest's memory.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// `<memory>`: all memory at boot, with memory devices, in KiB.
    pub total: Opt<u64>,
    /// `<currentMemory>`: what the guest may use at boot, in KiB; the balloon takes the rest.
    pub current: Opt<u64>,
    /// `<maxMemory>`: the maximum with hot-plugged memory devices, in KiB, above 0.
    pub max: Opt<u64>,
    /// The number of slots for memory devices, at least 1.
    pub slots: Opt<u32>,
    /// Whether a core dump of QEMU includes the guest's memory.
    pub dump_core: Opt<Switch>,
}

/// The largest amount of memory, in KiB (`virMemoryMaxValue` in libvirt's `src/util/virutil.c`).
pub const MOST_KIB: u64 = (1 << 53) - 1;

static CURRENT_RULE: DefaultRule = DefaultRule {
    name: "current-memory",
    text: "without `<currentMemory>` the guest can use all of its memory at boot",
};
static SUM_RULE: DefaultRule = DefaultRule {
    name: "memory-of-cells",
    text: "without `<memory>` the guest's memory is the sum of its NUMA cells and memory devices",
};

/// The size in an element with a `unit`, in bytes; `default` is the unit where it is absent.
pub fn bytes(f: &Fields<'_, '_>, default: &str) -> Opt<u64> {
    let unit = f.attr::<String>("unit");
    let value = f.text::<u64>()?;
    let bytes = unit_bytes(unit.as_ref().map_or(default, |u| u.value.as_str()))?;
    let Some(bytes) = value.value.checked_mul(bytes) else {
        f.report(Diagnostic::at(&codes::BAD_VALUE, f.element().text_span(), "the size is larger than 2^64 bytes"));
        return None;
    };
    Some(Spanned { value: bytes, origin: f.origin() })
}

/// The size in an element with a `unit` (KiB where absent), in KiB, rounded up.
pub(crate) fn scaled(f: &Fields<'_, '_>) -> Opt<u64> {
    let unit = f.attr::<String>("unit");
    let value = f.text::<u64>();
    to_kib(f, value, unit.as_ref())
}

/// The size in the attribute `name` with the attribute `unit` (KiB where absent), in KiB, rounded up.
pub(crate) fn scaled_attr(f: &Fields<'_, '_>, name: &str) -> Opt<u64> {
    let unit = f.attr::<String>("unit");
    let value = f.attr::<u64>(name);
    to_kib(f, value, unit.as_ref())
}

fn to_kib(f: &Fields<'_, '_>, value: Opt<u64>, unit: Option<&Spanned<String>>) -> Opt<u64> {
    let value = value?;
    let bytes = unit_bytes(unit.map_or("KiB", |u| u.value.as_str()))?;
    if let Some(kib) = value.value.checked_mul(bytes).map(|b| b.div_ceil(1024)) {
        return Some(Spanned { value: kib, origin: value.origin });
    }
    f.report(Diagnostic::at(&codes::BAD_VALUE, value.origin, "the size is larger than 2^64 bytes"));
    None
}

impl Memory {
    /// Fills in what is absent (`virDomainDefPostParseMemory` in libvirt's `src/conf/domain_postparse.c`): `cells` is
    /// the memory of all NUMA cells, `devices` that of all memory devices, in KiB.
    pub fn define(&mut self, origin: Origin, cells: u64, devices: u64, faults: &mut Diagnostics) {
        if self.total.is_none_or(|t| t.value == 0) && cells > 0 {
            self.total = Some(Spanned::rule(cells.saturating_add(devices), &SUM_RULE, origin));
        }
        let Some(total) = self.total else {
            let message = "`<domain>` has no `<memory>`";
            return faults.add_with(&codes::MISSING, origin, message, "add `<memory unit='GiB'>…</memory>`");
        };
        if total.value == 0 {
            let message = "the domain has no memory: `<memory>` is 0";
            faults.conflict_with(total.origin, message, "set `<memory>` to a size above 0");
        } else if devices >= total.value {
            let message = "the memory devices use all of `<memory>`: none is left at boot";
            faults.conflict_with(total.origin, message, "add the sizes of the memory devices to `<memory>`");
        }
        match self.current {
            // libvirt silently reduces what exceeds the total.
            Some(current) if current.value > total.value || current.value == 0 => {
                self.current = Some(Spanned { value: total.value, origin: current.origin });
            }
            Some(_) => {}
            None => self.current = Some(Spanned::rule(total.value, &CURRENT_RULE, origin)),
        }
        match (self.max, self.slots) {
            (Some(max), _) if max.value < total.value => {
                faults.conflict(max.origin, "`<maxMemory>` is less than `<memory>`");
            }
            (None, Some(slots)) => faults.conflict(slots.origin, "`slots` needs a `<maxMemory>` above 0"),
            (Some(_) | None, _) => {}
        }
    }

    /// Checks the sizes after alignment (`qemuDomainAlignMemorySizes` in libvirt's `src/qemu/qemu_domain.c`), and what
    /// memory hotplug needs.
    pub fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        let too_much = |kib: u64| kib.next_multiple_of(1024) > MOST_KIB;
        for cell in domain.numa().iter().flat_map(|n| &n.cells) {
            if cell.kib.get().is_some_and(too_much) {
                faults.refuse(
                    cell.kib.origin_or(cell.origin),
                    "the memory of the NUMA cell is larger than 9007199254740991 KiB",
                );
            }
        }
        for (what, value) in [("memory", self.total), ("maximum memory", self.max)] {
            if let Some(value) = value.filter(|v| too_much(v.value)) {
                faults.refuse(value.origin, format!("the {what} is larger than 9007199254740991 KiB"));
            }
        }
        if let (Some(max), None) = (self.max, domain.numa()) {
            faults.refuse(max.origin, "memory hotplug (`<maxMemory>`) needs a guest with NUMA cells");
        }
    }

    /// The memory at boot without memory devices, in KiB: whole MiB, for each cell or altogether.
    fn initial_kib(&self, domain: &Domain) -> u64 {
        let cells = domain
            .numa()
            .map_or(0, |n| n.cells.iter().map(super::numa::Cell::aligned_kib).fold(0, u64::saturating_add));
        if cells > 0 {
            return cells;
        }
        let devices = domain.devices.memories.iter().map(MemoryDevice::kib).fold(0, u64::saturating_add);
        self.total.get().unwrap_or(0).saturating_sub(devices).next_multiple_of(1024)
    }

    /// All memory of the guest as QEMU gets it, in KiB: at boot and in memory devices.
    pub fn all_kib(&self, domain: &Domain) -> u64 {
        let devices = domain.devices.memories.iter().map(MemoryDevice::aligned_kib).fold(0, u64::saturating_add);
        self.initial_kib(domain).saturating_add(devices)
    }
}

impl Element for Memory {
    /// Reads the elements from `<domain>`.
    fn lower(f: &Fields<'_, '_>) -> Self {
        let total = f.child("memory");
        let max = f.child("maxMemory");
        Self {
            total: total.as_ref().and_then(scaled),
            dump_core: total.and_then(|m| m.attr("dumpCore")),
            current: f.child("currentMemory").as_ref().and_then(scaled),
            max: max.as_ref().and_then(scaled).filter(|m| m.value > 0),
            slots: max.and_then(|m| m.attr("slots")).filter(|s: &Spanned<u32>| s.value > 0),
        }
    }

    /// Writes the elements.
    fn write(&self, w: &mut XmlWriter) {
        if let Some(max) = &self.max {
            w.tag("maxMemory").opt("slots", &self.slots).attr("unit", "KiB").text(&max.show());
        }
        if let Some(total) = &self.total {
            w.tag("memory").opt("dumpCore", &self.dump_core).attr("unit", "KiB").text(&total.show());
        }
        if let Some(current) = &self.current {
            w.tag("currentMemory").attr("unit", "KiB").text(&current.show());
        }
    }

    /// `-m`, the memory backend, `-overcommit`.
    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let Some(total) = &self.total else { return };
        let kib = self.initial_kib(cx.domain);
        let mut opts = Opts::new().with("size", format!("{kib}k"));
        if let Some(max) = &self.max {
            opts = opts.opt("slots", self.slots.map(|s| s.show()));
            opts.set("maxmem", format!("{}k", max.value.next_multiple_of(1024)));
        }
        out.opts(ArgSection::Memory, "m", opts, total.origin);
        if let (None, Some(id)) = (cx.domain.numa(), cx.domain.os.ram_id(&cx.target)) {
            let request = Request { owner: MemoryOwner::Machine, ..Request::new(id, kib, total.origin) };
            Backend::new(cx, &request).options(ArgSection::Memory, out, total.origin);
        }
        let locked = cx.domain.backing.locked;
        let origin = locked.unwrap_or(cx.domain.origin.with_rule(&rules::ALWAYS));
        out.opts(ArgSection::Memory, "overcommit", Opts::new().switch("mem-lock", locked.is_some()), origin);
    }
}
