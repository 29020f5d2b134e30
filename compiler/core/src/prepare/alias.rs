//! Aliases: the names of devices in QEMU. A device says what it is named after ([`AliasStem`]), and gets its number here, at a start and when
//! it comes later.

use crate::ir::{DefaultRule, Spanned};
use crate::model::Domain;
use crate::model::devices::console::Console;
use crate::model::devices::{AliasStem, Device, Kind};

static ALIAS: DefaultRule = DefaultRule {
    name: "alias",
    text: "a device without a name of the user's gets one from its kind and its number or place",
};

/// Names every device that has no name yet (`qemuAssignDeviceAliases` in libvirt's `src/qemu/qemu_alias.c`).
pub fn assign(domain: &mut Domain) {
    for kind in Kind::ALL {
        for index in 0..domain.devices.count(*kind) {
            name(domain, *kind, index, true);
        }
    }
}

/// Names a device that comes to the others, which have names: others may have gone, so that its place among them says nothing.
pub fn assign_new(domain: &mut Domain, kind: Kind, index: usize) {
    name(domain, kind, index, false);
}

fn name(domain: &mut Domain, kind: Kind, index: usize, is_start: bool) {
    if domain.devices.info(kind, index).is_none_or(|info| info.alias.is_some()) {
        return;
    }
    let alias = match domain.devices.alias_stem(kind, index, domain) {
        AliasStem::Nameless => return,
        AliasStem::Whole(name) => name,
        AliasStem::Indexed(stem) if is_start => format!("{stem}{index}"),
        AliasStem::Indexed(stem) | AliasStem::Next(stem) => format!("{stem}{}", next(domain, kind, stem)),
    };
    let origin = domain.devices.origin(kind, index).unwrap_or(domain.origin);
    if let Some(info) = domain.devices.info_mut(kind, index) {
        info.alias = Some(Spanned::rule(alias, &ALIAS, origin));
    }
}

/// The number after the highest that follows `stem` in a name. Devices of the host and interfaces that are such devices are counted as one
/// (`qemuAssignDeviceHostdevAlias`), as all are that share a stem.
fn next(domain: &Domain, kind: Kind, stem: &str) -> u32 {
    let devices = &domain.devices;
    let number = |name: &str, stem: &str| name.strip_prefix(stem)?.parse::<u32>().ok();
    let all = Kind::ALL.iter().flat_map(|kind| (0..devices.count(*kind)).filter_map(|at| devices.info(*kind, at)));
    let named = all.filter_map(|info| number(info.alias(), stem));
    // The console of a serial port has that port's name, and its number counts (`qemuGetNextChrDevIndex`).
    let mirrors = devices.consoles.iter().filter(|console| kind == Kind::Console && console.is_mirror());
    let mirrors = mirrors.map(Console::info).filter_map(|info| number(info.alias(), "serial"));
    named.chain(mirrors).max().map_or(0, |highest| highest.saturating_add(1))
}
