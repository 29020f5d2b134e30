//! What no two devices have: a place in the boot order, a name from the user.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use virtc_diag::{Diagnostic, Diagnostics, Span};

use crate::codes;
use crate::devices::Kind;
use crate::domain::Domain;
use crate::ir::Spanned;

/// The rules of `virDomainDefBootOrderPostParse` in libvirt's `src/conf/domain_postparse.c` and of `virDomainDeviceDefValidateAliasesIterator`
/// in its `src/conf/domain_validate.c`.
pub(super) fn check(domain: &Domain, faults: &mut Diagnostics) {
    let mut orders: BTreeMap<u32, Option<Span>> = BTreeMap::new();
    let mut names: BTreeMap<&str, Option<Span>> = BTreeMap::new();
    for kind in Kind::ALL {
        for at in 0..domain.devices.count(*kind) {
            let Some(info) = domain.devices.info(*kind, at) else { continue };
            if let Some(order) = &info.boot_order {
                let message = || format!("another device is number {} of the boot order", order.value);
                twice(orders.entry(order.value), order, message, faults);
            }
            // The first console may be the first serial port, and then has its name.
            let own = info.alias.as_ref().filter(|alias| alias.value.starts_with("ua-"));
            if let Some(alias) = own.filter(|_| *kind != Kind::Console || at > 0) {
                let message = || format!("another device has the name `{}`", alias.value);
                twice(names.entry(&alias.value), alias, message, faults);
            }
        }
    }
}

/// Says of what is there already that it is, and else that it is there from now on.
fn twice<K: Ord, T>(
    place: Entry<'_, K, Option<Span>>,
    own: &Spanned<T>,
    message: impl Fn() -> String,
    faults: &mut Diagnostics,
) {
    match place {
        Entry::Vacant(place) => drop(place.insert(own.origin.span())),
        Entry::Occupied(first) => {
            let fault = Diagnostic::new(&codes::CONFLICT, own.origin.span().unwrap_or_default(), message());
            faults.push(first.get().iter().fold(fault, |fault, span| fault.label(*span, "the other one")));
        }
    }
}
