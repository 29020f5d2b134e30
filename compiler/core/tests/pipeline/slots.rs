//! A kind of device that can be on PCI or USB has a number in the order in which addresses are handed out; without one its devices would get none.

use std::collections::BTreeSet;

use virtc_compiler::devices::{BusSlot, Kind};

use crate::compiler::{Compiler, files, root};

#[test]
fn the_kinds_on_pci_and_usb_are_those_with_a_number() {
    let mut compiler = Compiler::default();
    let (mut on_pci, mut on_usb) = (BTreeSet::new(), BTreeSet::new());
    for path in files(&root().join("testdata")) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let Some(machine) = compiler.machine(&text) else { continue };
        let domain = machine.get().domain();
        for (kind, _, device) in domain.devices.iter() {
            match device.bus_slot(domain) {
                BusSlot::Pci(_) => drop(on_pci.insert(kind)),
                BusSlot::Usb => drop(on_usb.insert(kind)),
                BusSlot::VirtioSerial(_) | BusSlot::Nothing => {}
            }
        }
    }
    let numbered = |order: fn(Kind) -> Option<u8>| Kind::ALL.iter().copied().filter(move |kind| order(*kind).is_some());
    assert_eq!(on_pci, numbered(Kind::pci_order).collect());
    assert_eq!(on_usb, numbered(Kind::usb_order).collect());
}
