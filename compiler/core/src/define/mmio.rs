//! Virtio devices on virtio-mmio, which some Arm machines have.

use crate::ir::{DefaultRule, OptExt, Spanned};
use crate::model::Domain;
use crate::model::devices::address::{Address, PciAddress};
use crate::model::devices::{Device, Kind};

static MMIO: DefaultRule = DefaultRule {
    name: "virtio-mmio",
    text: "a virtio device without an address uses virtio-mmio where the machine has no PCI, or where another device uses virtio-mmio",
};

static PLUGGED: DefaultRule = DefaultRule {
    name: "virtio-pci-hotplug",
    text: "a virtio device that is hot-plugged is on PCI, since virtio-mmio does not support hotplug",
};

/// Whether the device may be given an address of type `virtio-mmio`.
pub(super) fn allows(domain: &Domain, device: &dyn Device) -> bool {
    domain.os.family().has_virtio_mmio() && device.allows_mmio()
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
    let is_named = || domain.devices.iter().any(|(_, _, device)| device.info().address.is(&Address::VirtioMmio));
    if !family.has_virtio_mmio() || (family.root().is_some() && !is_named()) {
        return;
    }
    let origin = domain.origin;
    domain.devices.for_each_mut(|_, _, device| {
        if device.takes_mmio() {
            device.info_mut().address.get_or_insert(Spanned::rule(Address::VirtioMmio, &MMIO, origin));
        }
    });
}
