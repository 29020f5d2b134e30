//! What a controller without a model, a chassis or a port gets.

use crate::devices::address::pci;
use crate::devices::controller::{
    Controller, ControllerType, MODEL, PORT_TARGET, PciModel, PciModelName, ScsiModel, UsbModel,
};
use crate::ir::{Leaf, Spanned};
use crate::parts::os::MachineFamily;

impl Controller {
    /// Model name, chassis and port of a PCI controller, once it has its place.
    pub fn define_pci(&mut self) {
        let by_rule = |value| Spanned::rule(value, &PORT_TARGET);
        let index = self.index();
        let name = match self.pci_model() {
            Some(PciModel::PciBridge) => {
                self.chassis_nr.get_or_insert(by_rule(index));
                PciModelName::PciBridge
            }
            Some(PciModel::DmiToPciBridge) => PciModelName::I82801b11,
            Some(PciModel::PcieToPciBridge) => PciModelName::PciePciBridge,
            Some(PciModel::PcieRootPort) => PciModelName::PcieRootPort,
            Some(PciModel::PcieSwitchUpstreamPort) => PciModelName::X3130Upstream,
            Some(PciModel::PcieSwitchDownstreamPort) => PciModelName::Xio3130Downstream,
            Some(PciModel::PciRoot | PciModel::PcieRoot | PciModel::PciExpanderBus | PciModel::PcieExpanderBus)
            | None => return,
        };
        self.model_name.get_or_insert(Spanned::rule(name, &MODEL));
        if matches!(self.pci_model(), Some(PciModel::PcieRootPort | PciModel::PcieSwitchDownstreamPort)) {
            self.chassis.get_or_insert(by_rule(index));
            if let Some((slot, _)) = pci(&self.info.address) {
                // The ports of a switch are numbered by their slots, root ports by slot and function.
                let root_port = self.pci_model() == Some(PciModel::PcieRootPort);
                let port =
                    if root_port { (u32::from(slot.slot) << 3) + u32::from(slot.function) } else { slot.slot.into() };
                self.port.get_or_insert(by_rule(port));
            }
        }
    }

    /// The model of a controller that has none; `added` where no definition asks for it.
    pub(super) fn default_model(&self, family: MachineFamily, added: bool) -> Option<String> {
        match self.kind.value {
            // A controller that the user names without a model gets the oldest; one that is added gets what suits the machine.
            ControllerType::Usb if family == MachineFamily::Q35 && added => Some(UsbModel::QemuXhci.show()),
            ControllerType::Usb => Some(UsbModel::Piix3Uhci.show()),
            ControllerType::Scsi => Some(ScsiModel::Lsilogic.show()),
            ControllerType::Ide
            | ControllerType::Fdc
            | ControllerType::Sata
            | ControllerType::VirtioSerial
            | ControllerType::Ccid
            | ControllerType::Pci => None,
        }
    }
}
