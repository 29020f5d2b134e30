//! Slots of DIMMs (`qemuDomainAssignMemorySlots` in libvirt's `src/qemu/qemu_domain_address.c`).

use crate::ir::{DefaultRule, Spanned};
use crate::model::Domain;
use crate::model::devices::address::Address;

static SLOT: DefaultRule = DefaultRule { name: "dimm-slot", text: "a DIMM without a slot gets the first free one" };

/// Gives every DIMM a slot.
pub fn assign(domain: &mut Domain) {
    let mut taken: Vec<u32> = domain.devices.memories.iter().filter_map(super::MemoryDevice::slot).collect();
    for memory in domain.devices.memories.iter_mut().filter(|m| m.has_slot()) {
        let base = match &memory.info.address {
            Some(Spanned { value: Address::Dimm { slot: Some(_), .. }, .. }) => continue,
            Some(Spanned { value: Address::Dimm { base, .. }, .. }) => *base,
            None => None,
            // An address of another kind is refused elsewhere.
            Some(_) => continue,
        };
        let Some(slot) = (0..u32::MAX).find(|slot| !taken.contains(slot)) else { return };
        taken.push(slot);
        memory.info.address = Some(Spanned::rule(Address::Dimm { slot: Some(slot), base }, &SLOT, memory.origin));
    }
}
