//! Bus numbers of expander buses, and bridges on bridges.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{DefaultRule, OptExt, Spanned};
use crate::model::Domain;
use crate::model::devices::address::{is_wanted, pci};
use crate::model::devices::controller::PciModel;

static BUS_NR: DefaultRule = DefaultRule {
    name: "expander-bus-number",
    text: "an expander bus without a bus number gets the one two below the lowest that is given, and 254 where none is",
};

/// Gives a bus number to each expander bus (`qemuDomainAddressFindNewBusNr` in libvirt's `src/qemu/qemu_domain_address.c`).
pub(super) fn number(domain: &mut Domain, faults: &mut Vec<Diagnostic>) {
    let given = domain.devices.controllers.iter().filter_map(|c| c.target.bus_nr.get());
    let mut lowest = given.min().unwrap_or(256);
    for controller in &mut domain.devices.controllers {
        let expander = controller.pci_model().is_some_and(PciModel::is_expander);
        if !expander || controller.target.bus_nr.is_some() {
            continue;
        }
        // The lowest bus after the new one is its own, and another one is left for a bridge on it.
        if lowest > 3 {
            lowest -= 2;
            controller.target.bus_nr = Some(Spanned::rule(lowest, &BUS_NR, domain.origin));
        } else {
            let message = "no bus number is free below those of the other expander buses";
            let span = controller.origin.span();
            faults.push(Diagnostic::at(&codes::CONFLICT, span, message).help("give `<target busNr>` a number"));
        }
    }
}

/// A bridge is on a bus with a lower number than its own: guests count buses in that order.
pub(super) fn behind(domain: &Domain, faults: &mut Vec<Diagnostic>) {
    for controller in domain.devices.controllers.iter().filter(|c| c.pci_model() == Some(PciModel::PciBridge)) {
        let Some((at, origin)) = pci(&controller.info.address).filter(|(at, _)| !is_wanted(*at)) else { continue };
        if u32::from(at.bus()) >= controller.index() {
            let span = origin.span();
            // A bridge that was added for another device is none that the user can move.
            let span = if origin.by_rule().is_some() { controller.origin.span() } else { span };
            let message = format!(
                "`pci-bridge` {} is on bus {}, which is not lower than its own index",
                controller.index(),
                at.bus()
            );
            let help = "remove its `<address>`, or give it a higher `index` than that of its bus";
            faults.push(Diagnostic::at(&codes::CONFLICT, span, message).help(help));
        }
    }
}
