//! Virtio devices that stand on no bus: machines of Arm have places for them.

use crate::ir::{DefaultRule, OptExt, Spanned};
use crate::model::Domain;
use crate::model::devices::address::{Address, PciAddress};
use crate::model::devices::{Device, Kind};

static MMIO: DefaultRule = DefaultRule {
    name: "virtio-mmio",
    text: "a virtio device without an address stands on no bus where the machine has no PCI, or where another such device stands on none",
};

static PLUGGED: DefaultRule = DefaultRule {
    name: "virtio-pci-hotplug",
    text: "a virtio device that is plugged in stands on PCI: what stands on no bus is there from the start",
};

/// Whether the device may be given an address of type `virtio-mmio`.
pub(super) fn allows(domain: &Domain, device: &dyn Device) -> bool {
    domain.os.family().has_virtio_mmio() && device.allows_mmio()
}

/// Takes a device that comes while the guest runs from no bus to PCI, where there is one, whatever the others do
/// (`qemuDomainEnsureVirtioAddress` in libvirt's `src/qemu/qemu_domain_address.c`); `true` where it needs a place there.
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

/// Puts virtio devices without an address on no bus, where libvirt does (`qemuDomainAssignVirtioMMIOAddresses`).
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
