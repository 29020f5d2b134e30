//! `<memory>`, `<currentMemory>` and `<maxMemory>`.

use virtc_diag::Diagnostic;

use crate::codes;
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
    /// What the guest has at most without more devices, in KiB.
    pub total: Opt<u64>,
    /// What it has at boot, in KiB; the balloon holds the rest.
    pub current: Opt<u64>,
    /// What it can have with all devices, in KiB.
    pub max: Opt<u64>,
    /// How many memory devices there can be in slots.
    pub slots: Opt<u32>,
    /// Whether the memory is part of a core dump of QEMU.
    pub dump_core: Opt<Switch>,
}

/// More memory than this cannot be addressed, in KiB (`virMemoryMaxValue` in libvirt's `src/util/virutil.c`).
pub const MOST_KIB: u64 = (1 << 53) - 1;

static CURRENT_RULE: DefaultRule =
    DefaultRule { name: "current-memory", text: "without `<currentMemory>` the guest has all of its memory at boot" };
static SUM_RULE: DefaultRule = DefaultRule {
    name: "memory-of-cells",
    text: "without `<memory>` the guest has what its NUMA cells and memory devices have",
};

/// Bytes of an element with a `unit`, `default` where it has none.
pub fn bytes(f: &Fields<'_, '_>, default: &str) -> Opt<u64> {
    let unit = f.attr::<String>("unit");
    let value = f.text::<u64>()?;
    let bytes = unit_bytes(unit.as_ref().map_or(default, |u| u.value.as_str()))?;
    let Some(bytes) = value.value.checked_mul(bytes) else {
        f.report(Diagnostic::at(&codes::BAD_VALUE, f.element().text_span(), "more bytes than can be counted"));
        return None;
    };
    Some(Spanned { value: bytes, origin: f.origin() })
}

/// KiB of an element with a `unit` (KiB where absent), rounded up.
pub(crate) fn scaled(f: &Fields<'_, '_>) -> Opt<u64> {
    let unit = f.attr::<String>("unit");
    let value = f.text::<u64>();
    to_kib(f, value, unit.as_ref())
}

/// KiB of the attribute `name` with the attribute `unit` beside it (KiB where absent), rounded up.
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
    let span = value.origin.span();
    f.report(Diagnostic::at(&codes::BAD_VALUE, span, "more memory than can be counted"));
    None
}

impl Memory {
    /// Fills in what is absent (`virDomainDefPostParseMemory` in libvirt's `src/conf/domain_postparse.c`): `cells` is the memory of all NUMA
    /// cells, `devices` that of all memory devices, in KiB.
    pub fn define(&mut self, origin: Origin, cells: u64, devices: u64, report: &mut dyn FnMut(Diagnostic)) {
        let fault = |origin: Origin, message: &str| Diagnostic::at(&codes::CONFLICT, origin, message);
        if self.total.is_none_or(|t| t.value == 0) && cells > 0 {
            self.total = Some(Spanned::rule(cells.saturating_add(devices), &SUM_RULE, origin));
        }
        let Some(total) = self.total else {
            let span = origin.span();
            return report(
                Diagnostic::at(&codes::MISSING, span, "`<domain>` has no `<memory>`")
                    .help("add `<memory unit='GiB'>…</memory>`"),
            );
        };
        if total.value == 0 {
            report(fault(total.origin, "`<domain>` has no `<memory>`").help("give a size above 0"));
        } else if devices >= total.value {
            let message = "the memory devices have all of the domain's memory, so that none is left at boot";
            report(fault(total.origin, message).help("`<memory>` counts the memory devices"));
        }
        match self.current {
            // libvirt cuts what exceeds the total without a word.
            Some(current) if current.value > total.value || current.value == 0 => {
                self.current = Some(Spanned { value: total.value, origin: current.origin });
            }
            Some(_) => {}
            None => self.current = Some(Spanned::rule(total.value, &CURRENT_RULE, origin)),
        }
        match (self.max, self.slots) {
            (Some(max), _) if max.value < total.value => {
                report(fault(max.origin, "`<maxMemory>` is less than the memory that the domain has"));
            }
            (None, Some(slots)) => report(fault(slots.origin, "slots for memory, but `<maxMemory>` is 0")),
            (Some(_) | None, _) => {}
        }
    }

    /// What is too large once it is aligned (`qemuDomainAlignMemorySizes` in libvirt's `src/qemu/qemu_domain.c`), and what plugging needs.
    pub fn check(&self, domain: &Domain, report: &mut dyn FnMut(Diagnostic)) {
        let mut fault = |origin: Origin, message: String| {
            report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, message));
        };
        let too_much = |kib: u64| kib.next_multiple_of(1024) > MOST_KIB;
        for cell in domain.numa().iter().flat_map(|n| &n.cells) {
            if cell.kib.get().is_some_and(too_much) {
                fault(
                    cell.kib.origin_or(cell.origin),
                    "the NUMA cell has more memory than can be addressed".to_owned(),
                );
            }
        }
        for (what, value) in [("memory", self.total), ("maximum memory", self.max)] {
            if let Some(value) = value.filter(|v| too_much(v.value)) {
                fault(value.origin, format!("the {what} is more than can be addressed"));
            }
        }
        if let (Some(max), None) = (self.max, domain.numa()) {
            let message = "memory can be plugged only into a guest with NUMA cells".to_owned();
            fault(max.origin, message);
        }
    }

    /// The memory at boot that QEMU gets, in KiB: whole MiB, in each cell or as a whole.
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

    /// All memory of the guest, in KiB: at boot and in devices, as QEMU gets it.
    pub fn all_kib(&self, domain: &Domain) -> u64 {
        let devices = domain.devices.memories.iter().map(MemoryDevice::aligned_kib).fold(0, u64::saturating_add);
        self.initial_kib(domain).saturating_add(devices)
    }
}

impl Element for Memory {
    /// Reads the parts from `<domain>`.
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

    /// `-m`, the memory object, `-overcommit`.
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
