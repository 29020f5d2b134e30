//! `-machine`, and how features are written.

use virtc_diag::Diagnostic;

use super::{Features, IoapicDriver, Plain};
use crate::codes;
use crate::ir::{OptExt, Spanned, Switch, YesNo};
use crate::model::EmitContext;
use crate::model::devices::{memory, sound};
use crate::model::elements::numa::Numa;
use crate::qemu::{ArgSection, Opts, QemuOptions};
use crate::xml_io::XmlWriter;

impl Features {
    pub(super) fn is_empty(&self) -> bool {
        let switches = [self.pvspinlock, self.pmu, self.vmport, self.smm, self.vmcoreinfo, self.ps2];
        self.plain.is_empty()
            && self.hyperv.is_none()
            && self.kvm.is_none()
            && self.tcg.is_none()
            && self.ioapic.is_none()
            && self.async_teardown.is_none()
            && self.kept.is_empty()
            && self.gic.is_none()
            && self.ras.is_none()
            && switches.iter().all(Option::is_none)
    }

    pub(super) fn write_all(&self, w: &mut XmlWriter) {
        let of_x86 = |p: &&Spanned<Plain>| matches!(p.value, Plain::Acpi | Plain::Apic | Plain::Pae);
        for plain in self.plain.iter().filter(of_x86) {
            let tag = w.tag(plain.word());
            if plain.value == Plain::Apic { tag.opt("eoi", &self.apic_eoi).end() } else { tag.end() }
        }
        self.kept.write_hap(w);
        for plain in self.plain.iter().filter(|p| !of_x86(p)) {
            w.tag(plain.word()).end();
        }
        if let Some(hyperv) = &self.hyperv {
            hyperv.write(w);
        }
        if let Some(kvm) = &self.kvm {
            kvm.write(w);
        }
        if self.pvspinlock.is_some() {
            w.tag("pvspinlock").opt("state", &self.pvspinlock).end();
        }
        self.kept.write_capabilities(w);
        for (name, value) in [("pmu", &self.pmu), ("vmport", &self.vmport)] {
            if value.is_some() {
                w.tag(name).opt("state", value).end();
            }
        }
        if let Some(gic) = &self.gic {
            gic.write(w);
        }
        if self.smm.is_some() {
            w.tag("smm").opt("state", &self.smm).children(|w| {
                if let Some(tseg) = self.tseg.filter(|_| self.smm.is(&Switch::On)) {
                    let (size, unit) = pretty(tseg.value);
                    w.tag("tseg").attr("unit", unit).text(&size.to_string());
                }
            });
        }
        if self.ioapic.is_some() {
            w.tag("ioapic").opt("driver", &self.ioapic).end();
        }
        if self.vmcoreinfo.is_some() {
            w.tag("vmcoreinfo").opt("state", &self.vmcoreinfo).end();
        }
        self.kept.write_rest(w);
        if let Some(tcg) = &self.tcg {
            tcg.write(w);
        }
        if self.async_teardown.is_some() {
            w.tag("async-teardown").opt("enabled", &self.async_teardown).end();
        }
        if self.ras.is_some() {
            w.tag("ras").opt("state", &self.ras).end();
        }
        if self.ps2.is_some() {
            w.tag("ps2").opt("state", &self.ps2).end();
        }
    }

    /// `-machine`, which holds settings of many elements.
    pub(super) fn machine(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let domain = cx.domain;
        let Some(machine) = &domain.os.machine else { return };
        let features = self;
        let mut opts = Opts::first(&machine.value).switch("usb", false);
        for (key, value) in [("vmport", &features.vmport), ("smm", &features.smm)] {
            if let Some(value) = value {
                opts = opts.switch(key, value.is_on());
            }
        }
        match features.ioapic.get() {
            Some(IoapicDriver::Kvm) => opts.set("kernel_irqchip", "on"),
            Some(IoapicDriver::Qemu) => opts.set("kernel_irqchip", "split"),
            None => {}
        }
        if let Some(ps2) = features.ps2 {
            opts = opts.switch("i8042", ps2.is_on());
        }
        opts = features.arm_opts(domain, opts);
        if domain.devices.iommus.iter().any(|iommu| iommu.is_of_machine(domain.os.family())) {
            opts.set("iommu", "smmuv3");
        }
        opts = opts.switch("dump-guest-core", cx.dump_core());
        if domain.backing.nosharepages.is_some() {
            opts = opts.switch("mem-merge", false);
        }
        opts = memory::machine(domain, opts);
        match domain.numa() {
            Some(_) => {}
            None => opts = opts.opt("memory-backend", domain.os.ram_id(&cx.target)),
        }
        if let Some(security) = &domain.security {
            opts = security.machine_opts(opts);
        }
        for (key, node) in domain.os.flash(&cx.target) {
            opts.set(key, node);
        }
        if domain.numa().is_some_and(Numa::has_hmat) {
            opts = opts.switch("hmat", true);
        }
        if domain.os.boot_options.use_serial.is(&YesNo::Yes) {
            opts = opts.switch("graphics", false);
        }
        let hpet = domain.clock.hpet().filter(|_| domain.os.arch().is_x86() && !cx.changes.lacks("machine-hpet"));
        if let Some(hpet) = hpet {
            opts = opts.switch("hpet", hpet);
        }
        if let Some(audio) = sound::speaker(domain) {
            opts.set("pcspk-audiodev", audio);
        }
        let acpi = features.has(Plain::Acpi);
        if domain.os.can_have_acpi(&cx.target) {
            opts = opts.switch("acpi", acpi.is_some());
        } else if let Some(acpi) = acpi {
            let message = format!("ACPI is not supported by machine type `{}`", machine.value);
            cx.report(Diagnostic::at(&codes::CONFLICT, acpi, message));
        }
        out.opts(ArgSection::Machine, "machine", opts, machine.origin);
    }

    /// The parameters of `-accel`.
    pub fn accel_opts(&self, kvm: bool, mut opts: Opts) -> Opts {
        if let Some(size) = self.kvm.as_ref().and_then(super::Kvm::ring).filter(|_| kvm) {
            opts.set("dirty-ring-size", size.to_string());
        }
        if let Some(cache) = self.tcg.as_ref().and_then(|t| t.cache.get()).filter(|c| *c > 0) {
            opts.set("tb-size", (cache >> 10).to_string());
        }
        opts
    }
}

/// Bytes in the largest unit that leaves no remainder.
fn pretty(bytes: u64) -> (u64, &'static str) {
    [(30, "GiB"), (20, "MiB"), (10, "KiB")]
        .into_iter()
        .find(|(shift, _)| bytes > 0 && bytes.is_multiple_of(1 << shift))
        .map_or((bytes, "B"), |(shift, unit)| (bytes >> shift, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_greatest_unit() {
        assert_eq!(pretty(48 << 20), (48, "MiB"));
        assert_eq!(pretty(1 << 30), (1, "GiB"));
        assert_eq!(pretty(1536), (1536, "B"));
        assert_eq!(pretty(0), (0, "B"));
    }
}
