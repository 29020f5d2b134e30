//! Aliases: the ids of devices in QEMU. A device says what its alias begins with ([`AliasStem`]), and gets its number
//! here, both at a start and at a hotplug.

use crate::ir::{DefaultRule, Spanned};
use crate::model::Domain;
use crate::model::devices::console::Console;
use crate::model::devices::{AliasStem, Device, Kind};

static ALIAS: DefaultRule = DefaultRule {
    name: "alias",
    text: "a device without a user alias gets one from its kind and its number or address",
};

/// Assigns an alias to each device without one (`qemuAssignDeviceAliases` in libvirt's `src/qemu/qemu_alias.c`).
pub fn assign(domain: &mut Domain) {
    for kind in Kind::ALL {
        for index in 0..domain.devices.count(*kind) {
            assign_one(domain, *kind, index, true);
        }
    }
}

/// Assigns an alias to a hot-plugged device: others may have been unplugged, so that its index does not give its
/// number.
pub fn assign_new(domain: &mut Domain, kind: Kind, index: usize) {
    assign_one(domain, kind, index, false);
}

fn assign_one(domain: &mut Domain, kind: Kind, index: usize, is_start: bool) {
    let Some(device) = domain.devices.get(kind, index).filter(|device| device.info().alias.is_none()) else { return };
    let alias = match device.alias_stem(domain) {
        AliasStem::Nameless => return,
        AliasStem::Whole(name) => name,
        AliasStem::Indexed(stem) if is_start => format!("{stem}{index}"),
        AliasStem::Indexed(stem) | AliasStem::Next(stem) => format!("{stem}{}", next(domain, kind, stem)),
    };
    let origin = device.origin();
    if let Some(info) = domain.devices.info_mut(kind, index) {
        info.alias = Some(Spanned::rule(alias, &ALIAS, origin));
    }
}

/// The number after the highest one in aliases that begin with `stem`. All devices with this stem are numbered
/// together, such as `<hostdev>`s and interfaces of type `hostdev` (`qemuAssignDeviceHostdevAlias`).
fn next(domain: &Domain, kind: Kind, stem: &str) -> u32 {
    let devices = &domain.devices;
    let number = |name: &str, stem: &str| name.strip_prefix(stem)?.parse::<u32>().ok();
    let named = devices.iter().filter_map(|(_, _, device)| number(device.info().alias(), stem));
    // The console of a serial port has that port's alias, and its number counts (`qemuGetNextChrDevIndex`).
    let mirrors = devices.consoles.iter().filter(|console| kind == Kind::Console && console.is_mirror());
    let mirrors = mirrors.map(Console::info).filter_map(|info| number(info.alias(), "serial"));
    named.chain(mirrors).max().map_or(0, |highest| highest.saturating_add(1))
}
