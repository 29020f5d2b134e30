//! `<features>`.

mod arm;
mod hyperv;
mod kept;
mod kvm;
mod machine;

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{Opt, OptExt, Origin, Spanned, Switch, YesNo, unit_bytes, words};
use crate::model::Domain;
use crate::model::Element;
use crate::model::EmitContext;
use crate::model::Facts;
use crate::model::elements::os::{MachineFamily, Os};
use crate::qemu::{ArgSection, Opts, Props, QemuOptions};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

pub use arm::{Gic, GicVersion};
pub use hyperv::Hyperv;
pub use kept::Kept;
pub use kvm::{Kvm, Tcg};

words! {
    /// A feature that is there or not.
    pub enum Plain { Acpi = "acpi", Apic = "apic", Pae = "pae", Viridian = "viridian", Privnet = "privnet" }
}

words! {
    /// Who emulates the I/O APIC.
    pub enum IoapicDriver { Kvm = "kvm", Qemu = "qemu" }
}

/// Features of other architectures, which libvirt refuses here.
const FOREIGN: [&str; 8] = ["hpt", "htm", "nested-hv", "ccf-assist", "cfpc", "sbbc", "ibs", "aia"];

/// The features of the machine.
#[derive(Debug, Clone, Default)]
pub struct Features {
    /// The features that are there, in libvirt's order.
    pub plain: Vec<Spanned<Plain>>,
    /// What Windows sees of Hyper-V.
    pub hyperv: Option<Hyperv>,
    /// What KVM does.
    pub kvm: Option<Kvm>,
    /// What TCG does.
    pub tcg: Option<Tcg>,
    /// Spin locks that the guest waits for with the host's help.
    pub pvspinlock: Opt<Switch>,
    /// System management mode.
    pub smm: Opt<Switch>,
    /// The memory of system management mode, in bytes.
    pub tseg: Opt<u64>,
    /// Who emulates the I/O APIC.
    pub ioapic: Opt<IoapicDriver>,
    /// The performance monitoring unit.
    pub pmu: Opt<Switch>,
    /// The VMware I/O port.
    pub vmport: Opt<Switch>,
    /// The guest tells where its memory map for dumps is.
    pub vmcoreinfo: Opt<Switch>,
    /// QEMU gives its memory back after it has ended.
    pub async_teardown: Opt<YesNo>,
    /// The PS/2 controller.
    pub ps2: Opt<Switch>,
    /// What is of other hypervisors, and kept.
    pub kept: Kept,
    /// End-of-interrupt acceleration of the local APIC.
    pub apic_eoi: Opt<Switch>,
    /// The interrupt controller of Arm.
    pub gic: Option<Gic>,
    /// Errors of the host's memory are told to a guest of Arm.
    pub ras: Opt<Switch>,
    /// Features of other architectures.
    foreign: Vec<Spanned<&'static str>>,
}

impl Features {
    /// Fills in what is absent, and says what libvirt refuses of each feature alone.
    pub fn define(&mut self, origin: Origin, os: &Os, kvm: bool, facts: Facts<'_>, report: &mut dyn FnMut(Diagnostic)) {
        arm::define(&mut self.gic, origin, os, kvm, facts);
        if let Some(hyperv) = &mut self.hyperv {
            hyperv.define(origin, report);
        }
    }

    /// What libvirt refuses (`qemuValidateDomainDefFeatures` in its `src/qemu/qemu_validate.c`).
    pub fn check(&self, domain: &Domain, report: &mut dyn FnMut(Diagnostic)) {
        let mut fault = |origin: Origin, message: &str| {
            report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, message));
        };
        if let Some(smm) = self.smm.filter(|s| s.is_on() && !domain.os.arch().is_x86()) {
            fault(smm.origin, "only an x86 machine has system management mode");
        }
        if let Some(tseg) = self.tseg.filter(|_| self.smm.is(&Switch::On)) {
            if domain.os.family() != MachineFamily::Q35 {
                fault(tseg.origin, "only `q35` has memory for system management mode of a given size");
            }
            if tseg.value % (1 << 20) != 0 {
                fault(tseg.origin, "the memory of system management mode is not of whole MiB");
            }
        }
        let kvm = domain.general.is_kvm();
        if let Some(tcg) = self.tcg.as_ref().and_then(|t| t.cache).filter(|_| kvm) {
            fault(tcg.origin, "a domain that runs under KVM translates no code");
        }
        if let Some(cache) = self.tcg.as_ref().and_then(|t| t.cache).filter(|c| c.value % 1024 != 0) {
            fault(cache.origin, "the cache of translated code is not of whole MiB");
        }
        let is_pc = domain.os.has_ps2();
        for state in [&self.vmport, &self.ps2].into_iter().flatten().filter(|_| !is_pc) {
            fault(state.origin, "only `pc`, `q35` and `isapc` have this feature");
        }
        if let Some(vmport) = self.vmport.filter(|v| v.is_on() && self.ps2.is(&Switch::Off)) {
            fault(vmport.origin, "the VMware port is part of the PS/2 controller, which is off");
        }
        if self.ps2.is(&Switch::Off) {
            for input in domain.devices.inputs.iter().filter(|i| i.comes_to_ps2(domain.os.arch().is_x86())) {
                let origin = crate::model::devices::Device::origin(input);
                fault(origin, "the input device is on PS/2, but the PS/2 controller is off");
            }
        }
        if let Some(features) = &self.kvm {
            features.check(report);
        }
        arm::check(self, domain, report);
    }

    /// Whether a feature is there, and where that comes from.
    pub fn has(&self, plain: Plain) -> Option<Origin> {
        self.plain.iter().find(|p| p.value == plain).map(|p| p.origin)
    }

    /// QEMU's flags of the CPU; `crash` tells whether the guest may say that it crashed, by registers of Hyper-V.
    pub fn cpu_opts(&self, crash: bool, mut opts: Opts) -> Opts {
        for (name, state) in [("kvm-pv-eoi", &self.apic_eoi), ("kvm-pv-unhalt", &self.pvspinlock)] {
            if let Some(state) = state {
                opts = opts.switch(name, state.is_on());
            }
        }
        if let Some(hyperv) = &self.hyperv {
            opts = hyperv.cpu_opts(opts);
        }
        if crash {
            opts.bare("hv-crash");
        }
        if let Some(kvm) = &self.kvm {
            opts = kvm.cpu_opts(opts);
        }
        if let Some(pmu) = self.pmu {
            opts = opts.switch("pmu", pmu.is_on());
        }
        opts
    }
}

impl Element for Features {
    /// Reads `<features>` from `<domain>`.
    fn lower(domain: &Fields<'_, '_>) -> Self {
        let Some(f) = domain.child("features") else { return Self::default() };
        let mut out = Self::default();
        for plain in [Plain::Acpi, Plain::Apic, Plain::Pae, Plain::Viridian, Plain::Privnet] {
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
        out.hyperv = Hyperv::lower(&f);
        out.kvm = Kvm::lower(&f);
        out.tcg = Tcg::lower(&f);
        out.pvspinlock = switch("pvspinlock");
        out.pmu = switch("pmu");
        out.vmport = switch("vmport");
        out.vmcoreinfo = switch("vmcoreinfo");
        out.ps2 = switch("ps2");
        out.kept = Kept::lower(&f);
        out.ioapic = f.child_attr("ioapic", "driver");
        if let Some(smm) = f.child("smm") {
            out.smm = Some(smm.attr("state").unwrap_or(Spanned { value: Switch::On, origin: smm.origin() }));
            out.tseg = smm.child("tseg").and_then(|t| {
                let unit: Opt<String> = t.attr("unit");
                let factor = unit_bytes(unit.as_ref().map_or("MiB", |u| &u.value))?;
                t.text::<u64>().map(|size| size.map(|size| size.saturating_mul(factor)))
            });
        }
        out.async_teardown = f
            .child("async-teardown")
            .map(|child| child.attr("enabled").unwrap_or(Spanned { value: YesNo::Yes, origin: child.origin() }));
        out.gic = Gic::lower(&f);
        out.ras = switch("ras");
        for name in FOREIGN {
            if let Some(child) = f.child(name) {
                out.foreign.push(Spanned { value: name, origin: Origin::Xml(child.element().name_span()) });
                let _ = child.ignore_rest();
            }
        }
        out
    }

    /// Writes `<features>`.
    fn write(&self, w: &mut XmlWriter) {
        if !self.is_empty() {
            w.tag("features").children(|w| self.write_all(w));
        }
    }

    /// `vmcoreinfo`, the memory of system management mode, `-run-with`.
    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        self.machine(cx, out);
        if let Some(tseg) = self.tseg.filter(|_| self.smm.is(&Switch::On)) {
            let opts = Opts::new().with("mch.extended-tseg-mbytes", (tseg.value >> 20).to_string());
            out.opts(ArgSection::Tseg, "global", opts, tseg.origin);
        }
        if let Some(vmcoreinfo) = self.vmcoreinfo.filter(|v| v.is_on()) {
            out.device(ArgSection::Vmcoreinfo, Props::new().with("driver", "vmcoreinfo"), vmcoreinfo.origin);
        }
        if let Some(teardown) = self.async_teardown.filter(|_| !cx.changes.lacks("run-with.async-teardown")) {
            let opts = Opts::new().switch("async-teardown", teardown.is_yes());
            out.opts(ArgSection::RunWith, "run-with", opts, teardown.origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::elements::trial::trial;

    #[test]
    fn features_reach_cpu_machine_and_accelerator() {
        let t = trial(
            "<memory>1024</memory><features><hyperv><spinlocks state='on' retries='8191'/><stimer state='on'><direct state='on'/>\
             </stimer><vendor_id state='on' value='a'/></hyperv><kvm><hidden state='on'/><dirty-ring state='on' size='4096'/></kvm>\
             <ioapic driver='qemu'/><pvspinlock/></features>",
            "",
            &["-cpu", "-machine", "-accel"],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                "-machine pc,usb=off,kernel_irqchip=split,dump-guest-core=off,memory-backend=pc.ram,acpi=off",
                "-accel kvm,dirty-ring-size=4096",
                "-cpu qemu64,kvm-pv-unhalt=on,hv-spinlocks=0x1fff,hv-stimer=on,hv-stimer-direct=on,hv-vendor-id=a,kvm=off",
            ]
        );
    }

    #[test]
    fn what_features_cannot_be() {
        for (features, fault) in [
            ("<gic version='3'/>", "an x86 machine has no feature `gic`"),
            (
                "<smm state='on'><tseg>16</tseg></smm>",
                "only `q35` has memory for system management mode of a given size",
            ),
            (
                "<hyperv><spinlocks state='on' retries='9'/></hyperv>",
                "`retries` of `<spinlocks>` is at least 4095, not 9",
            ),
            (
                "<kvm><dirty-ring state='on' size='1000'/></kvm>",
                "the size of the dirty ring is no power of two between 1024 and 65536",
            ),
        ] {
            let t = trial(&format!("<memory>1024</memory><features>{features}</features>"), "", &[]);
            assert_eq!(t.faults, [fault], "{features}");
        }
    }
}
