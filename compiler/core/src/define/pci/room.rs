//! Whether there is a PCI bus with room, and what is said where there is none.

use virtc_diag::{Diagnostic, likely};

use crate::codes;
use crate::ir::{Arch, Origin};
use crate::model::Domain;
use crate::model::devices::address::{is_wanted, pci};
use crate::model::devices::controller::{Controller, PciModel};
use crate::model::devices::{BusSlot, Kind};
use crate::target::Target;

use super::{Connect, Pass};

/// That there is no place for a device of this kind: no bus of the guest takes it, or all those that do are full. Nothing where another
/// finding says it.
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
    fn at(self, origin: Origin) -> Diagnostic {
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

/// Whether the root bus is there and is the one of the machine type, where libvirt knows which that is.
pub(super) fn has_root(domain: &Domain) -> bool {
    let Some(root) = domain.os.family().root() else { return true };
    let is_any = |c: &Controller| c.index() == 0 || c.pci_model().is_some_and(|model| Connect::of(model).is_none());
    let mut roots = domain.devices.controllers.iter().filter(|c| c.is_pci() && is_any(c)).peekable();
    roots.peek().is_some() && roots.all(|c| c.index() == 0 && c.pci_model() == Some(root))
}

/// A machine without a PCI bus has no place for PCI devices: that is said once, at the machine type, whichever devices there are.
pub(super) fn no_bus(domain: &Domain, report: &mut dyn FnMut(Diagnostic)) {
    let mut wanting = domain.devices.iter().map(|(_, _, device)| device).filter(|device| {
        let address = &device.info().address;
        let given = pci(address).filter(|(at, _)| !is_wanted(*at));
        let other = address.is_some() && given.is_none();
        given.is_some() || matches!(device.bus_slot(domain), BusSlot::Pci(_)) && !other
    });
    let is_written =
        |device: &&dyn crate::model::devices::Device| Some(device.origin()).filter(|origin| origin.by_rule().is_none());
    let Some(first) = wanting.next() else { return };
    let Some(machine) = &domain.os.machine else { return };
    if !domain.os.is_known() {
        let message = format!("no QEMU version known to virtc has a machine type `{}`", machine.value);
        let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, machine.origin, message);
        let known = Target::machines(domain.os.arch());
        let meant = likely(&machine.value, known.iter().map(String::as_str));
        let others =
            [Arch::X86_64, Arch::Aarch64].into_iter().filter(|arch| arch.profile() != domain.os.arch().profile());
        let other = others.into_iter().find(|arch| Target::machines(*arch).contains(&machine.value));
        let help = match other {
            Some(arch) => format!("it is one of `arch='{}'`", arch.word()),
            None => "`virtc qemu show` lists those of a version".to_owned(),
        };
        return report(fault.help(help).meant(meant, machine.origin.span()));
    }
    let message = format!("machine type `{}` has no PCI bus, and the guest has PCI devices", machine.value);
    let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, machine.origin, message);
    let first = is_written(&first).or_else(|| wanting.find_map(|device| is_written(&device)));
    let fault = match first {
        Some(origin) => fault.label(origin.span(), "a PCI device"),
        None => fault,
    };
    let balloon = if first.is_none() { "add `<memballoon model='none'/>`, or " } else { "" };
    report(fault.help(format!("{balloon}choose a machine type such as `pc` or `q35`")));
}
