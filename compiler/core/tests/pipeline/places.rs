//! Guests with more devices than one bus has slots.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::compiler::Compiler;

/// A guest of type `pc` with so many interfaces, and as many disks.
fn guest(count: usize) -> String {
    let mut devices = String::new();
    for number in 0..count {
        let (high, low) = (number / 256, number % 256);
        let letters: String = [number / 676, number / 26 % 26, number % 26]
            .iter()
            .filter_map(|n| char::from_digit(u32::try_from(*n).ok()? + 10, 36))
            .collect();
        let _ = write!(
            devices,
            "<disk type='file' device='disk'><source file='/{number}'/><target dev='vd{letters}' bus='virtio'/></disk>\
             <interface type='ethernet'><mac address='52:54:00:00:{high:02x}:{low:02x}'/><model type='virtio'/></interface>"
        );
    }
    format!(
        "<domain type='qemu'><name>many</name><memory>524288</memory><os><type arch='x86_64' machine='pc'>hvm</type></os>\
         <devices>{devices}</devices></domain>"
    )
}

/// The value of an attribute in a line of XML.
fn attribute<'l>(line: &'l str, name: &str) -> &'l str {
    line.split(&format!(" {name}='")).nth(1).and_then(|rest| rest.split('\'').next()).unwrap_or_default()
}

#[test]
fn bridges_are_added_for_many_devices() {
    let mut compiler = Compiler::default();
    for (count, bridges) in [(40, 2), (100, 6)] {
        let stored = compiler.try_stored(&guest(count)).unwrap();
        let places: Vec<&str> = stored.lines().filter(|line| line.contains("<address type='pci'")).collect();
        // The bridges, the balloon and the USB controller have places too.
        assert_eq!(places.len(), 2 * count + bridges + 2);
        assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), places.len(), "no two devices have one place");
        let mut lines = stored.lines();
        while let Some(line) = lines.find(|line| line.contains("model='pci-bridge'")) {
            let index: u32 = attribute(line, "index").parse().unwrap();
            let place = lines.find(|line| line.contains("<address ")).unwrap();
            let bus = u32::from_str_radix(attribute(place, "bus").trim_start_matches("0x"), 16).unwrap();
            assert!(bus < index, "bridge {index} stands on bus {bus}");
        }
    }
    // A bridge for which no slot is left is none that libvirt finds another bridge for.
    assert_eq!(
        compiler.try_stored(&guest(150)).unwrap_err(),
        "no PCI slot is free for this device (added by rule `default-balloon`)"
    );
}
