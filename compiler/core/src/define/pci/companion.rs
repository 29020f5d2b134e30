//! The parts of an ICH9 USB controller.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{Spanned, Switch};
use crate::model::devices::Kind;
use crate::model::devices::address::{Address, is_wanted, pci};
use crate::model::devices::controller::{Controller, ControllerType};

use super::{ASSIGNED, MULTIFUNCTION, PCI_DEVICE, Pass, room};

impl Pass<'_> {
    /// The parts of an ICH9 USB controller share a slot: each part has its function.
    pub(super) fn companion(&mut self, index: usize) -> bool {
        let controllers = &self.domain.devices.controllers;
        let Some(own) = controllers.get(index) else { return false };
        let Some(function) = own.companion_function() else { return false };
        if !self.wants(Kind::Controller, index) {
            return true;
        }
        let same = |c: &&Controller| {
            c.kind() == ControllerType::Usb && c.index() == own.index() && c.companion_function().is_some()
        };
        let slot = controllers.iter().filter(same).filter_map(|c| pci(&c.info.address)).find(|(at, _)| !is_wanted(*at));
        let at = match slot {
            Some((slot, _)) => slot.with_function(function),
            None => self.reserve_function(PCI_DEVICE, Some(function)),
        };
        let taken = slot.is_some()
            && at.is_some_and(|at| self.buses.get(at.bus()).is_some_and(|b| b.in_use(at.slot(), at.function())));
        match at {
            Some(at) if !taken => {
                self.buses.take(at, false);
                self.place(Kind::Controller, index, at, &ASSIGNED);
                self.first_part(index);
            }
            _ => {
                let message = match at {
                    Some(at) => {
                        format!("{at}, the place of this part of the USB controller, is in use already")
                    }
                    None => return self.full(index),
                };
                let span = self.domain.devices.origin(Kind::Controller, index).unwrap_or(self.domain.origin).span();
                let help = "give all parts of the USB controller the same slot, or no `<address>`";
                self.faults.push(Diagnostic::at(&codes::ADDRESS_CONFLICT, span, message).help(help));
            }
        }
        true
    }

    fn full(&mut self, index: usize) -> bool {
        let fault = room::none(self, Kind::Controller, index, PCI_DEVICE);
        self.faults.extend(fault);
        true
    }

    /// The first part of an ICH9 USB controller says that others follow, also where they are elsewhere.
    pub(super) fn first_part(&mut self, index: usize) {
        let Some(controller) = self.domain.devices.controllers.get_mut(index) else { return };
        if controller.companion_function() == Some(0)
            && let Some(Spanned { value: Address::Pci { multifunction, .. }, .. }) = &mut controller.info.address
        {
            *multifunction = Some(Spanned::rule(Switch::On, &MULTIFUNCTION, controller.origin));
        }
    }
}
