//! What can come, go and change while the guest runs: libvirt's rules (`qemuDomainAttachDeviceLive`, `qemuDomainDetachDeviceLive` and
//! `qemuDomainUpdateDeviceLive` in its `src/qemu`), and those of QEMU's buses.

use virtc_diag::{Diagnostic, Span};
use virtc_plan::Action;

use super::{QmpAction, unsupported};
use crate::codes;
use crate::ir::{OptExt, Switch};
use crate::model::Domain;
use crate::model::devices::address::{Address, is_wanted, pci};
use crate::model::devices::controller::{Controller, ControllerType, PciModel};
use crate::model::devices::disk::{DiskBus, DiskDevice};
use crate::model::devices::graphics::GraphicsType;
use crate::model::devices::memory::Model as MemoryModel;
use crate::model::devices::{BusSlot, Device, Devices, Kind};
use crate::qemu::{Payload, QemuOption, Value};

/// Refuses kinds of devices that do not take part.
pub(super) fn kind(kind: Kind, action: Action, span: Span) -> Option<Diagnostic> {
    let can = match kind {
        Kind::Disk | Kind::Interface | Kind::Memory => true,
        Kind::Controller
        | Kind::Lease
        | Kind::Filesystem
        | Kind::Serial
        | Kind::Console
        | Kind::Channel
        | Kind::Input
        | Kind::Hostdev
        | Kind::Redirdev
        | Kind::Watchdog
        | Kind::Rng
        | Kind::Shmem
        | Kind::Vsock => action != Action::Update,
        Kind::Graphics => action == Action::Update,
        Kind::Smartcard
        | Kind::Parallel
        | Kind::Tpm
        | Kind::Sound
        | Kind::Audio
        | Kind::Video
        | Kind::Redirfilter
        | Kind::Hub
        | Kind::Memballoon
        | Kind::Nvram
        | Kind::Panic
        | Kind::Crypto
        | Kind::Iommu
        | Kind::Pstore => false,
    };
    (!can).then(|| unsupported(span, refusal(&format!("a `<{}>`", kind.element()), action)).help(AT_START))
}

const AT_START: &str = "change the definition, and start the guest anew";

fn refusal(what: &str, action: Action) -> String {
    match action {
        Action::Attach => format!("{what} cannot be added to a running guest"),
        Action::Detach => format!("{what} cannot be removed from a running guest"),
        Action::Update => format!("{what} cannot be changed while the guest runs"),
    }
}

/// What the running domain has already, and has one of.
pub(super) fn before(domain: &Domain, devices: &Devices, kind: Kind, span: Span) -> Option<Diagnostic> {
    let conflict = |message: String| Some(Diagnostic::at(&codes::CONFLICT, span, message));
    match kind {
        Kind::Watchdog if !domain.devices.watchdogs.is_empty() => {
            conflict("the running domain has a watchdog already".to_owned())
        }
        Kind::Vsock if !domain.devices.vsocks.is_empty() => {
            conflict("the running domain has a vsock already".to_owned())
        }
        Kind::Controller => {
            let new = devices.controllers.first()?;
            let index = new.index.get()?;
            let is_it = |c: &Controller| c.kind() == new.kind() && c.index() == index;
            let message = || format!("the running domain has a `{}` controller {index} already", new.kind().word());
            domain.devices.controllers.iter().any(is_it).then(message).and_then(conflict)
        }
        _ => None,
    }
}

/// A PCI device comes and goes on buses that allow it, and as a whole.
pub(super) fn place(domain: &Domain, kind: Kind, index: usize, span: Span) -> Option<Diagnostic> {
    let BusSlot::Pci(_) = domain.devices.bus_slot(kind, index, domain) else { return None };
    let info = domain.devices.info(kind, index)?;
    if info.address.is(&Address::VirtioMmio) {
        let message = "a device that stands on no bus neither comes nor goes while the guest runs";
        return Some(Diagnostic::at(&codes::ADDRESS_CONFLICT, span, message).help(AT_START));
    }
    let (own, origin) = pci(&info.address)?;
    let span = Some(origin.span()).filter(|place| span.contains(*place)).unwrap_or(span);
    let conflict = |message: String| Some(Diagnostic::at(&codes::ADDRESS_CONFLICT, span, message));
    if own.function() != 0 {
        return conflict("while the guest runs a PCI device comes and goes as function 0 of its slot".to_owned());
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
        let message = format!("bus {} (`{}`) takes and gives no device while the guest runs", own.bus(), model.word());
        return Some(
            Diagnostic::at(&codes::ADDRESS_CONFLICT, span, message)
                .help("use a bus that can: one behind a `pcie-root-port`, or that of a `pc` machine"),
        );
    }
    let others = Kind::ALL.iter().flat_map(|k| (0..domain.devices.count(*k)).map(move |i| (*k, i)));
    let shares = |(k, i): (Kind, usize)| {
        let theirs = domain.devices.info(k, i).and_then(|info| pci(&info.address)).map(|(at, _)| at);
        (k, i) != (kind, index)
            && theirs.is_some_and(|t| (t.bus(), t.slot()) == (own.bus(), own.slot()) && !is_wanted(t))
    };
    others.clone().any(shares).then(|| {
        let message = "other functions of its slot are in use, and QEMU removes a slot as a whole";
        unsupported(span, message)
    })
}

/// A controller goes when nothing stands on it.
pub(super) fn busy(domain: &Domain, kind: Kind, index: usize, span: Span) -> Option<Diagnostic> {
    let controller = domain.devices.controllers.get(index).filter(|_| kind == Kind::Controller)?;
    let number = controller.index();
    let on_it = |address: &Address| match address {
        Address::Drive { controller, .. } => *controller == number,
        Address::Pci { .. }
        | Address::VirtioSerial { .. }
        | Address::Usb { .. }
        | Address::Isa { .. }
        | Address::Dimm { .. }
        | Address::Ccid { .. }
        | Address::SpaprVio { .. }
        | Address::VirtioMmio
        | Address::Foreign(_)
        | Address::Unassigned => false,
    };
    let devices = &domain.devices;
    let disks = devices.disks.iter().filter(|d| d.controller_type() == Some(controller.kind())).map(Device::info);
    let mut infos = disks.chain(devices.hostdevs.iter().map(Device::info));
    let user = infos.find(|info| info.address.as_ref().is_some_and(|a| on_it(&a.value)))?;
    let message = format!("the controller is in use: `{}` stands on it", user.alias());
    Some(Diagnostic::at(&codes::CONFLICT, span, message).help("remove what stands on it first"))
}

/// Refuses what is of a kind that takes part, but not itself.
pub(super) fn after(
    domain: &Domain,
    kind: Kind,
    index: usize,
    moves: &[QmpAction],
    action: Action,
    span: Span,
) -> Option<Diagnostic> {
    let refuse = |what: String| Some(unsupported(span, refusal(&what, action)).help(AT_START));
    let devices = &domain.devices;
    match kind {
        Kind::Disk => {
            let disk = devices.disks.get(index)?;
            let bus = disk.bus.get()?;
            let is_drive = disk.device() != DiskDevice::Disk;
            let moves = matches!(bus, DiskBus::Virtio | DiskBus::Scsi | DiskBus::Usb);
            let what = if is_drive { disk.device().word() } else { "disk" };
            if moves { None } else { refuse(format!("a {what} on the bus `{}`", bus.word())) }
        }
        Kind::Controller => {
            let controller = devices.controllers.get(index)?;
            let is_scsi = controller.kind() == ControllerType::Scsi;
            if is_scsi { None } else { refuse(format!("a controller of type `{}`", controller.kind().word())) }
        }
        Kind::Memory if devices.memories.get(index)?.model.is(&MemoryModel::SgxEpc) => {
            refuse("memory of model `sgx-epc`".to_owned())
        }
        Kind::Serial if matches!(devices.bus_slot(kind, index, domain), BusSlot::Nothing) => {
            refuse("a serial port that is not on USB or PCI".to_owned())
        }
        Kind::Console if !devices.consoles.get(index)?.is_virtio() => refuse("the console of a serial port".to_owned()),
        Kind::Graphics => {
            let kind = devices.graphics.get(index)?.kind();
            let serves = matches!(kind, GraphicsType::Vnc | GraphicsType::Spice);
            if serves { None } else { refuse(format!("a `<graphics>` of type `{}`", kind.word())) }
        }
        // What has no front end on a bus that guests can look at again.
        Kind::Input if moves.is_empty() => refuse("an input device on the bus `ps2`".to_owned()),
        Kind::Watchdog if !matches!(devices.bus_slot(kind, index, domain), BusSlot::Pci(_)) => {
            refuse("a watchdog that is part of the machine".to_owned())
        }
        Kind::Shmem if has_driver(moves, "ivshmem") => refuse("shared memory of model `ivshmem`".to_owned()),
        Kind::Filesystem if !has_driver(moves, "vhost-user-fs-pci") => {
            refuse("a file system that is not a `virtiofs`".to_owned())
        }
        _ => None,
    }
}

fn has_driver(moves: &[QmpAction], driver: &str) -> bool {
    let is_it = |item: &QemuOption| match &item.payload {
        Payload::Json(props) => props.get("driver").and_then(Value::plain).is_some_and(|d| d == driver),
        Payload::None | Payload::Word(_) | Payload::Opts(_) | Payload::Chardev(_) => false,
    };
    moves.iter().any(|m| match m {
        QmpAction::Add(item) | QmpAction::Remove(item) => item.option == "device" && is_it(item),
        QmpAction::Call { .. } => false,
    })
}
