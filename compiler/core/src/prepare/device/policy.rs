//! What can be attached, detached and updated while the guest runs: what the devices say of themselves ([`Live`]), and what QEMU's buses allow.

use virtc_diag::{Diagnostic, Span};
use virtc_plan::Action;

use super::unsupported;
use crate::codes;
use crate::ir::{OptExt, Switch};
use crate::model::Domain;
use crate::model::devices::address::{Address, is_wanted, pci};
use crate::model::devices::controller::PciModel;
use crate::model::devices::{BusSlot, Can, Device, Devices, Kind, Live};

const AT_START: &str = "change the definition, and start the guest anew";

fn can(live: &Live, action: Action) -> &Can {
    match action {
        Action::Attach => &live.attach,
        Action::Detach => &live.detach,
        Action::Update => &live.update,
    }
}

fn refusal(what: &str, action: Action, span: Span) -> Diagnostic {
    let message = match action {
        Action::Attach => format!("{what} cannot be added to a running guest"),
        Action::Detach => format!("{what} cannot be removed from a running guest"),
        Action::Update => format!("{what} cannot be changed while the guest runs"),
    };
    unsupported(span, message).help(AT_START)
}

/// Refuses a device of a kind with which this cannot be done.
pub(super) fn kind(devices: &Devices, kind: Kind, action: Action, span: Span) -> Option<Diagnostic> {
    let live = devices.get(kind, 0)?.live();
    let what = || format!("a `<{}>`", kind.element());
    (*can(&live, action) == Can::Never).then(|| refusal(&what(), action, span))
}

/// Refuses a device with which this cannot be done although it can with others of its kind. It must be complete.
pub(super) fn device(device: &dyn Device, action: Action, span: Span) -> Option<Diagnostic> {
    match can(&device.live(), action) {
        Can::Not(what) => Some(refusal(what, action, span)),
        Can::Yes | Can::Never => None,
    }
}

/// Refuses to attach what the running domain has already, and has one of.
pub(super) fn already_there(domain: &Domain, devices: &Devices, kind: Kind, span: Span) -> Option<Diagnostic> {
    let what = devices.get(kind, 0)?.already_there(domain)?;
    Some(Diagnostic::at(&codes::CONFLICT, span, format!("the running domain has {what} already")))
}

/// Refuses to detach what others use.
pub(super) fn busy(domain: &Domain, device: &dyn Device, kind: Kind, span: Span) -> Option<Diagnostic> {
    let user = device.busy(domain)?;
    let message = format!("this `<{}>` is in use by `{user}`", kind.element());
    Some(Diagnostic::at(&codes::CONFLICT, span, message).help(format!("detach `{user}` first")))
}

/// A PCI device is hot-plugged and unplugged on buses that support it, and as a whole.
pub(super) fn place(domain: &Domain, kind: Kind, index: usize, span: Span) -> Option<Diagnostic> {
    let device = domain.devices.get(kind, index)?;
    let BusSlot::Pci(_) = device.bus_slot(domain) else { return None };
    let info = device.info();
    if info.address.is(&Address::VirtioMmio) {
        let message = "virtio-mmio devices cannot be hot-plugged or unplugged";
        return Some(Diagnostic::at(&codes::ADDRESS_CONFLICT, span, message).help(AT_START));
    }
    let (own, origin) = pci(&info.address)?;
    let span = Some(origin.span()).filter(|place| span.contains(*place)).unwrap_or(span);
    let conflict = |message: String| Some(Diagnostic::at(&codes::ADDRESS_CONFLICT, span, message));
    if own.function() != 0 {
        return conflict("only function 0 of a PCI slot can be hot-plugged or unplugged".to_owned());
    }
    let controllers = &domain.devices.controllers;
    let bus = controllers.iter().find(|c| c.is_pci() && c.index() == u32::from(own.bus()))?;
    let model = bus.pci_model()?;
    let fixed = match model {
        PciModel::PcieRoot
        | PciModel::PcieExpanderBus
        | PciModel::DmiToPciBridge
        | PciModel::PcieSwitchUpstreamPort => true,
        PciModel::PciRoot
        | PciModel::PciBridge
        | PciModel::PcieToPciBridge
        | PciModel::PcieRootPort
        | PciModel::PcieSwitchDownstreamPort
        | PciModel::PciExpanderBus => bus.target.hotplug.is(&Switch::Off),
    };
    if fixed {
        let message = format!("bus `{}` (`{}`) does not support hotplug", bus.bus_name(), model.word());
        return Some(
            Diagnostic::at(&codes::ADDRESS_CONFLICT, span, message)
                .help("use a bus that does: that of a `pcie-root-port`, or `pci.0` of a `pc` machine"),
        );
    }
    let mut others = domain.devices.iter().filter(|(k, i, _)| (*k, *i) != (kind, index));
    let shares = |other: &dyn Device| {
        let theirs = pci(&other.info().address).map(|(at, _)| at);
        theirs.is_some_and(|t| (t.bus(), t.slot()) == (own.bus(), own.slot()) && !is_wanted(t))
    };
    others.any(|(_, _, other)| shares(other)).then(|| {
        let message = "other functions of its PCI slot are in use, and QEMU unplugs all functions of a slot at once";
        unsupported(span, message)
    })
}
