//! Aliases from the user are unique.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use virtc_diag::{Diagnostic, Diagnostics, Span};

use crate::codes;
use crate::model::Domain;
use crate::model::devices::Kind;

/// See `virDomainDeviceDefValidateAliasesIterator` in libvirt's `src/conf/domain_validate.c`.
pub(super) fn check(domain: &Domain, faults: &mut Diagnostics) {
    let mut names: BTreeMap<&str, Span> = BTreeMap::new();
    for (kind, at, device) in domain.devices.iter() {
        // The first console may be the first serial port, and then has its alias.
        let own = device.info().alias.as_ref().filter(|alias| alias.value.starts_with("ua-"));
        let Some(alias) = own.filter(|_| kind != Kind::Console || at > 0) else { continue };
        match names.entry(&alias.value) {
            Entry::Vacant(place) => drop(place.insert(alias.origin.span())),
            Entry::Occupied(first) => {
                let message = format!("another device has the alias `{}`", alias.value);
                let fault = Diagnostic::at(&codes::CONFLICT, alias.origin, message)
                    .help("give each device its own `<alias name>`");
                faults.push(fault.label(*first.get(), "the other device"));
            }
        }
    }
}
