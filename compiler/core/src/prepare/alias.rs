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

#[cfg(test)]
mod tests {
    use virtc_diag::SourceFile;
    use virtc_rng::Validated;

    use super::*;
    use crate::define::define;
    use crate::model::devices::console;
    use crate::model::{Facts, lower};

    fn domain(devices: &str) -> Box<Domain> {
        let os = "<os><type arch='x86_64' machine='q35'>hvm</type></os>";
        let text =
            format!("<domain type='kvm'><name>t</name><memory>1024</memory>{os}<devices>{devices}</devices></domain>");
        let (document, _) = virtc_xml::parse(&SourceFile::new("t.xml", text));
        let definition = lower(&Validated::unchecked(&document)).and_then(|domain| define(domain, Facts::default()));
        assert!(definition.is_valid(), "{:?}", definition.findings());
        definition.partial().unwrap().clone().into_domain()
    }

    fn names(domain: &Domain, kinds: &[Kind]) -> Vec<String> {
        let all = kinds.iter().flat_map(|kind| (0..domain.devices.count(*kind)).map(move |at| (*kind, at)));
        all.filter_map(|(kind, at)| Some(domain.devices.info(kind, at)?.alias().to_owned())).collect()
    }

    /// A device of the host, `@` instead of its name.
    fn host(element: &str, function: u8) -> String {
        let (kind, bus) = if element == "hostdev" { ("type='pci'", "") } else { ("type='hostdev'", "type='pci' ") };
        format!("<{element} {kind}><source><address {bus}bus='1' function='{function}'/></source>@</{element}>")
    }

    /// `device`, named by the user where `name` is not empty.
    fn called(device: &str, name: &str) -> String {
        let alias = if name.is_empty() { String::new() } else { format!("<alias name='{name}'/>") };
        device.replace('@', &alias)
    }

    /// The kinds that are asked for; the devices, with the user's names; the names that they have.
    type Row<'r> = (&'r [Kind], &'r [(&'r str, &'r str)], &'r [&'r str]);

    #[test]
    fn names_of_the_user_do_not_count() {
        let [net, rng] =
            ["<interface type='user'>@</interface>", "<rng model='virtio'><backend model='builtin'/>@</rng>"];
        let input = "<input type='tablet' bus='usb'>@</input>";
        let (vf, other, pci) = (host("interface", 0), host("interface", 1), host("hostdev", 2));
        let both = [Kind::Interface, Kind::Hostdev].as_slice();
        let table: &[Row<'_>] = &[
            (both, &[(&vf, "ua-nic"), (&other, ""), (&pci, "")], &["ua-nic", "hostdev0", "hostdev1"]),
            (both, &[(&vf, ""), (&other, "ua-nic"), (&pci, "")], &["hostdev0", "ua-nic", "hostdev1"]),
            (both, &[(&vf, ""), (net, ""), (&pci, "")], &["hostdev0", "net0", "hostdev1"]),
            (both, &[(net, "ua-net0"), (net, ""), (net, "")], &["ua-net0", "net0", "net1"]),
            (&[Kind::Rng], &[(rng, "ua-rng"), (rng, "")], &["ua-rng", "rng0"]),
            (&[Kind::Input], &[(input, "ua-input"), (input, "")], &["ua-input", "input1", "input2", "input3"]),
        ];
        for (kinds, devices, expected) in table {
            let text: String = devices.iter().map(|(device, name)| called(device, name)).collect();
            let mut domain = domain(&text);
            assign(&mut domain);
            assert_eq!(names(&domain, kinds), *expected, "{text}");
        }
    }

    #[test]
    fn a_device_that_comes_is_numbered_after_the_highest() {
        let input = "<input type='tablet' bus='usb'/>";
        let (vf, pci) = (called(&host("interface", 0), ""), called(&host("hostdev", 2), ""));
        let mut domain = domain(&format!("{vf}{pci}{input}{input}<console type='pty'/>"));
        assign(&mut domain);
        console::mirror(&mut domain);
        // The last two inputs are the mouse and the keyboard of the machine.
        let kinds = [Kind::Interface, Kind::Hostdev, Kind::Input, Kind::Console];
        assert_eq!(names(&domain, &kinds), ["hostdev0", "hostdev1", "input0", "input1", "input2", "input3", "serial0"]);
        domain.devices.remove("hostdev0");
        domain.devices.remove("input0");
        let console = "<console type='pty'><target type='virtio'/></console>";
        let new = [
            (Kind::Hostdev, pci.as_str(), "hostdev2"),
            (Kind::Input, input, "input4"),
            (Kind::Console, console, "console1"),
        ];
        for (kind, new, expected) in new {
            let at = domain.devices.count(kind);
            domain.devices.adopt(self::domain(new).devices, kind);
            assign_new(&mut domain, kind, at);
            assert_eq!(domain.devices.info(kind, at).unwrap().alias(), expected);
        }
    }
}
