//! `<vcpu>`.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes::{self, Report as _};
use crate::ir::{CpuSet, DefaultRule, Leaf, Opt, OptExt, Origin, Spanned, words};
use crate::model::Domain;
use crate::model::Element;
use crate::model::EmitContext;
use crate::model::devices::iommu::Iommu;
use crate::model::elements::individual::{self, Individual};
use crate::model::elements::numatune::Numatune;
use crate::model::elements::os::MachineFamily;
use crate::qemu::{ArgSection, Opts, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// The number of CPUs without Extended Interrupt Mode of an IOMMU (`QEMU_MAX_VCPUS_WITHOUT_EIM` in libvirt's
/// `src/qemu/qemu_domain.h`).
pub const MOST_CPUS_OF_APIC: u32 = 255;

words! {
    /// Whether the definition or numad chooses the host CPUs of the virtual CPUs.
    pub enum Placement { Static = "static", Auto = "auto" }
}

/// The virtual CPUs.
#[derive(Debug, Clone, Default)]
pub struct Vcpus {
    /// The maximum, from 1.
    pub max: Opt<u32>,
    /// The number at boot, from 1; absent: the maximum.
    pub current: Opt<u32>,
    /// Whether the definition or numad chooses their host CPUs.
    pub placement: Opt<Placement>,
    /// The host CPUs that they may run on.
    pub cpuset: Opt<CpuSet>,
    /// `<vcpus>`: the state of each of them, where the definition lists it.
    pub list: Vec<Individual>,
}

static ONE: DefaultRule = DefaultRule { name: "one-vcpu", text: "without `<vcpu>` the guest has one vCPU" };
static NUMAD: DefaultRule = DefaultRule {
    name: "numad-placement",
    text: "where numad places the memory and no `cpuset` is given, numad places the vCPUs too",
};
static STATIC: DefaultRule = DefaultRule {
    name: "static-placement",
    text: "the placement of vCPUs is `static` unless the definition says otherwise",
};

impl Vcpus {
    /// Fills in what is absent.
    pub fn define(&mut self, origin: Origin, faults: &mut Diagnostics) {
        let max = *self.max.get_or_insert(Spanned::rule(1, &ONE, origin));
        self.placement.get_or_insert(Spanned::rule(Placement::Static, &STATIC, origin));
        if max.value == 0 {
            faults.conflict(max.origin, "`<vcpu>` must be at least 1");
        }
        if self.placement.is(&Placement::Auto) {
            self.cpuset = None;
        }
        if let Some(none) = self.cpuset.as_ref().filter(|cpus| cpus.value.is_empty()) {
            faults.conflict(none.origin, "`cpuset` of `<vcpu>` is empty");
        }
        individual::define(&mut self.list, max.value, origin, faults);
        if let Some(first) = self.list.first() {
            // The list gives the number at boot.
            let (present, _) = individual::present(&self.list);
            self.current = Some(Spanned { value: present, origin: first.id.origin });
        }
        if let Some(current) = self.current {
            if current.value == max.value {
                self.current = None;
            } else if current.value > max.value || current.value == 0 {
                let message = format!("`current` is {}, but must be between 1 and {}", current.value, max.value);
                faults.conflict(current.origin, message);
            }
        }
    }

    /// Lets numad place the CPUs too where it places the memory and no `cpuset` is given (`virDomainDefParseXML` in
    /// libvirt's `src/conf/domain_conf.c`).
    pub fn follow_memory(&mut self, origin: Origin, memory: &Numatune) {
        let auto = memory.memory.as_ref().is_some_and(|m| m.placement.is(&Placement::Auto));
        if auto && self.cpuset.is_none() {
            self.placement = Some(Spanned::rule(Placement::Auto, &NUMAD, origin));
        }
    }

    /// What more than 255 CPUs need (`qemuValidateDomainVCpuTopology` in libvirt's `src/qemu/qemu_validate.c`).
    pub fn check(domain: &Domain, faults: &mut Diagnostics) {
        let is_many = |max: &Spanned<u32>| max.value > MOST_CPUS_OF_APIC && domain.os.arch().is_x86();
        let Some(max) = domain.vcpus.max.filter(is_many) else { return };
        if domain.os.family() != MachineFamily::Q35 {
            faults.refuse(max.origin, "more than 255 vCPUs are supported on `q35` only");
        } else if !domain.devices.iommus.first().is_some_and(Iommu::has_eim) {
            faults.refuse(max.origin, "more than 255 vCPUs need an IOMMU with `eim='on'`");
        }
    }
}

impl Vcpus {
    /// The origin of the number of CPUs.
    pub fn origin(&self, whole: Origin) -> Origin {
        self.max.origin_or(whole)
    }
}

impl Element for Vcpus {
    /// Reads the elements from `<domain>`.
    fn lower(f: &Fields<'_, '_>) -> Self {
        let list = individual::lower(f);
        let Some(v) = f.child("vcpu") else { return Self { list, ..Self::default() } };
        if v.element().text().trim().is_empty() {
            v.report(
                Diagnostic::at(&codes::MISSING, v.element().span(), "`<vcpu>` is empty")
                    .help("give the number of vCPUs, or remove the element for one vCPU"),
            );
        }
        let (placement, cpuset) = (v.attr("placement"), v.attr("cpuset"));
        Self { max: v.text(), current: v.attr("current"), placement, cpuset, list }
    }

    /// Writes the element.
    fn write(&self, w: &mut XmlWriter) {
        let Some(max) = &self.max else { return };
        w.tag("vcpu")
            .opt("placement", &self.placement)
            .opt("cpuset", &self.cpuset)
            .opt("current", &self.current)
            .text(&max.show());
        individual::write(&self.list, w);
    }

    /// `-smp`.
    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let Some(max) = &self.max else { return };
        // For other families `check` has reported it.
        let os = &cx.domain.os;
        let is_reported = max.value > MOST_CPUS_OF_APIC && os.arch().is_x86() && os.family() != MachineFamily::Q35;
        let machine = cx.domain.os.machine.as_ref().filter(|_| !is_reported);
        let machine = machine.and_then(|name| cx.target.caps()?.machine(name));
        if let Some((name, machine)) = machine.filter(|(_, machine)| (1..max.value).contains(&machine.cpus)) {
            let message = format!("{} vCPUs, but machine type `{name}` supports at most {}", max.value, machine.cpus);
            cx.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, max.origin, message));
        }
        // CPUs that are hot-plugged before the guest runs are not there when QEMU starts.
        let listed = (!self.list.is_empty()).then(|| individual::present(&self.list).1);
        let boot = listed.or(self.current.get()).unwrap_or(max.value);
        let topology = cx.domain.cpu.as_ref().and_then(|c| c.topology.as_ref());
        let mut opts = Opts::first(boot.to_string());
        if boot != max.value {
            opts.set("maxcpus", max.show());
        }
        if let Some(t) = topology {
            opts.set("sockets", t.sockets.show());
            for (name, count) in [("dies", t.dies), ("clusters", t.clusters)] {
                if !cx.changes.lacks(&format!("smp-{name}")) {
                    opts.set(name, count.show());
                }
            }
            opts.set("cores", t.cores.show());
            opts.set("threads", t.threads.show());
        } else {
            opts.set("sockets", max.show());
            opts.set("cores", "1");
            opts.set("threads", "1");
        }
        let origin = topology.map_or(max.origin, |t| t.origin);
        out.opts(ArgSection::Smp, "smp", opts, if self.current.is_some() { max.origin } else { origin });
    }

    /// What the runtime cannot do yet.
    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        let auto = self.placement.filter(|p| p.value == Placement::Auto).map(|p| p.origin);
        for origin in self.cpuset.as_ref().map(|s| s.origin).into_iter().chain(auto) {
            out.refuse("CPU placement of `<vcpu>` (`cpuset`, `placement='auto'`)", origin);
        }
        if let Some(origin) = individual::plugged(&self.list) {
            out.refuse("hotpluggable vCPUs that are enabled at boot (`<vcpus>`)", origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::elements::trial::trial;

    #[test]
    fn a_number_is_there() {
        let fault = |vcpu: &str| trial(&format!("<memory>1024</memory>{vcpu}"), "", &[]).faults;
        for vcpu in ["<vcpu/>", "<vcpu placement='static'> </vcpu>"] {
            assert_eq!(fault(vcpu), ["`<vcpu>` is empty"], "{vcpu}");
        }
        assert_eq!(fault("<vcpu> 2</vcpu>"), Vec::<String>::new());
        assert_eq!(fault("<vcpu>2 </vcpu>"), ["text `2 ` has white space around it"]);
    }

    #[test]
    fn a_machine_type_has_a_most() {
        let os = "<os><type arch='x86_64' machine='q35'>hvm</type></os>";
        let faults = trial(&format!("<memory>1024</memory><vcpu>5000</vcpu>{os}"), "", &[]).faults;
        assert!(faults.iter().any(|f| f.starts_with("5000 vCPUs, but machine type `pc-q35-")), "{faults:?}");
    }

    #[test]
    fn many_cpus_take_an_iommu() {
        let domain = |machine: &str, devices: &str| {
            let os = format!("<os><type arch='x86_64' machine='{machine}'>hvm</type></os>");
            trial(&format!("<memory>1024</memory><vcpu>256</vcpu>{os}"), devices, &["iommu", "irqchip"])
        };
        let t = domain("q35", "");
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                "-machine q35,usb=off,kernel_irqchip=split,dump-guest-core=off,memory-backend=pc.ram,acpi=off",
                r#"-device {"driver":"intel-iommu","id":"iommu0","intremap":"on","eim":"on"}"#,
            ]
        );
        assert_eq!(domain("pc", "").faults, ["more than 255 vCPUs are supported on `q35` only"]);
        let off = "<iommu model='intel'><driver intremap='on' eim='off'/></iommu>";
        assert_eq!(domain("q35", off).faults, ["more than 255 vCPUs need an IOMMU with `eim='on'`"]);
    }
}
