//! Slots of smartcards, and their CCID controllers.

use crate::define::controllers::ensure;
use crate::ir::{DefaultRule, Spanned};
use crate::model::Domain;
use crate::model::devices::Device as _;
use crate::model::devices::address::Address;
use crate::model::devices::controller::ControllerType;

static SLOT: DefaultRule =
    DefaultRule { name: "ccid-slot", text: "a smartcard gets the next slot of the first CCID controller" };
static READER: DefaultRule =
    DefaultRule { name: "ccid-controller", text: "a CCID controller is added for a smartcard" };

/// Assigns a slot to each smartcard, and adds the CCID controllers (`virDomainDefMaybeAddSmartcardController` in
/// libvirt's `src/conf/domain_postparse.c`).
pub fn assign(domain: &mut Domain) {
    for at in 0..domain.devices.smartcards.len() {
        let slots = domain.devices.smartcards.iter().filter_map(|c| match &c.info().address {
            Some(Spanned { value: Address::Ccid { controller: 0, slot }, .. }) => Some(slot.saturating_add(1)),
            _ => None,
        });
        let slot = slots.max().unwrap_or(0);
        let Some(card) = domain.devices.smartcards.get_mut(at) else { continue };
        let origin = card.origin();
        card.info_mut().address.get_or_insert(Spanned::rule(Address::Ccid { controller: 0, slot }, &SLOT, origin));
        if let Some(Spanned { value: Address::Ccid { controller, .. }, .. }) = card.info_mut().address {
            ensure(domain, ControllerType::Ccid, controller, origin.with_rule(&READER));
        }
    }
}
