//! What a controller without a model, a chassis or a port gets.

use std::collections::BTreeSet;

use crate::ir::Arch;
use crate::ir::{DefaultRule, Leaf, Spanned};
use crate::model::devices::address::{Address, pci};
use crate::model::devices::controller::{
    Controller, ControllerType, MODEL, PORT_TARGET, PciModel, ScsiModel, UsbModel,
};
use crate::model::elements::os::MachineFamily;

static VIO: DefaultRule = DefaultRule {
    name: "spapr-vio-address",
    text: "a controller of model `ibmvscsi` gets the first free register from 0x2000",
};

impl Controller {
    /// Model name, chassis and port of a PCI controller, once it has its place.
    pub fn define_pci(&mut self) {
        let by_rule = |value| Spanned::rule(value, &PORT_TARGET, self.origin);
        let index = self.index();
        let Some(model) = self.pci_model() else { return };
        if model == PciModel::PciBridge {
            self.target.chassis_nr.get_or_insert(by_rule(index));
        }
        if let Some(name) = model.devices().first() {
            self.model_name.get_or_insert(Spanned::rule(*name, &MODEL, self.origin));
        }
        if matches!(model, PciModel::PcieRootPort | PciModel::PcieSwitchDownstreamPort) {
            self.target.chassis.get_or_insert(by_rule(index));
            if let Some((at, _)) = pci(&self.info.address) {
                // The ports of a switch are numbered by their slots, root ports by slot and function.
                let root_port = model == PciModel::PcieRootPort;
                let slot = u32::from(at.slot());
                let port = if root_port { (slot << 3) + u32::from(at.function()) } else { slot };
                self.target.port.get_or_insert(by_rule(port));
            }
        }
    }

    /// The address of a controller that is on a bus of POWER machines: the first of its kind that none of `taken` has
    /// (`qemuDomainAssignSpaprVIOAddresses` in libvirt's `src/qemu/qemu_domain_address.c`).
    pub fn define_vio(&mut self, taken: &mut BTreeSet<u64>) {
        if self.scsi_model() != Some(ScsiModel::Ibmvscsi) {
            return;
        }
        let reg = match &self.info.address {
            Some(Spanned { value: Address::SpaprVio { reg: Some(reg) }, .. }) => Some(*reg),
            Some(_) | None => (0x2000..).step_by(0x1000).find(|reg| !taken.contains(reg)),
        };
        if let Some(reg) = reg {
            taken.insert(reg);
            self.info.address = Some(Spanned::rule(Address::SpaprVio { reg: Some(reg) }, &VIO, self.origin));
        }
    }

    /// The model of a controller that has none; `added` where no definition asks for it.
    pub(super) fn default_model(&self, arch: Arch, family: MachineFamily, added: bool) -> Option<String> {
        match self.kind.value {
            // A controller that the user names without a model gets the oldest; one that is added gets what suits the machine.
            ControllerType::Usb if family == MachineFamily::Q35 && added => Some(UsbModel::QemuXhci.show()),
            ControllerType::Usb if arch.is_arm() && added => Some(UsbModel::PciOhci.show()),
            ControllerType::Usb if arch == Arch::Aarch64 => Some(UsbModel::QemuXhci.show()),
            ControllerType::Usb => Some(UsbModel::Piix3Uhci.show()),
            ControllerType::Scsi => Some(ScsiModel::Lsilogic.show()),
            ControllerType::Ide
            | ControllerType::Fdc
            | ControllerType::Sata
            | ControllerType::VirtioSerial
            | ControllerType::Ccid
            | ControllerType::Isa
            | ControllerType::Xenbus
            | ControllerType::Pci => None,
        }
    }
}
