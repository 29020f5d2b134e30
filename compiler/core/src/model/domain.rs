//! The typed model of a domain, in libvirt's terms.

use std::collections::BTreeMap;

use virtc_diag::{Diagnostic, Diagnostics, Outcome};
use virtc_rng::Validated;

use crate::codes;
use crate::ir::{CpuSet, Opt, OptExt, Origin};
use crate::model::apart;
use crate::model::devices::Devices;
use crate::model::devices::controller::PciModel;
use crate::model::elements::{
    backing::{Access, Backing},
    clock::Clock,
    cpu::Cpu,
    cputune::Cputune,
    extensions::{Extensions, NAMESPACE},
    features::Features,
    general::General,
    idmap::Idmap,
    iothreads::Iothreads,
    lifecycle::Lifecycle,
    limits::Limits,
    memory::Memory,
    numa::Numa,
    numatune::Numatune,
    os::Os,
    pm::Power,
    resource::Resource,
    seclabel::Seclabel,
    security::Security,
    sysinfo::Sysinfo,
    throttle::ThrottleGroups,
    vcpu::Vcpus,
};
use crate::model::{Element, EmitContext};
use crate::qemu::{QemuOptions, RequirementsOf};
use crate::xml_io::XmlWriter;
use crate::xml_io::{Fields, Lowering};

/// Makes [`Domain`] of a line for each element, in the order in which libvirt writes them
/// (`virDomainDefFormatInternalSetRootName` in its `src/conf/domain_conf.c`); after the first list comes `<devices>`.
macro_rules! elements {
    ($($(#[$doc:meta])+ $field:ident: $type:ty,)+; $($(#[$late_doc:meta])+ $late:ident: $late_type:ty,)+) => {
        /// A domain: every value has its place in the XML, and what the user left out is absent.
        #[derive(Debug, Clone)]
        pub struct Domain {
            $($(#[$doc])+ pub $field: $type,)+
            /// The QEMU binary.
            pub emulator: Opt<String>,
            /// The devices.
            pub devices: Devices,
            $($(#[$late_doc])+ pub $late: $late_type,)+
            /// The start tag of `<domain>`.
            pub origin: Origin,
            /// The numbers of the first fd sets of devices, by alias; empty until devices have aliases.
            pub fd_sets: BTreeMap<String, u32>,
            /// The number of parts that could not be read; above 0, nothing is compiled.
            pub unread: usize,
            /// Whether no part that could not be read is needed by another, so that the others can be checked all the
            /// same.
            pub is_checkable: bool,
        }

        impl Domain {
            fn read(f: &Fields<'_, '_>) -> Self {
                let (emulator, devices) = read_devices(f);
                Self {
                    $($field: <$type>::lower(f),)+
                    emulator,
                    devices,
                    $($late: <$late_type>::lower(f),)+
                    origin: Origin::Xml(f.element().start_tag()),
                    fd_sets: BTreeMap::new(),
                    unread: 0,
                    is_checkable: true,
                }
            }

            fn write(&self, w: &mut XmlWriter) {
                $(self.$field.write(w);)+
                w.tag("devices").children(|w| {
                    w.opt_text("emulator", &self.emulator);
                    self.devices.write(w);
                });
                $(self.$late.write(w);)+
            }

            /// What QEMU gets for all elements but `<devices>`.
            pub(crate) fn element_options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
                $(self.$field.options(cx, out);)+
                $(self.$late.options(cx, out);)+
            }

            /// What all elements but `<devices>` need of the host.
            pub(crate) fn element_requirements(&self, cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
                $(self.$field.host(cx, out);)+
                $(self.$late.host(cx, out);)+
            }
        }
    };
}

elements! {
    /// `<name>`, `<uuid>`, descriptions.
    general: General,
    /// Memory.
    memory: Memory,
    /// `<memtune>` and `<blkiotune>`.
    limits: Limits,
    /// `<memoryBacking>`: how the host provides the memory.
    backing: Backing,
    /// Virtual CPUs.
    vcpus: Vcpus,
    /// I/O threads.
    iothreads: Iothreads,
    /// `<throttlegroups>`: I/O limits that disks share.
    throttles: ThrottleGroups,
    /// `<cputune>`: CPU pinning, CPU time and scheduling.
    cputune: Cputune,
    /// `<numatune>`: the host's NUMA nodes for the memory.
    numatune: Numatune,
    /// `<resource>`: the parent cgroup.
    resource: Resource,
    /// `<sysinfo>`: SMBIOS tables and `fw_cfg` entries.
    sysinfo: Vec<Sysinfo>,
    /// `<os>`: machine type, firmware, boot.
    os: Os,
    /// `<idmap>`.
    idmap: Idmap,
    /// Features of the machine.
    features: Features,
    /// The CPU.
    cpu: Option<Cpu>,
    /// The clock.
    clock: Clock,
    /// `<on_poweroff>`, `<on_reboot>`, `<on_crash>`.
    lifecycle: Lifecycle,
    /// `<pm>` and `<perf>`.
    power: Power,
    ;
    /// `<seclabel>`s.
    labels: Vec<Seclabel>,
    /// `<launchSecurity>`.
    security: Option<Security>,
    /// The elements of the namespace `qemu`.
    extensions: Extensions,
}

/// The path of QEMU and the devices in `<devices>`.
fn read_devices(domain: &Fields<'_, '_>) -> (Opt<String>, Devices) {
    let mut devices = Devices::default();
    let Some(list) = domain.child("devices") else { return (None, devices) };
    let emulator = list.child_text("emulator");
    for element in list.rest() {
        if domain.cx().is_faulty_part(element) || apart::is_apart(element) && domain.cx().is_touched_part(element) {
            continue;
        }
        let fields = Fields::new(domain.cx(), element);
        if !devices.lower(&fields) {
            let _ = fields.ignore_rest();
            domain.cx().unsupported(element.name_span(), format_args!("device `<{}>`", element.name()));
        }
    }
    (emulator, devices)
}

/// The domain in `document`, without what is faulty; no value where its root is no `<domain>`.
pub(crate) fn lower(checked: &Validated<'_>) -> Outcome<Box<Domain>> {
    read(checked, Lowering::new(checked))
}

/// As [`lower`], for the XML of a running domain: the aliases of its devices are kept.
pub(crate) fn lower_running(checked: &Validated<'_>) -> Outcome<Box<Domain>> {
    read(checked, Lowering::running(checked))
}

fn read(checked: &Validated<'_>, cx: Lowering<'_>) -> Outcome<Box<Domain>> {
    let Some(root) = checked.root() else { return Outcome::none(Diagnostics::new()) };
    if !root.is("domain") {
        return Diagnostic::at(
            &codes::MISSING,
            root.name_span(),
            format!("the root element is `<{}>`, not `<domain>`", root.name()),
        )
        .into();
    }
    // A domain is large, and goes through many hands.
    let mut domain = Box::new(Domain::read(&Fields::new(&cx, root)));
    let (found, met) = cx.finish();
    domain.unread = met + usize::from(!checked.document().is_complete());
    domain.is_checkable = apart::leaves_rest(checked, root);
    Outcome::new(domain, found)
}

/// The one device in `checked`, whose root is its element.
pub(crate) fn lower_device(checked: &Validated<'_>) -> Outcome<Devices> {
    let Some(root) = checked.root() else { return Outcome::none(Diagnostics::new()) };
    let cx = Lowering::running(checked);
    let mut devices = Devices::default();
    let known = {
        let fields = Fields::new(&cx, root);
        let known = devices.lower(&fields);
        if !known {
            let _ = fields.ignore_rest();
            cx.unsupported(root.name_span(), format_args!("device `<{}>`", root.name()));
        }
        known
    };
    let (found, met) = cx.finish();
    if known && met == 0 { Outcome::new(devices, found) } else { Outcome::none(found) }
}

impl Domain {
    /// Writes the domain as libvirt would.
    pub fn to_xml(&self) -> String {
        let mut w = XmlWriter::new();
        let namespace = self.extensions.any().then_some(NAMESPACE);
        let tag = w.tag("domain").opt("type", &self.general.kind).opt("id", &self.general.id);
        let tag = namespace.into_iter().fold(tag, |tag, uri| tag.attr("xmlns:qemu", uri));
        tag.children(|w| self.write(w));
        w.finish()
    }

    /// Whether the guest's root bus is PCI Express.
    pub fn has_pcie(&self) -> bool {
        self.os.family().root() == Some(PciModel::PcieRoot)
    }

    /// Whether other processes of the host can map the guest's memory, as vhost-user needs it
    /// (`qemuValidateDomainDefVhostUserRequireSharedMemory` in libvirt's `src/qemu/qemu_validate.c`).
    pub fn shares_memory(&self) -> bool {
        let shared = self.backing.access.is(&Access::Shared);
        match self.numa().map(|n| n.cells.as_slice()) {
            None | Some([]) => shared,
            Some(cells) => cells.iter().all(|c| c.access.get().map_or(shared, |a| a == Access::Shared)),
        }
    }

    /// What to write so that other processes share the guest's memory: huge pages can be shared as they are.
    pub fn how_to_share(&self) -> &'static str {
        if self.backing.hugepages.is_some() {
            "add `<access mode='shared'/>` to `<memoryBacking>`"
        } else {
            "add `<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>`"
        }
    }

    /// The limit on locked memory in bytes where a device of the host accesses the guest's memory: all of it, and 1 GiB
    /// (`qemuDomainGetMemLockLimitBytes` in libvirt's `src/qemu/qemu_domain.c`).
    pub fn locked_bytes(&self) -> u64 {
        (self.memory.all_kib(self) << 10).saturating_add(1 << 30)
    }

    /// The guest's NUMA cells, where it has any.
    pub fn numa(&self) -> Option<&Numa> {
        self.cpu.as_ref()?.numa.as_ref()
    }

    /// The host's CPUs that the emulator may run on, where the definition says so.
    pub fn emulator_cpus(&self) -> Option<&CpuSet> {
        self.cputune.emulator.as_ref().or(self.vcpus.cpuset.as_ref()).map(|s| &s.value)
    }

    /// The name of the domain.
    pub fn name(&self) -> &str {
        self.general.name.as_ref().map_or("", |n| n.value.as_str())
    }

    /// Whether the binary is `qemu-system-i386`; a 32-bit guest can also run in `qemu-system-x86_64`.
    pub fn has_32_bits(&self) -> bool {
        self.emulator.as_ref().is_some_and(|path| path.ends_with("qemu-system-i386"))
    }

    /// Whether any device has a `<boot order>`.
    pub fn has_device_boot_order(&self) -> bool {
        self.devices.iter().any(|(_, _, device)| device.info().boot_order.is_some())
    }
}
