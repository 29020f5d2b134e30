//! The places that a definition names.

use virtc_diag::{Diagnostic, Span};

use crate::codes;
use crate::ir::Spanned;
use crate::model::devices::address::{Address, is_wanted, pci};
use crate::model::devices::controller::{ControllerType, PciModel, UsbModel};
use crate::model::devices::{BusSlot, Kind, PciAddress};

use super::{Connect, PCI_DEVICE, Pass};

impl Pass<'_> {
    /// Takes the places that the definition names.
    pub(super) fn collect(&mut self) {
        for (kind, index) in self.domain.devices.ids() {
            let Some(device) = self.domain.devices.get(kind, index) else { continue };
            let Some((mut at, origin)) = pci(&device.info().address) else { continue };
            if is_wanted(at) {
                continue;
            }
            let span = origin.span();
            let flags = match device.bus_slot(self.domain) {
                BusSlot::Pci(flags) => flags,
                // The first console may be the first serial port, which has the place.
                BusSlot::Nothing if kind == Kind::Console && index == 0 => continue,
                // What has no place on a PCI bus, but an address there, takes the place all the same.
                BusSlot::Nothing => PCI_DEVICE,
                BusSlot::Usb | BusSlot::VirtioSerial(_) => continue,
            };
            if self.dry && self.buses.get(at.bus()).is_none() {
                let bus = self.buses.grow_to(at.bus(), flags);
                at = at.with_bus(bus);
                let info = self.domain.devices.info_mut(kind, index);
                if let Some(Spanned { value: Address::Pci { address: own, .. }, .. }) =
                    info.and_then(|info| info.address.as_mut())
                {
                    *own = at;
                }
            }
            let fault = match self.buses.get(at.bus()) {
                Some(bus) if bus.model == PciModel::PcieRoot && self.is_piix3(kind, index, at) => Some(
                    "this is the address of a function of the PIIX3, which a machine with PCI Express does not have"
                        .to_owned(),
                ),
                _ if at.domain() != 0 => Some("a guest has PCI domain 0 only".to_owned()),
                None => Some(format!("there is no PCI bus {}: no `<controller type='pci'>` has this index", at.bus())),
                Some(_) if flags.has(Connect::INTEGRATED) && at.bus() != 0 => {
                    Some("this device is part of the chipset, so its bus is 0".to_owned())
                }
                Some(bus) if !bus.takes(flags, true) => {
                    Some(format!("PCI bus {} (`{}`) takes no device of this kind", at.bus(), bus.model.word()))
                }
                Some(bus) if at.slot() < bus.range().0 || at.slot() > bus.range().1 => {
                    let (first, last) = bus.range();
                    Some(format!(
                        "PCI bus {} (`{}`) has slots {first} to {last}, not {}",
                        at.bus(),
                        bus.model.word(),
                        at.slot()
                    ))
                }
                Some(bus) if bus.in_use(at.slot(), at.function()) => {
                    self.faults.push(self.in_use(at, kind, index, span));
                    continue;
                }
                Some(_) => None,
            };
            if let Some(message) = fault {
                let help = "remove the `<address>` to have a free one assigned";
                self.faults.push(Diagnostic::at(&codes::ADDRESS_CONFLICT, span, message).help(help));
                continue;
            }
            self.buses.take(at, flags.has(Connect::AGGREGATE));
        }
    }

    /// That another device has the address of the one at `index`.
    fn in_use(&self, at: PciAddress, kind: Kind, index: usize, span: Span) -> Diagnostic {
        let devices = &self.domain.devices;
        let all = Kind::ALL.iter().flat_map(|kind| (0..devices.count(*kind)).map(move |index| (*kind, index)));
        let others = all.take_while(|other| *other != (kind, index));
        let mut places = others.filter_map(|(kind, index)| Some((kind, pci(&devices.info(kind, index)?.address)?)));
        let (message, first) = match places.find(|(_, (slot, _))| *slot == at) {
            Some((other, (_, origin))) => {
                (format!("PCI address {at} is that of another device, `<{}>`", other.element()), Some(origin))
            }
            None => (format!("PCI address {at} is in use"), None),
        };
        let fault = Diagnostic::at(&codes::ADDRESS_CONFLICT, span, message);
        let fault = fault.help("remove the `<address>` to have a free one assigned");
        match first {
            Some(origin) => fault.label(origin.span(), "the other device has it here"),
            None => fault,
        }
    }

    /// Whether the address makes the device a part of the chipset PIIX3.
    fn is_piix3(&self, kind: Kind, index: usize, at: PciAddress) -> bool {
        let controller = self.domain.devices.controllers.get(index).filter(|_| kind == Kind::Controller);
        controller.is_some_and(|controller| match controller.kind() {
            ControllerType::Ide => at == PciAddress::fixed::<0, 1, 1>(),
            ControllerType::Usb => {
                let model = matches!(controller.usb_model(), None | Some(UsbModel::Piix3Uhci));
                model && at == PciAddress::fixed::<0, 1, 2>()
            }
            ControllerType::Fdc
            | ControllerType::Scsi
            | ControllerType::Sata
            | ControllerType::VirtioSerial
            | ControllerType::Pci
            | ControllerType::Ccid
            | ControllerType::Isa
            | ControllerType::Xenbus => false,
        })
    }
}
