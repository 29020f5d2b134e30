//! Slots that the chipset itself takes, and devices whose place is fixed.

use virtc_diag::{Diagnostic, Span};

use crate::codes;
use crate::define::pci::Pass;
use crate::ir::DefaultRule;
use crate::model::devices::address::{is_wanted, pci};
use crate::model::devices::controller::{ControllerType, PciModel, UsbModel};
use crate::model::devices::sound::Sound;
use crate::model::devices::{BusSlot, Device, Kind, PciAddress};
use crate::model::elements::os::MachineFamily;

static PIIX3: DefaultRule =
    DefaultRule { name: "piix3-function", text: "the IDE and USB controllers of the PIIX3 are functions of slot 1" };
static ICH9: DefaultRule =
    DefaultRule { name: "ich9-function", text: "the controllers of the ICH9 have fixed places on the root bus" };
static PRIMARY_VIDEO: DefaultRule = DefaultRule {
    name: "primary-video",
    text: "the first video device is in the slot where firmware and guests expect it",
};

impl Pass<'_> {
    /// Takes the chipset's slots (`qemuDomainValidateDevicePCISlotsChipsets` in libvirt's `src/qemu/qemu_domain_address.c`).
    pub(super) fn chipset(&mut self) {
        match self.domain.os.family() {
            MachineFamily::I440fx => self.piix3(),
            MachineFamily::Q35 => self.q35(),
            MachineFamily::ArmVirt
            | MachineFamily::Versatile
            | MachineFamily::Realview
            | MachineFamily::Vexpress
            | MachineFamily::Other => {}
        }
    }

    fn fix(&mut self, kind: Kind, index: usize, at: PciAddress, rule: &'static DefaultRule) {
        let free = self.buses.get(at.bus()).is_some_and(|b| !b.in_use(at.slot(), at.function()));
        if free && self.wants(kind, index) {
            self.buses.take(at, false);
            self.place(kind, index, at, rule);
        }
    }

    /// As [`Self::fix`], for a device that QEMU's machine puts there: no other may have the place, and it has no other.
    fn fixed(&mut self, index: usize, at: PciAddress, rule: &'static DefaultRule) {
        let controllers = &self.domain.devices.controllers;
        let given = controllers.get(index).and_then(|c| pci(&c.info.address)).filter(|(own, _)| !is_wanted(*own));
        let fault = match given {
            Some((own, origin)) if own != at => {
                let message = format!("this controller is part of the chipset, at {at}");
                Some((origin.span(), message, "remove the `<address>`"))
            }
            None if self.buses.get(at.bus()).is_some_and(|b| b.in_use(at.slot(), at.function())) => {
                let message = format!("PCI address {at} is that of a controller of the chipset");
                Some((self.holder(at), message, "remove the `<address>` to have a free one assigned"))
            }
            Some(_) | None => None,
        };
        if let Some((span, message, help)) = fault {
            self.faults.push(Diagnostic::at(&codes::ADDRESS_CONFLICT, span, message).help(help));
        }
        self.fix(Kind::Controller, index, at, rule);
    }

    /// Where the definition gives this place to a device.
    fn holder(&self, at: PciAddress) -> Span {
        let devices = &self.domain.devices;
        let mut places = devices.iter().filter_map(|(_, _, device)| pci(&device.info().address));
        places.find(|(own, _)| *own == at).map_or(self.domain.origin, |(_, origin)| origin).span()
    }

    /// A function of the chipset that no definition names: no device may have its place.
    fn reserved(&mut self, at: PciAddress) {
        if self.buses.get(at.bus()).is_some_and(|b| b.in_use(at.slot(), at.function())) {
            let message = format!("PCI address {at} is that of a part of the chipset");
            let span = self.holder(at);
            let help = "remove the `<address>` to have a free one assigned";
            self.faults.push(Diagnostic::at(&codes::ADDRESS_CONFLICT, span, message).help(help));
        }
        self.buses.take(at, false);
    }

    /// Whether nothing is in this slot of the root bus.
    fn slot_is_free(&self, slot: u8) -> bool {
        self.buses.get(0).is_some_and(|b| !b.slot_in_use(slot))
    }

    fn piix3(&mut self) {
        for index in 0..self.domain.devices.controllers.len() {
            let Some(controller) = self.domain.devices.controllers.get(index).filter(|c| c.index() == 0) else {
                continue;
            };
            let usb_default = matches!(controller.usb_model(), None | Some(UsbModel::Piix3Uhci));
            match controller.kind() {
                ControllerType::Ide => self.fixed(index, PciAddress::fixed::<0, 1, 1>(), &PIIX3),
                ControllerType::Usb if usb_default => {
                    self.fixed(index, PciAddress::fixed::<0, 1, 2>(), &PIIX3);
                }
                ControllerType::Usb
                | ControllerType::Pci
                | ControllerType::Sata
                | ControllerType::Scsi
                | ControllerType::VirtioSerial
                | ControllerType::Ccid
                | ControllerType::Isa
                | ControllerType::Xenbus
                | ControllerType::Fdc => {}
            }
        }
        // The ISA bridge and the power management.
        self.reserved(PciAddress::fixed::<0, 1, 0>());
        self.reserved(PciAddress::fixed::<0, 1, 3>());
        self.primary_video(PciAddress::fixed::<0, 2, 0>());
    }

    fn q35(&mut self) {
        for index in 0..self.domain.devices.controllers.len() {
            let Some(controller) = self.domain.devices.controllers.get(index) else { continue };
            match controller.kind() {
                ControllerType::Sata if controller.index() == 0 => {
                    self.fixed(index, PciAddress::fixed::<0, 0x1f, 2>(), &ICH9);
                }
                ControllerType::Usb => self.ich9_usb(index),
                ControllerType::Pci if controller.pci_model() == Some(PciModel::DmiToPciBridge) => {
                    if controller.info.address.is_none() && self.slot_is_free(0x1e) {
                        self.fix(Kind::Controller, index, PciAddress::fixed::<0, 0x1e, 0>(), &ICH9);
                    }
                }
                ControllerType::Sata
                | ControllerType::Pci
                | ControllerType::Ide
                | ControllerType::Scsi
                | ControllerType::VirtioSerial
                | ControllerType::Ccid
                | ControllerType::Isa
                | ControllerType::Xenbus
                | ControllerType::Fdc => {}
            }
        }
        // The LPC bridge and the SMBus controller.
        self.reserved(PciAddress::fixed::<0, 0x1f, 0>());
        self.reserved(PciAddress::fixed::<0, 0x1f, 3>());
        self.primary_video(PciAddress::fixed::<0, 1, 0>());
        let sounds = &self.domain.devices.sounds;
        let sound =
            (0..sounds.len()).find(|i| sounds.get(*i).is_some_and(Sound::is_ich9) && self.wants(Kind::Sound, *i));
        if let Some(index) = sound.filter(|_| self.slot_is_free(0x1b)) {
            self.fix(Kind::Sound, index, PciAddress::fixed::<0, 0x1b, 0>(), &ICH9);
        }
    }

    /// The first part of an ICH9 USB controller is in slot 1d, or else in 1a; the other parts follow it.
    fn ich9_usb(&mut self, index: usize) {
        let Some(controller) = self.domain.devices.controllers.get(index) else { return };
        if controller.companion_function() != Some(0) || controller.info.address.is_some() {
            return;
        }
        let places = [PciAddress::fixed::<0, 0x1d, 0>(), PciAddress::fixed::<0, 0x1a, 0>()];
        if let Some(at) = places.into_iter().find(|at| self.slot_is_free(at.slot())) {
            self.fix(Kind::Controller, index, at, &ICH9);
            self.first_part(index);
        }
    }

    /// The primary video device is at `at`, or where its address says.
    fn primary_video(&mut self, at: PciAddress) {
        let Some(video) = self.domain.devices.videos.first() else { return };
        if !video.is_pci() {
            return;
        }
        if self.slot_is_free(at.slot()) {
            self.fix(Kind::Video, 0, at, &PRIMARY_VIDEO);
        } else if !self.dry {
            // It comes before all others.
            self.device(Kind::Video, 0);
        } else if let BusSlot::Pci(flags) = video.bus_slot(self.domain)
            && self.wants(Kind::Video, 0)
        {
            // libvirt forgets the place that it finds while it looks how many buses there must be, and looks for another one later.
            self.reserve(flags);
        }
    }
}
