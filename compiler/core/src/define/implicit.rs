//! Implicit devices: those of the machine type, and those that other devices need.

use std::collections::BTreeSet;

use virtc_diag::Diagnostics;

use crate::define::controllers::{add_controller, ensure_all};
use crate::define::{scsi_hostdev, smartcards};
use crate::ir::{DefaultRule, Opt, OptExt, Spanned, Switch};
use crate::model::Domain;
use crate::model::devices::Device;
use crate::model::devices::address::Address;
use crate::model::devices::audio::Audio;
use crate::model::devices::console;
use crate::model::devices::controller::{Controller, ControllerType, PciModel};
use crate::model::devices::input::{Input, InputKind};
use crate::model::devices::iommu::Iommu;
use crate::model::devices::memballoon::Memballoon;
use crate::model::devices::parallel;
use crate::model::devices::video::Video;
use crate::model::devices::watchdog::Watchdog;
use crate::model::elements::features::IoapicDriver;
use crate::model::elements::os::MachineFamily;
use crate::model::elements::vcpu::MOST_CPUS_OF_APIC;

static ROOT: DefaultRule = DefaultRule {
    name: "pci-root",
    text: "a machine with PCI has a root bus: `pci-root` on `pc`, `pcie-root` on `q35` and `virt`",
};
static USB: DefaultRule = DefaultRule {
    name: "default-usb",
    text: "a PC and some Arm machines have a USB controller, unless there is one with model `none`",
};
static SATA: DefaultRule = DefaultRule { name: "q35-sata", text: "the Q35 chipset has a SATA controller" };
static BALLOON: DefaultRule = DefaultRule {
    name: "default-balloon",
    text: "an x86 machine has a memory balloon, unless there is one with model `none`",
};
static ITCO: DefaultRule = DefaultRule { name: "q35-watchdog", text: "the Q35 chipset has an iTCO watchdog" };
static MANY_CPUS: DefaultRule = DefaultRule {
    name: "eim-for-many-cpus",
    text: "more than 255 vCPUs need an IOMMU with interrupt remapping and EIM, and an I/O APIC that QEMU emulates",
};
static REMAPPED: DefaultRule = DefaultRule {
    name: "remapped-ioapic",
    text: "an IOMMU with interrupt remapping needs an I/O APIC that QEMU emulates",
};
static PS2: DefaultRule =
    DefaultRule { name: "ps2-input", text: "an x86 machine has a PS/2 mouse and a PS/2 keyboard" };
static AUDIO: DefaultRule = DefaultRule {
    name: "default-audio",
    text: "QEMU gets an audio backend for `<graphics>`: `spice` for SPICE, otherwise `none`",
};
static VIDEO: DefaultRule = DefaultRule { name: "default-video", text: "a guest with `<graphics>` has a video device" };
static DISK_CONTROLLER: DefaultRule = DefaultRule {
    name: "disk-controller",
    text: "a controller is added for a disk whose address names one that does not exist",
};
static SERIAL_CONTROLLER: DefaultRule = DefaultRule {
    name: "virtio-serial-controller",
    text: "channels and virtio consoles need a virtio-serial controller",
};

/// The devices of the machine type (`qemuDomainDefAddDefaultDevices` in libvirt's `src/qemu/qemu_postparse.c`).
pub fn default_devices(domain: &mut Domain) {
    let family = domain.os.family();
    let has = |domain: &Domain, kind| domain.devices.controllers.iter().any(|c| c.kind() == kind && c.index() == 0);
    let usb = family.is_pc() || matches!(family, MachineFamily::Versatile | MachineFamily::Realview);
    if usb && !has(domain, ControllerType::Usb) {
        add_controller(domain, Controller::added(ControllerType::Usb, 0, domain.origin.with_rule(&USB)));
    }
    if family == MachineFamily::Q35 && !has(domain, ControllerType::Sata) {
        add_controller(domain, Controller::added(ControllerType::Sata, 0, domain.origin.with_rule(&SATA)));
    }
    if let Some(root) = family.root() {
        let roots = [Some(PciModel::PciRoot), Some(PciModel::PcieRoot)];
        let found =
            domain.devices.controllers.iter().any(|c| c.is_pci() && (roots.contains(&c.pci_model()) || c.index() == 0));
        if !found {
            add_controller(domain, Controller::pci(0, root, domain.origin.with_rule(&ROOT)));
        }
    }
    if domain.os.arch().is_x86() && domain.devices.memballoons.is_empty() {
        domain.devices.memballoons.push(Memballoon::added(domain.origin.with_rule(&BALLOON)));
    }
    if family == MachineFamily::Q35 && !domain.devices.watchdogs.iter().any(Watchdog::is_itco) {
        let watchdog = Watchdog::itco(&domain.devices.watchdogs, domain.origin.with_rule(&ITCO));
        domain.devices.watchdogs.push(watchdog);
    }
    many_cpus(domain);
    if domain.devices.iommus.iter().any(Iommu::remaps_interrupts) {
        domain.features.ioapic.get_or_insert(Spanned::rule(IoapicDriver::Qemu, &REMAPPED, domain.origin));
    }
}

/// More than 255 CPUs need an IOMMU with interrupt remapping and EIM, and an I/O APIC that QEMU emulates.
fn many_cpus(domain: &mut Domain) {
    let many = domain.vcpus.max.get().unwrap_or(1) > MOST_CPUS_OF_APIC;
    if !many || domain.os.family() != MachineFamily::Q35 {
        return;
    }
    match domain.devices.iommus.first_mut() {
        Some(iommu) => iommu.interrupt_all(iommu.origin().with_rule(&MANY_CPUS)),
        None => domain.devices.iommus.push(Iommu::for_many_cpus(domain.origin.with_rule(&MANY_CPUS))),
    }
    domain.features.ioapic.get_or_insert(Spanned::rule(IoapicDriver::Qemu, &MANY_CPUS, domain.origin));
}

/// The devices that other devices need (`virDomainDefAddImplicitDevices` in libvirt's `src/conf/domain_postparse.c`).
pub fn implied_devices(domain: &mut Domain, faults: &mut Diagnostics) {
    disk_controllers(domain);
    if domain.devices.consoles.iter().any(console::Console::is_virtio)
        || domain.devices.channels.iter().any(crate::model::devices::channel::Channel::is_virtio)
    {
        serial_controllers(domain);
    }
    smartcards::assign(domain);
    scsi_hostdev::controllers(domain);
    parallel::assign_ports(domain);
    console::imply(domain, faults);
    if domain.devices.videos.is_empty() && !domain.devices.graphics.is_empty() {
        domain.devices.videos.push(Video::added(domain.origin.with_rule(&VIDEO)));
    }
    Video::primary_first(&mut domain.devices.videos);
    for kind in [InputKind::Mouse, InputKind::Keyboard] {
        let off = domain.features.ps2.is(&Switch::Off) || !domain.os.has_ps2();
        if !off && !domain.devices.inputs.iter().any(|i| i.is_ps2(kind)) {
            domain.devices.inputs.push(Input::ps2(kind, domain.origin.with_rule(&PS2)));
        }
    }
    if domain.devices.audios.is_empty() {
        domain.devices.audios.extend(Audio::implied(&domain.devices.graphics, domain.origin.with_rule(&AUDIO)));
    }
}

/// The largest index for which controllers are added, so that a typing error does not fill the memory.
const MOST: u32 = 8191;

/// The controllers that addresses of drives name, up to the highest index of each type.
fn disk_controllers(domain: &mut Domain) {
    for kind in [ControllerType::Scsi, ControllerType::Fdc, ControllerType::Ide, ControllerType::Sata] {
        let named = domain
            .devices
            .disks
            .iter()
            .filter(|d| d.controller_type() == Some(kind))
            .filter_map(|d| Some((controller(&d.info.address)?, d.origin())));
        let Some((highest, disk)) = named.max_by_key(|(index, _)| *index) else { continue };
        ensure_all(domain, kind, 0..=highest.min(MOST), disk.with_rule(&DISK_CONTROLLER));
    }
}

fn controller(address: &Opt<Address>) -> Option<u32> {
    match address {
        Some(Spanned {
            value: Address::Drive { controller, .. } | Address::VirtioSerial { controller, .. }, ..
        }) => Some(*controller),
        Some(_) | None => None,
    }
}

fn serial_controllers(domain: &mut Domain) {
    let channels = domain.devices.channels.iter().filter(|c| c.is_virtio()).map(|c| (&c.info.address, c.origin()));
    let consoles = domain.devices.consoles.iter().filter(|c| c.is_virtio()).map(|c| (&c.info.address, c.origin()));
    let origin = channels.clone().chain(consoles.clone()).next().map_or(domain.origin, |(_, origin)| origin);
    let named = channels.chain(consoles).map(|(address, _)| controller(address).unwrap_or_default());
    let named: BTreeSet<u32> = named.collect();
    ensure_all(domain, ControllerType::VirtioSerial, named, origin.with_rule(&SERIAL_CONTROLLER));
}
