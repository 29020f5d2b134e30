//! `<memory>` and `<currentMemory>`.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::emit::{Cx, Items, Opts, Props, Section, rules};
use crate::ir::{Leaf, Opt, Origin, Rule, Spanned, Switch, unit_bytes};
use crate::lower::Fields;
use crate::write::XmlWriter;

/// The guest's memory.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// What the guest has at most, in KiB.
    pub total: Opt<u64>,
    /// What it has at boot, in KiB; the balloon holds the rest.
    pub current: Opt<u64>,
    /// Whether the memory is part of a core dump of QEMU.
    pub dump_core: Opt<Switch>,
}

static CURRENT_RULE: Rule =
    Rule { name: "current-memory", text: "without `<currentMemory>` the guest has all of its memory at boot" };

/// KiB of an element with a `unit` (KiB where absent), rounded up.
fn kib(f: &Fields<'_, '_>) -> Opt<u64> {
    let unit = f.attr::<String>("unit");
    let value = f.text::<u64>()?;
    let bytes = unit_bytes(unit.as_ref().map_or("KiB", |u| u.value.as_str()))?;
    if let Some(kib) = value.value.checked_mul(bytes).map(|b| b.div_ceil(1024)) {
        Some(Spanned { value: kib, origin: f.origin() })
    } else {
        f.report(Diagnostic::new(&codes::BAD_VALUE, f.element().text_span(), "more memory than can be counted"));
        None
    }
}

impl Memory {
    /// Reads the parts from `<domain>`.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        let total = f.child("memory");
        Self {
            total: total.as_ref().and_then(kib),
            dump_core: total.and_then(|m| m.attr("dumpCore")),
            current: f.child("currentMemory").as_ref().and_then(kib),
        }
    }

    /// Fills in what is absent.
    pub fn define(&mut self, whole: Origin, report: &mut dyn FnMut(Diagnostic)) {
        let Some(total) = self.total else {
            let span = whole.span().unwrap_or_default();
            return report(
                Diagnostic::new(&codes::MISSING, span, "the domain has no memory")
                    .help("add `<memory unit='GiB'>…</memory>`"),
            );
        };
        if total.value == 0 {
            let span = total.origin.span().unwrap_or_default();
            report(Diagnostic::new(&codes::CONFLICT, span, "the domain has no memory").help("give a size above 0"));
        }
        match self.current {
            // libvirt cuts what exceeds the total without a word.
            Some(current) if current.value > total.value || current.value == 0 => {
                self.current = Some(Spanned { value: total.value, origin: current.origin });
            }
            Some(_) => {}
            None => self.current = Some(Spanned::rule(total.value, &CURRENT_RULE)),
        }
    }

    /// Writes the elements.
    pub fn write(&self, w: &mut XmlWriter) {
        if let Some(total) = &self.total {
            w.tag("memory").opt("dumpCore", &self.dump_core).attr("unit", "KiB").text(&total.show());
        }
        if let Some(current) = &self.current {
            w.tag("currentMemory").attr("unit", "KiB").text(&current.show());
        }
    }

    /// The size that QEMU gets, in KiB: whole MiB.
    pub fn aligned_kib(&self) -> u64 {
        self.total.as_ref().map_or(0, |t| t.value.next_multiple_of(1024))
    }

    /// `-m`, the memory object, `-overcommit`.
    pub fn items(&self, _cx: &Cx<'_>, out: &mut Items) {
        let Some(total) = &self.total else { return };
        let kib = self.aligned_kib();
        out.opts(Section::Memory, "m", Opts::new().with("size", format!("{kib}k")), total.origin);
        let object = Props::new().with("qom-type", "memory-backend-ram").with("id", "pc.ram").with("size", kib << 10);
        out.json(Section::Memory, "object", object, total.origin);
        out.opts(Section::Memory, "overcommit", Opts::new().switch("mem-lock", false), Origin::Rule(&rules::ALWAYS));
    }
}
