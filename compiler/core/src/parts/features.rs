//! `<features>`.

use crate::emit::{Cx, Items, Opts, Section};
use crate::ir::{Opt, OptExt, Origin, Spanned, Switch, words};
use crate::lower::Fields;
use crate::write::XmlWriter;

words! {
    /// A feature that is there or not.
    pub enum Plain { Acpi = "acpi", Apic = "apic", Pae = "pae" }
}

/// The features of the machine.
#[derive(Debug, Clone, Default)]
pub struct Features {
    /// The features that are there, in libvirt's order.
    pub plain: Vec<Spanned<Plain>>,
    /// System management mode.
    pub smm: Opt<Switch>,
    /// The performance monitoring unit.
    pub pmu: Opt<Switch>,
    /// The VMware I/O port.
    pub vmport: Opt<Switch>,
    /// End-of-interrupt acceleration of the local APIC.
    pub apic_eoi: Opt<Switch>,
}

impl Features {
    /// Reads `<features>` from `<domain>`.
    pub fn lower(domain: &Fields<'_, '_>) -> Self {
        let Some(f) = domain.child("features") else { return Self::default() };
        let mut out = Self::default();
        for plain in [Plain::Acpi, Plain::Apic, Plain::Pae] {
            if let Some(child) = f.child(plain.word()) {
                if plain == Plain::Apic {
                    out.apic_eoi = child.attr("eoi");
                }
                out.plain.push(Spanned { value: plain, origin: child.origin() });
            }
        }
        // A switch without a state is on.
        let switch = |name: &str| {
            let child = f.child(name)?;
            Some(child.attr("state").unwrap_or(Spanned { value: Switch::On, origin: child.origin() }))
        };
        out.smm = switch("smm");
        out.pmu = switch("pmu");
        out.vmport = switch("vmport");
        out
    }

    /// Whether a feature is there, and where that comes from.
    pub fn has(&self, plain: Plain) -> Option<Origin> {
        self.plain.iter().find(|p| p.value == plain).map(|p| p.origin)
    }

    /// Writes `<features>`.
    pub fn write(&self, w: &mut XmlWriter) {
        if self.plain.is_empty() && self.smm.is_none() && self.pmu.is_none() && self.vmport.is_none() {
            return;
        }
        w.tag("features").children(|w| {
            for plain in &self.plain {
                let tag = w.tag(plain.word());
                if plain.value == Plain::Apic { tag.opt("eoi", &self.apic_eoi).end() } else { tag.end() }
            }
            for (name, value) in [("pmu", &self.pmu), ("vmport", &self.vmport), ("smm", &self.smm)] {
                if value.is_some() {
                    w.tag(name).opt("state", value).end();
                }
            }
        });
    }

    /// `-machine`: the parts of many elements in one option.
    pub fn machine(cx: &Cx<'_>, out: &mut Items) {
        let domain = cx.domain;
        let Some(machine) = &domain.os.machine else { return };
        let features = &domain.features;
        let mut opts = Opts::first(&machine.value).switch("usb", false);
        for (key, value) in [("vmport", &features.vmport), ("smm", &features.smm)] {
            if let Some(value) = value {
                opts = opts.switch(key, value.is_on());
            }
        }
        opts = opts.switch("dump-guest-core", cx.dump_core());
        if domain.backing.nosharepages.is_some() {
            opts = opts.switch("mem-merge", false);
        }
        opts = crate::devices::memory::machine(domain, opts);
        match domain.numa() {
            Some(numa) if numa.has_hmat() => opts = opts.switch("hmat", true),
            Some(_) => {}
            None => opts.set("memory-backend", "pc.ram"),
        }
        for (key, node) in domain.os.flash() {
            opts.set(key, node);
        }
        if let Some(hpet) = domain.clock.hpet() {
            opts = opts.switch("hpet", hpet);
        }
        opts = opts.switch("acpi", features.has(Plain::Acpi).is_some());
        out.opts(Section::Machine, "machine", opts, machine.origin);
    }

    /// The CPU flags that features ask for.
    pub fn cpu_flags(&self) -> Vec<(&'static str, bool)> {
        let mut out = Vec::new();
        if let Some(eoi) = self.apic_eoi.get() {
            out.push(("kvm-pv-eoi", eoi.is_on()));
        }
        out
    }
}
