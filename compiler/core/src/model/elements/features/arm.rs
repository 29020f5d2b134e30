//! Features of Arm machines, and features of other architectures.

use virtc_diag::Diagnostics;

use super::Features;
use crate::codes::Report as _;
use crate::ir::{DefaultRule, Opt, Origin, Spanned, words};
use crate::model::Domain;
use crate::model::Facts;
use crate::model::elements::os::{MachineFamily, Os};
use crate::qemu::Opts;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Versions of the generic interrupt controller.
    pub enum GicVersion { Two = "2", Three = "3", Host = "host" }
}

/// `<gic>`: the interrupt controller.
#[derive(Debug, Clone)]
pub struct Gic {
    /// The version.
    pub version: Opt<GicVersion>,
    origin: Origin,
}

static GIC: DefaultRule = DefaultRule {
    name: "gic-version",
    text: "under KVM the machine type `virt` has the newest GIC version that the host supports, otherwise version 2, since the GICv3 that \
        QEMU emulates once had no MSI support, which PCI Express needs",
};

impl Gic {
    pub(super) fn lower(features: &Fields<'_, '_>) -> Option<Self> {
        let f = features.child("gic")?;
        Some(Self { version: f.attr("version"), origin: f.origin() })
    }

    pub(super) fn write(&self, w: &mut XmlWriter) {
        w.tag("gic").opt("version", &self.version).end();
    }
}

/// The version of the interrupt controller (`qemuDomainDefEnableDefaultFeatures` in libvirt's
/// `src/qemu/qemu_postparse.c`).
pub(super) fn define(gic: &mut Option<Gic>, origin: Origin, os: &Os, kvm: bool, facts: Facts<'_>) {
    if gic.is_none() && os.family() == MachineFamily::ArmVirt {
        *gic = Some(Gic { version: None, origin: origin.with_rule(&GIC) });
    }
    if let Some(gic) = gic {
        let newest = if kvm { facts.gic() } else { 2 };
        let version = if newest >= 3 { GicVersion::Three } else { GicVersion::Two };
        gic.version.get_or_insert(Spanned::rule(version, &GIC, gic.origin));
    }
}

/// Features that the machine does not support (`qemuValidateDomainDefFeatures` in libvirt's
/// `src/qemu/qemu_validate.c`).
pub(super) fn check(features: &Features, domain: &Domain, faults: &mut Diagnostics) {
    let arm = domain.os.arch().is_arm();
    let machine = if arm { "Arm machines" } else { "x86 machines" };
    let is_virt = domain.os.family() == MachineFamily::ArmVirt;
    let none = |origin: Option<Origin>, name: &'static str| origin.map(|origin| (name, origin));
    let of_others = features.foreign.iter().map(|f| (f.value, f.origin));
    let gic = none(features.gic.as_ref().map(|g| g.origin), "gic").filter(|_| !is_virt);
    let ras = none(features.ras.map(|s| s.origin), "ras").filter(|_| !is_virt);
    let eoi = none(features.apic_eoi.map(|s| s.origin), "apic eoi");
    let locks = none(features.pvspinlock.map(|s| s.origin), "pvspinlock");
    let ioapic = none(features.ioapic.map(|s| s.origin), "ioapic");
    let hyperv = none(features.hyperv.as_ref().and_then(super::Hyperv::origin), "hyperv").filter(|_| !is_virt);
    let of_pc = [eoi, locks, ioapic, hyperv].into_iter().flatten().filter(|_| arm);
    for (name, origin) in of_others.chain(gic).chain(ras).chain(of_pc) {
        let what = if arm && matches!(name, "gic" | "ras" | "hyperv") { "this machine type" } else { machine };
        faults.refuse(origin, format!("feature `<{name}>` is not supported on {what}"));
    }
}

impl Features {
    /// Arm's parameters of `-machine`.
    pub(super) fn arm_opts(&self, domain: &Domain, mut opts: Opts) -> Opts {
        // libvirt passes the version to `qemu-system-aarch64` only, not to `qemu-system-arm`.
        let asks = domain.emulator.as_ref().is_none_or(|e| !e.value.ends_with("-arm"));
        if let Some(version) = self.gic.as_ref().and_then(|g| g.version).filter(|_| asks) {
            opts.set("gic-version", version.word());
        }
        if let Some(ras) = self.ras {
            opts = opts.switch("ras", ras.is_on());
        }
        opts
    }
}

#[cfg(test)]
mod tests {
    use crate::model::elements::trial::trial;

    fn virt(features: &str) -> crate::model::elements::trial::Trial {
        let os = "<os><type arch='aarch64' machine='virt'>hvm</type></os><cpu mode='host-passthrough'/>";
        trial(&format!("<memory>1024</memory><vcpu>1</vcpu>{os}<features>{features}</features>"), "", &["-machine"])
    }

    #[test]
    fn the_interrupt_controller_is_said() {
        for (features, version) in
            [("", "3"), ("<gic/>", "3"), ("<gic version='2'/>", "2"), ("<gic version='host'/>", "host")]
        {
            let t = virt(features);
            let machine = format!(
                "-machine virt,usb=off,gic-version={version},dump-guest-core=off,memory-backend=mach-virt.ram,acpi=off"
            );
            assert_eq!((t.faults, t.argv), (Vec::new(), vec![machine]), "{features}");
            assert!(t.xml.contains(&format!("<features><gic version='{version}'/></features>")), "{}", t.xml);
        }
    }

    #[test]
    fn what_is_of_a_pc_is_refused() {
        for (feature, name) in [
            ("<ioapic driver='qemu'/>", "ioapic"),
            ("<pvspinlock state='on'/>", "pvspinlock"),
            ("<apic eoi='on'/>", "apic eoi"),
            ("<hpt resizing='enabled'/>", "hpt"),
        ] {
            assert_eq!(virt(feature).faults, [format!("feature `<{name}>` is not supported on Arm machines")]);
        }
        assert_eq!(virt("<smm state='on'/>").faults, ["SMM is supported on x86 only"]);
    }
}
