//! `<pm>` and `<perf>`.

use virtc_diag::Diagnostics;

use crate::codes::Report as _;
use crate::ir::{Opt, OptExt, Spanned, YesNo, words};
use crate::model::Domain;
use crate::model::Element;
use crate::model::EmitContext;
use crate::model::elements::os::MachineFamily;
use crate::qemu::{ArgSection, Opts, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Performance events, in libvirt's order.
    pub enum Event {
        Cmt = "cmt", Mbmt = "mbmt", Mbml = "mbml", CacheMisses = "cache_misses", CacheReferences = "cache_references",
        Instructions = "instructions", CpuCycles = "cpu_cycles", BranchInstructions = "branch_instructions", BranchMisses = "branch_misses",
        BusCycles = "bus_cycles", StalledFrontend = "stalled_cycles_frontend", StalledBackend = "stalled_cycles_backend",
        RefCpuCycles = "ref_cpu_cycles", CpuClock = "cpu_clock", TaskClock = "task_clock", PageFaults = "page_faults",
        ContextSwitches = "context_switches", CpuMigrations = "cpu_migrations", PageFaultsMin = "page_faults_min",
        PageFaultsMaj = "page_faults_maj", AlignmentFaults = "alignment_faults", EmulationFaults = "emulation_faults",
    }
}

/// Sleep states of the guest, and performance monitoring.
#[derive(Debug, Clone, Default)]
pub struct Power {
    /// `<suspend-to-mem>`: S3.
    pub memory: Opt<YesNo>,
    /// `<suspend-to-disk>`: S4.
    pub disk: Opt<YesNo>,
    /// The `<event>`s of `<perf>`.
    pub events: Vec<(Spanned<Event>, Opt<YesNo>)>,
}

impl Power {
    /// Checks that no event is listed twice, and that `<pm>` is used on x86 only (`qemuValidateDomainDefPM` in
    /// libvirt's `src/qemu/qemu_validate.c`).
    pub fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        for (at, (event, _)) in self.events.iter().enumerate() {
            if self.events.iter().take(at).any(|(other, _)| other.value == event.value) {
                faults.conflict(event.origin, format!("`<perf>` lists event `{}` twice", event.word()));
            }
        }
        for set in [self.memory, self.disk].into_iter().flatten().filter(|_| domain.os.arch().is_arm()) {
            faults.refuse(set.origin, "`<pm>` (S3/S4) is supported on x86 only");
        }
    }
}

impl Element for Power {
    /// Reads both elements from `<domain>`.
    fn lower(domain: &Fields<'_, '_>) -> Self {
        let pm = domain.child("pm");
        let enabled = |name: &str| pm.as_ref().and_then(|p| p.child_attr(name, "enabled"));
        let mut events: Vec<(Spanned<Event>, Opt<YesNo>)> = domain
            .child("perf")
            .map(|p| p.children("event").iter().filter_map(|e| Some((e.attr("name")?, e.attr("enabled")))).collect())
            .unwrap_or_default();
        events.sort_by_key(|(event, _)| event.value);
        Self { memory: enabled("suspend-to-mem"), disk: enabled("suspend-to-disk"), events }
    }

    /// Writes both elements.
    fn write(&self, w: &mut XmlWriter) {
        if self.memory.is_some() || self.disk.is_some() {
            w.tag("pm").children(|w| {
                for (name, enabled) in [("suspend-to-mem", &self.memory), ("suspend-to-disk", &self.disk)] {
                    if enabled.is_some() {
                        w.tag(name).opt("enabled", enabled).end();
                    }
                }
            });
        }
        if !self.events.is_empty() {
            w.tag("perf").children(|w| {
                for (event, enabled) in &self.events {
                    w.tag("event").attr("name", event.word()).opt("enabled", enabled).end();
                }
            });
        }
    }

    /// `-global` of the chipset's power management.
    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let chip = match cx.domain.os.family() {
            MachineFamily::Q35 => "ICH9-LPC",
            MachineFamily::I440fx
            | MachineFamily::ArmVirt
            | MachineFamily::Versatile
            | MachineFamily::Realview
            | MachineFamily::Vexpress
            | MachineFamily::Other => "PIIX4_PM",
        };
        for (name, enabled) in [("s3", self.memory), ("s4", self.disk)] {
            if let Some(enabled) = enabled {
                let off = if enabled.is_yes() { "0" } else { "1" };
                let opts = Opts::new().with(format!("{chip}.disable_{name}"), off);
                out.opts(ArgSection::Pm, "global", opts, enabled.origin);
            }
        }
    }

    /// What the runtime cannot do yet.
    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        for (event, _) in self.events.iter().filter(|(_, enabled)| enabled.is(&YesNo::Yes)) {
            out.refuse("performance events (`<perf>`)", event.origin);
        }
    }
}
