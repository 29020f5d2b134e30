//! Virtio devices on virtio-mmio, which some Arm machines have.

use crate::ir::{DefaultRule, OptExt, Spanned};
use crate::model::Domain;
use crate::model::devices::address::{Address, PciAddress};
use crate::model::devices::controller::{Controller, ControllerType, ScsiModel};
use crate::model::devices::disk::DiskBus;
use crate::model::devices::hostdev::Subsystem;
use crate::model::devices::input::InputBus;
use crate::model::devices::memory::Model;
use crate::model::devices::{Kind, memballoon, video};

static MMIO: DefaultRule = DefaultRule {
    name: "virtio-mmio",
    text: "a virtio device without an address uses virtio-mmio where the machine has no PCI, or where another device uses virtio-mmio",
};

static PLUGGED: DefaultRule = DefaultRule {
    name: "virtio-pci-hotplug",
    text: "a virtio device that is hot-plugged is on PCI, since virtio-mmio does not support hotplug",
};

/// Whether the device can use virtio-mmio (`qemuDomainPrimeVirtioDeviceAddresses` in libvirt's
/// `src/qemu/qemu_domain_address.c`, which leaves file systems and vsocks on PCI).
fn is_virtio(domain: &Domain, kind: Kind, index: usize) -> bool {
    let devices = &domain.devices;
    match kind {
        Kind::Disk => devices.disks.get(index).is_some_and(|d| d.bus.is(&DiskBus::Virtio)),
        Kind::Interface => devices.interfaces.get(index).is_some_and(|i| i.is_virtio() && i.host_function().is_none()),
        Kind::Video => devices.videos.get(index).is_some_and(|v| v.model.is(&video::Model::Virtio)),
        Kind::Input => devices.inputs.get(index).is_some_and(|i| i.bus.is(&InputBus::Virtio)),
        Kind::Controller => devices.controllers.get(index).is_some_and(|c: &Controller| match c.kind() {
            ControllerType::VirtioSerial => true,
            ControllerType::Scsi => c.scsi_model().is_some_and(ScsiModel::is_virtio),
            _ => false,
        }),
        Kind::Memory => {
            let model = devices.memories.get(index).and_then(|m| m.model.get());
            matches!(model, Some(Model::VirtioPmem | Model::VirtioMem))
        }
        Kind::Hostdev => devices.hostdevs.get(index).is_some_and(|h| matches!(h.subsystem, Subsystem::ScsiHost(_))),
        Kind::Memballoon => devices.memballoons.get(index).is_some_and(|b| !b.model.is(&memballoon::Model::None)),
        Kind::Rng | Kind::Crypto => true,
        _ => false,
    }
}

/// Whether the device may have an address of type `virtio-mmio`.
pub(super) fn may_stand(domain: &Domain, kind: Kind, index: usize) -> bool {
    domain.os.family().has_virtio_mmio()
        && (is_virtio(domain, kind, index) || matches!(kind, Kind::Filesystem | Kind::Vsock))
}

/// Moves a hot-plugged device from virtio-mmio to PCI, where the machine has PCI
/// (`qemuDomainEnsureVirtioAddress` in libvirt's `src/qemu/qemu_domain_address.c`); `true` if it needs a PCI slot.
pub(crate) fn to_pci(domain: &mut Domain, kind: Kind, index: usize) -> bool {
    let has_root = domain.os.family().root().is_some();
    let origin = domain.devices.origin(kind, index).unwrap_or(domain.origin);
    let Some(info) = domain.devices.info_mut(kind, index).filter(|_| has_root) else { return false };
    let by_rule = |a: &Spanned<Address>| a.value == Address::VirtioMmio && a.origin.by_rule().is_some();
    if !info.address.as_ref().is_some_and(by_rule) {
        return false;
    }
    info.address =
        Some(Spanned::rule(Address::Pci { address: PciAddress::default(), multifunction: None }, &PLUGGED, origin));
    true
}

/// Assigns virtio-mmio to virtio devices without an address, where libvirt does
/// (`qemuDomainAssignVirtioMMIOAddresses`).
pub(super) fn assign(domain: &mut Domain) {
    let family = domain.os.family();
    let all = |domain: &Domain| -> Vec<(Kind, usize)> {
        let of = |kind: &Kind| (0..domain.devices.count(*kind)).map(|index| (*kind, index)).collect::<Vec<_>>();
        Kind::ALL.iter().flat_map(of).collect()
    };
    let is_named = |domain: &Domain| {
        all(domain)
            .into_iter()
            .any(|(kind, index)| domain.devices.info(kind, index).is_some_and(|i| i.address.is(&Address::VirtioMmio)))
    };
    if !family.has_virtio_mmio() || (family.root().is_some() && !is_named(domain)) {
        return;
    }
    for (kind, index) in all(domain) {
        if is_virtio(domain, kind, index)
            && let Some(info) = domain.devices.info_mut(kind, index)
        {
            info.address.get_or_insert(Spanned::rule(Address::VirtioMmio, &MMIO, domain.origin));
        }
    }
}
