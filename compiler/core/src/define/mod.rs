//! `Domain` to `Definition`: fills in what libvirt fills in when it stores a definition.

mod check;
mod common;
pub mod controllers;
mod disks;
mod implicit;
pub(crate) mod mmio;
pub mod pci;
mod scsi_hostdev;
mod smartcards;
mod unique;
mod usb;
pub(crate) mod usb_ports;
mod virtio_serial;

use std::collections::BTreeSet;

use virtc_diag::{Diagnostics, Outcome};

use crate::ir::Arch;
use crate::ir::{DefaultRule, OptExt, Spanned};
use crate::model::Domain;
use crate::model::devices::Address;
use crate::model::devices::interface;
use crate::model::devices::memory::{self, MemoryDevice};
use crate::model::elements::cpu::Cpu;
use crate::model::elements::numa::Numa;
use crate::model::elements::os;
use crate::model::elements::sysinfo::Sysinfo;
use crate::model::elements::vcpu::Vcpus;
use crate::model::{Defaults, Facts};

/// A domain as libvirt would store it: defaults, implicit devices and controllers, models, addresses.
#[derive(Debug, Clone)]
pub struct Definition(Box<Domain>);

impl Definition {
    /// The filled-in domain.
    pub fn domain(&self) -> &Domain {
        &self.0
    }

    /// The XML that libvirt would store.
    pub fn to_xml(&self) -> String {
        self.0.to_xml()
    }

    /// The domain, for `prepare`.
    pub(crate) fn into_domain(self) -> Box<Domain> {
        self.0
    }
}

/// Fills in what the definition leaves out, in libvirt's order (`virDomainDefPostParse` in its
/// `src/conf/domain_postparse.c`).
pub(crate) fn define(domain: Box<Domain>, facts: Facts<'_>) -> Outcome<Definition> {
    let mut faults = Diagnostics::new();
    let mut domain = domain;
    controllers::order(&mut domain);
    disks::order(&mut domain);
    fill_in_elements(&mut domain, facts, &mut faults);
    // These are added before controllers without an index are numbered.
    scsi_hostdev::controllers(&mut domain);
    controllers::number(&mut domain);
    implicit::default_devices(&mut domain);
    interface::networks(&mut domain.devices.interfaces, facts, &mut |d| faults.push(d));
    let (arch, family, name) = (domain.os.arch(), domain.os.family(), domain.name().to_owned());
    let mut defaults = Defaults { arch, family, name: name.clone(), facts, faults: &mut faults };
    domain.devices.define(&mut defaults);
    controllers::number(&mut domain);
    scsi_hostdev::assign(&mut domain);
    implicit::implied_devices(&mut domain, &mut faults);
    // Implied devices have defaults of their own; the findings about the others were reported above.
    let mut again = Diagnostics::new();
    let mut defaults = Defaults { arch, family, name, facts, faults: &mut again };
    domain.devices.define(&mut defaults);
    mmio::assign(&mut domain);
    let uuid = domain.general.uuid.as_ref().map(|u| u.value.0).unwrap_or_default();
    for (place, interface) in domain.devices.interfaces.iter_mut().enumerate() {
        interface.derive_ids(&uuid, place);
    }
    Vcpus::check(&domain, &mut faults);
    check::check(&domain, &mut faults);
    usb_ports::check_given(&domain, &mut faults);
    virtio_serial::assign(&mut domain, &mut faults);
    let mut taken = vio_taken(&domain);
    domain.devices.controllers.iter_mut().for_each(|c| c.define_vio(&mut taken));
    memory::assign(&mut domain);
    pci::assign(&mut domain, &mut |d| faults.push(d));
    Outcome::new(Definition(domain), faults)
}

/// The spapr-vio registers in the definition.
fn vio_taken(domain: &Domain) -> BTreeSet<u64> {
    let addresses = domain.devices.controllers.iter().filter_map(|c| c.info.address.as_ref());
    let registers = addresses.filter_map(|address| match &address.value {
        Address::SpaprVio { reg } => *reg,
        Address::Pci { .. }
        | Address::Drive { .. }
        | Address::VirtioSerial { .. }
        | Address::Usb { .. }
        | Address::Isa { .. }
        | Address::Dimm { .. }
        | Address::Ccid { .. }
        | Address::VirtioMmio
        | Address::Foreign(_)
        | Address::Unassigned => None,
    });
    registers.collect()
}

static EMULATOR: DefaultRule =
    DefaultRule { name: "default-emulator", text: "without `<emulator>` the binary is `/usr/bin/qemu-system-ARCH`" };

/// The default binary for guests of this architecture.
pub fn default_emulator(arch: Arch) -> String {
    format!("/usr/bin/qemu-system-{}", arch.qemu())
}

fn fill_in_elements(domain: &mut Domain, facts: Facts<'_>, faults: &mut Diagnostics) {
    let origin = domain.origin;
    Sysinfo::define(&mut domain.sysinfo, &mut domain.general.uuid, faults);
    domain.general.define(origin, faults);
    domain.vcpus.define(origin, faults);
    domain.iothreads.define(origin, faults);
    domain.throttles.check(faults);
    domain.cputune.define(domain.vcpus.max.get().unwrap_or(1));
    domain.limits.define(faults);
    domain.resource.check(faults);
    domain.idmap.check(origin, faults);
    if !domain.cputune.pins() {
        domain.vcpus.follow_memory(origin, &domain.numatune);
    }
    domain.numatune.define(origin, domain.vcpus.placement);
    domain.emulator.get_or_insert_with(|| Spanned::rule(default_emulator(domain.os.arch()), &EMULATOR, domain.origin));
    let per_device = domain.has_device_boot_order();
    domain.os.define(origin, per_device, faults);
    os::choose(domain, facts, faults);
    domain.clock.define(origin, &domain.os, domain.general.is_kvm(), faults);
    domain.extensions.check(faults);
    domain.features.define(origin, &domain.os, domain.general.is_kvm(), facts, faults);
    domain.lifecycle.define(origin, faults);
    crate::model::elements::seclabel::Seclabel::define(&mut domain.labels, faults);
    let max = domain.vcpus.max.as_ref().map(|m| m.value);
    // Under KVM the default CPU of an Arm machine is one that the host does not have.
    let kvm = domain.general.is_kvm();
    let default = domain.os.default_cpu().filter(|_| domain.os.arch().is_x86() || !kvm);
    let default = default.map(|own| if domain.has_32_bits() && own == "qemu64" { "qemu32".to_owned() } else { own });
    if let Some(mut cpu) = domain.cpu.take().or_else(|| default.is_some().then(|| Cpu::implicit(origin))) {
        if domain.has_32_bits() {
            cpu.without_migration();
        }
        cpu.define(default, (domain.os.arch(), kvm), max, faults);
        cpu.check(domain, faults);
        domain.cpu = Some(cpu);
    }
    let cells = domain.numa().map_or(0, Numa::total_kib);
    domain.backing.define(domain.numa().map_or(0, |n| n.cells.len()));
    let devices = domain.devices.memories.iter().map(MemoryDevice::kib).fold(0, u64::saturating_add);
    domain.memory.define(origin, cells, devices, faults);
    os::check(domain, faults);
    if let Some(security) = &domain.security {
        security.check(domain.os.arch(), domain.general.is_kvm(), faults);
    }
    domain.features.check(domain, faults);
    domain.power.check(domain, faults);
    domain.memory.check(domain, faults);
    domain.backing.check(domain, faults);
    domain.numatune.check(domain, faults);
    domain.cputune.check(domain, faults);
}
