//! What is said of a device for which there is no place on any PCI bus.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::model::devices::Kind;
use crate::model::devices::controller::PciModel;

use super::{Connect, Pass};

/// That there is no place for a device of this kind: no bus of the guest takes it, or all those that do are full.
pub(super) fn none(pass: &Pass<'_>, kind: Kind, index: usize, flags: Connect) -> Option<Diagnostic> {
    let devices = &pass.domain.devices;
    let origin = devices.origin(kind, index).unwrap_or(pass.domain.origin);
    let controller = devices.controllers.get(index).filter(|_| kind == Kind::Controller);
    let is_taken = pass.buses.iter().any(|(_, bus)| bus.takes(flags, false));
    if let Some(controller) = controller.filter(|c| c.is_pci() && !is_taken)
        && let Some(model) = controller.pci_model()
    {
        if matches!(model, PciModel::PciExpanderBus | PciModel::PcieExpanderBus) {
            // That their machine type is another is said by the controller itself.
            return None;
        }
        let place = controller.model.as_ref().map_or(origin, |model| model.origin);
        return Some(unsuitable(pass, model).unwrap_or_else(|| full(pass)).at(place));
    }
    Some(full(pass).at(origin))
}

/// A message and its help, which have no place yet.
struct Words {
    message: String,
    help: String,
    is_shared: bool,
}

impl Words {
    fn at(self, origin: crate::ir::Origin) -> Diagnostic {
        let fault = Diagnostic::at(&codes::ADDRESS_CONFLICT, origin, self.message).help(self.help);
        if self.is_shared { fault.shared() } else { fault }
    }
}

/// All buses are full, whichever devices do not find a place.
fn full(pass: &Pass<'_>) -> Words {
    let model = if pass.domain.has_pcie() { PciModel::PcieRootPort } else { PciModel::PciBridge };
    Words {
        message: "no PCI slot is free for this device".to_owned(),
        help: format!("add `<controller type='pci' model='{}'/>`, or remove devices", model.word()),
        is_shared: true,
    }
}

/// A bridge or port that can be on one kind of bus only, which the guest does not have (`virDomainPCIControllerModelToConnectType` in libvirt's
/// `src/conf/domain_addr.c`).
fn unsuitable(pass: &Pass<'_>, model: PciModel) -> Option<Words> {
    let machine = pass.domain.os.machine_name();
    let (needed, machines) = match model {
        PciModel::PcieRootPort | PciModel::DmiToPciBridge => (PciModel::PcieRoot, "q35"),
        PciModel::PcieSwitchUpstreamPort | PciModel::PcieToPciBridge => (PciModel::PcieRootPort, "q35"),
        PciModel::PcieSwitchDownstreamPort => (PciModel::PcieSwitchUpstreamPort, "q35"),
        PciModel::PciRoot
        | PciModel::PcieRoot
        | PciModel::PciBridge
        | PciModel::PciExpanderBus
        | PciModel::PcieExpanderBus => return None,
    };
    let root = pass.domain.os.family().root();
    let is_express = root == Some(PciModel::PcieRoot);
    let (message, help) = if needed.is_root() || !is_express {
        let own = root.map_or("no PCI", PciModel::word);
        let bus = if needed.is_root() { needed } else { PciModel::PcieRoot };
        (
            format!("`{}` needs the root bus `{}`, and machine type `{machine}` has `{own}`", model.word(), bus.word()),
            format!("write `machine='{machines}'`, or remove the controller"),
        )
    } else {
        (
            format!("`{}` needs a free `{}`, which the guest does not have", model.word(), needed.word()),
            format!("add `<controller type='pci' model='{}'/>`", needed.word()),
        )
    };
    Some(Words { message, help, is_shared: false })
}
