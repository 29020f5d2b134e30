//! `<features>`.

mod arm;
mod hyperv;
mod kept;
mod kvm;
mod machine;

use virtc_diag::Diagnostics;

use crate::codes::Report as _;
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
    /// A feature without settings.
    pub enum Plain { Acpi = "acpi", Apic = "apic", Pae = "pae", Viridian = "viridian", Privnet = "privnet" }
}

words! {
    /// What emulates the I/O APIC.
    pub enum IoapicDriver { Kvm = "kvm", Qemu = "qemu" }
}

/// Features of other architectures, which libvirt refuses here.
const FOREIGN: [&str; 8] = ["hpt", "htm", "nested-hv", "ccf-assist", "cfpc", "sbbc", "ibs", "aia"];

/// The features of the machine.
#[derive(Debug, Clone, Default)]
pub struct Features {
    /// The features without settings, in libvirt's order.
    pub plain: Vec<Spanned<Plain>>,
    /// Hyper-V enlightenments.
    pub hyperv: Option<Hyperv>,
    /// Settings of KVM.
    pub kvm: Option<Kvm>,
    /// Settings of TCG.
    pub tcg: Option<Tcg>,
    /// Paravirtualised spin locks.
    pub pvspinlock: Opt<Switch>,
    /// System Management Mode (SMM).
    pub smm: Opt<Switch>,
    /// The size of SMM's memory (TSEG) in bytes; whole MiB.
    pub tseg: Opt<u64>,
    /// What emulates the I/O APIC.
    pub ioapic: Opt<IoapicDriver>,
    /// The performance monitoring unit.
    pub pmu: Opt<Switch>,
    /// The VMware I/O port.
    pub vmport: Opt<Switch>,
    /// The `vmcoreinfo` device: the guest tells the host what a dump of it needs.
    pub vmcoreinfo: Opt<Switch>,
    /// The kernel frees QEMU's memory asynchronously after its end.
    pub async_teardown: Opt<YesNo>,
    /// The PS/2 controller.
    pub ps2: Opt<Switch>,
    /// Features of other hypervisors.
    pub kept: Kept,
    /// End-of-interrupt acceleration of the local APIC.
    pub apic_eoi: Opt<Switch>,
    /// The interrupt controller of Arm.
    pub gic: Option<Gic>,
    /// Memory errors of the host are reported to the guest (RAS, Arm).
    pub ras: Opt<Switch>,
    /// Features of other architectures.
    foreign: Vec<Spanned<&'static str>>,
}

impl Features {
    /// Fills in what is absent, and reports what libvirt refuses in a single feature.
    pub fn define(&mut self, origin: Origin, os: &Os, kvm: bool, facts: Facts<'_>, faults: &mut Diagnostics) {
        arm::define(&mut self.gic, origin, os, kvm, facts);
        if let Some(hyperv) = &mut self.hyperv {
            hyperv.define(origin, faults);
        }
    }

    /// What libvirt refuses (`qemuValidateDomainDefFeatures` in its `src/qemu/qemu_validate.c`).
    pub fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        if let Some(smm) = self.smm.filter(|s| s.is_on() && !domain.os.arch().is_x86()) {
            faults.refuse(smm.origin, "SMM is supported on x86 only");
        }
        if let Some(tseg) = self.tseg.filter(|_| self.smm.is(&Switch::On)) {
            if domain.os.family() != MachineFamily::Q35 {
                faults.refuse(tseg.origin, "`<tseg>` is supported on `q35` only");
            }
            if tseg.value % (1 << 20) != 0 {
                faults.refuse(tseg.origin, "the size of `<tseg>` must be a multiple of 1 MiB");
            }
        }
        let kvm = domain.general.is_kvm();
        if let Some(tcg) = self.tcg.as_ref().and_then(|t| t.cache).filter(|_| kvm) {
            faults.refuse(tcg.origin, "`<tb-cache>` of `<tcg>` cannot be used with `<domain type='kvm'>`");
        }
        if let Some(cache) = self.tcg.as_ref().and_then(|t| t.cache).filter(|c| c.value % 1024 != 0) {
            faults.refuse(cache.origin, "the size of `<tb-cache>` must be a multiple of 1 MiB");
        }
        let is_pc = domain.os.has_ps2();
        for state in [&self.vmport, &self.ps2].into_iter().flatten().filter(|_| !is_pc) {
            faults.refuse(state.origin, "`<vmport>` and `<ps2>` are supported on `pc`, `q35` and `isapc` only");
        }
        if let Some(vmport) = self.vmport.filter(|v| v.is_on() && self.ps2.is(&Switch::Off)) {
            faults.refuse(vmport.origin, "`<vmport state='on'>` needs the PS/2 controller, which is off");
        }
        if self.ps2.is(&Switch::Off) {
            for input in domain.devices.inputs.iter().filter(|i| i.comes_to_ps2(domain.os.arch().is_x86())) {
                let origin = crate::model::devices::Device::origin(input);
                faults.refuse(
                    origin,
                    "the input device is on bus `ps2`, but the PS/2 controller is off (`<ps2 state='off'>`)",
                );
            }
        }
        if let Some(features) = &self.kvm {
            features.check(faults);
        }
        arm::check(self, domain, faults);
    }

    /// The origin of a feature, where the guest has it.
    pub fn has(&self, plain: Plain) -> Option<Origin> {
        self.plain.iter().find(|p| p.value == plain).map(|p| p.origin)
    }

    /// The flags of `-cpu`; `crash` tells whether the guest may report a crash through Hyper-V's registers.
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

    /// The size of TSEG, `vmcoreinfo`, `-run-with`.
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
            ("<gic version='3'/>", "feature `<gic>` is not supported on x86 machines"),
            ("<smm state='on'><tseg>16</tseg></smm>", "`<tseg>` is supported on `q35` only"),
            (
                "<hyperv><spinlocks state='on' retries='9'/></hyperv>",
                "`retries` of `<spinlocks>` is at least 4095, not 9",
            ),
            (
                "<kvm><dirty-ring state='on' size='1000'/></kvm>",
                "`size` of `<dirty-ring>` must be a power of two between 1024 and 65536",
            ),
        ] {
            let t = trial(&format!("<memory>1024</memory><features>{features}</features>"), "", &[]);
            assert_eq!(t.faults, [fault], "{features}");
        }
    }
}
