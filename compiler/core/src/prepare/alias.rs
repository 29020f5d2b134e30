//! Aliases: the names of devices in QEMU.

use crate::ir::{DefaultRule, Spanned};
use crate::model::Domain;
use crate::model::devices::Kind;

static ALIAS: DefaultRule = DefaultRule {
    name: "alias",
    text: "a device without a name of the user's gets one from its kind and its number or place",
};

/// Names every device that has no name of the user's.
pub fn assign(domain: &mut Domain) {
    // Names of controllers first: the names of what is on them may follow from them.
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
