//! Aliases: the ids of devices in QEMU.

use crate::ir::{DefaultRule, Spanned};
use crate::model::Domain;
use crate::model::devices::Kind;

static ALIAS: DefaultRule = DefaultRule {
    name: "alias",
    text: "a device without a user alias gets one from its kind and its number or address",
};

/// Assigns an alias to each device without one.
pub fn assign(domain: &mut Domain) {
    // Controllers first: aliases of devices on them may depend on them.
    let kinds = std::iter::once(&Kind::Controller).chain(Kind::ALL.iter().filter(|k| **k != Kind::Controller));
    for kind in kinds {
        for index in 0..domain.devices.count(*kind) {
            if domain.devices.info(*kind, index).is_some_and(|i| i.alias.is_some()) {
                continue;
            }
            let alias = domain.devices.default_alias(*kind, index, domain);
            if alias.is_empty() {
                continue;
            }
            if let Some(info) = domain.devices.info_mut(*kind, index) {
                info.alias = Some(Spanned::rule(alias, &ALIAS, domain.origin));
            }
        }
    }
}
