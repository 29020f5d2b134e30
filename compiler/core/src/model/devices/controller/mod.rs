//! `<controller>`.

mod check;
mod defaults;
mod driver;
mod find;
mod items;
mod model;
mod target;

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{DefaultRule, Leaf, Opt, OptExt, Origin, Spanned};
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::virtio::VirtioModel;
use crate::model::devices::{Address, AliasStem, BusSlot, Can, Device, DeviceElement, Info, Live, common};
use crate::model::elements::memory::scaled;
use crate::model::elements::os::MachineFamily;
use crate::model::slot::{Connect, PCI_DEVICE, PCIE_DEVICE};
use crate::qemu::QemuOptions;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

pub use driver::ControllerDriver;
pub use model::{ControllerType, IdeModel, PciModel, PciModelName, ScsiModel, UsbModel};
pub use target::PciTarget;

/// `<controller>`.
#[derive(Debug, Clone)]
pub struct Controller {
    /// What it controls.
    pub kind: Spanned<ControllerType>,
    /// Its number among controllers of its type.
    pub index: Opt<u32>,
    /// The model, as the XML spells it; typed accessors read it.
    pub model: Opt<String>,
    /// Ports of a USB or virtio-serial controller.
    pub ports: Opt<u32>,
    /// Vectors of a virtio-serial controller.
    pub vectors: Opt<u32>,
    /// `<master startport>`: a companion of the controller with the same index.
    pub master: Opt<u32>,
    /// How QEMU drives it.
    pub driver: ControllerDriver,
    /// The size of the 64-bit hole of a root bus, in KiB.
    pub hole64: Opt<u64>,
    /// QEMU's device for a PCI controller.
    pub model_name: Opt<PciModelName>,
    /// Chassis, port and bus numbers of a PCI controller.
    pub target: PciTarget,
    /// What every device has.
    pub info: Info,
    /// Its place in the XML.
    pub origin: Origin,
}

static MODEL: DefaultRule = DefaultRule {
    name: "controller-model",
    text: "a controller without a model gets the default of its type and machine",
};
static COMPANION: DefaultRule = DefaultRule {
    name: "usb-companion",
    text: "the UHCI parts of an ICH9 USB controller serve the ports of its EHCI part, two each",
};
static PORT_TARGET: DefaultRule =
    DefaultRule { name: "port-target", text: "chassis and port numbers follow from a controller's index and place" };

/// The first port of the main controller that a part of an ICH9 USB controller serves.
fn companion_port(model: Spanned<&str>) -> Option<u32> {
    match UsbModel::read(model.value)? {
        UsbModel::Ich9Uhci1 => Some(0),
        UsbModel::Ich9Uhci2 => Some(2),
        UsbModel::Ich9Uhci3 => Some(4),
        UsbModel::Piix3Uhci
        | UsbModel::Piix4Uhci
        | UsbModel::Ehci
        | UsbModel::Ich9Ehci1
        | UsbModel::VtUhci
        | UsbModel::PciOhci
        | UsbModel::NecXhci
        | UsbModel::QemuXhci
        | UsbModel::Qusb1
        | UsbModel::Qusb2
        | UsbModel::None => None,
    }
}

impl Controller {
    /// A controller that `rule` adds.
    pub fn added(kind: ControllerType, index: u32, origin: Origin) -> Self {
        Self {
            kind: Spanned::new(kind, origin),
            index: Some(Spanned::new(index, origin)),
            model: None,
            ports: None,
            vectors: None,
            master: None,
            driver: ControllerDriver::default(),
            hole64: None,
            model_name: None,
            target: PciTarget::default(),
            info: Info::default(),
            origin,
        }
    }

    /// A PCI controller that `rule` adds.
    pub fn pci(index: u32, model: PciModel, origin: Origin) -> Self {
        let model = Some(Spanned::new(model.show(), origin));
        Self { model, ..Self::added(ControllerType::Pci, index, origin) }
    }

    /// What it controls.
    pub fn kind(&self) -> ControllerType {
        self.kind.value
    }

    /// Its number; 0 before indexes are assigned.
    pub fn index(&self) -> u32 {
        self.index.get().unwrap_or(0)
    }

    /// Whether it is a PCI controller.
    pub fn is_pci(&self) -> bool {
        self.kind.value == ControllerType::Pci
    }

    fn typed<T: Leaf>(&self) -> Option<T> {
        self.model.as_ref().and_then(|m| T::read(&m.value))
    }

    /// The model of a PCI controller.
    pub fn pci_model(&self) -> Option<PciModel> {
        self.typed().filter(|_| self.is_pci())
    }

    /// The model of a USB controller.
    pub fn usb_model(&self) -> Option<UsbModel> {
        self.typed().filter(|_| self.kind.value == ControllerType::Usb)
    }

    /// The model of a SCSI controller.
    pub fn scsi_model(&self) -> Option<ScsiModel> {
        self.typed().filter(|_| self.kind.value == ControllerType::Scsi)
    }

    /// The function that a part of an ICH9 USB controller has in the slot of all parts.
    pub fn companion_function(&self) -> Option<u8> {
        match self.usb_model()? {
            UsbModel::Ich9Ehci1 => Some(7),
            UsbModel::Ich9Uhci1 => Some(0),
            UsbModel::Ich9Uhci2 => Some(1),
            UsbModel::Ich9Uhci3 => Some(2),
            UsbModel::Piix3Uhci
            | UsbModel::Piix4Uhci
            | UsbModel::Ehci
            | UsbModel::VtUhci
            | UsbModel::PciOhci
            | UsbModel::NecXhci
            | UsbModel::QemuXhci
            | UsbModel::Qusb1
            | UsbModel::Qusb2
            | UsbModel::None => None,
        }
    }

    /// The model of a virtio-serial controller.
    pub fn serial_model(&self) -> Option<VirtioModel> {
        self.typed().filter(|_| self.kind.value == ControllerType::VirtioSerial)
    }

    /// The name of its bus in QEMU.
    pub fn bus_name(&self) -> String {
        let alias = self.info.alias();
        match self.pci_model() {
            // No argument asks for a root, so that it keeps QEMU's name whatever the user calls it.
            Some(PciModel::PciRoot) if alias.starts_with("ua-") => "pci.0".to_owned(),
            Some(PciModel::PcieRoot) if alias.starts_with("ua-") => "pcie.0".to_owned(),
            _ => alias.to_owned(),
        }
    }

    /// The name of a disk controller's buses before their number. One that the machine brings has QEMU's name, whatever the user calls it.
    pub fn bus_alias(&self, domain: &Domain) -> String {
        let own = self.info.alias();
        if own.starts_with("ua-") && self.is_built_in(domain.os.family()) {
            return self.default_name(domain.os.family());
        }
        own.to_owned()
    }

    /// Its name unless the user gives it one: QEMU's own for what the machine brings.
    fn default_name(&self, family: MachineFamily) -> String {
        let number = self.index();
        match self.kind.value {
            ControllerType::Pci if self.pci_model() == Some(PciModel::PcieRoot) => format!("pcie.{number}"),
            // The one bus of an old machine has a name without a number.
            ControllerType::Pci if family == MachineFamily::Versatile => "pci".to_owned(),
            ControllerType::Pci => format!("pci.{number}"),
            // The first built-in controllers give their buses names without numbers.
            ControllerType::Ide if family == MachineFamily::I440fx && number == 0 => "ide".to_owned(),
            ControllerType::Sata if family == MachineFamily::Q35 && number == 0 => "ide".to_owned(),
            ControllerType::Usb if number == 0 => "usb".to_owned(),
            kind @ (ControllerType::Ide
            | ControllerType::Fdc
            | ControllerType::Scsi
            | ControllerType::Sata
            | ControllerType::VirtioSerial
            | ControllerType::Usb
            | ControllerType::Ccid
            | ControllerType::Isa
            | ControllerType::Xenbus) => format!("{}{number}", kind.word()),
        }
    }

    /// Whether QEMU's machine brings it, so that no argument asks for it.
    fn is_built_in(&self, family: MachineFamily) -> bool {
        match self.kind.value {
            ControllerType::Pci => matches!(self.pci_model(), Some(PciModel::PciRoot | PciModel::PcieRoot)),
            ControllerType::Ide | ControllerType::Fdc => family == MachineFamily::I440fx,
            ControllerType::Sata => family == MachineFamily::Q35 && self.index() == 0,
            ControllerType::Usb => self.usb_model() == Some(UsbModel::None),
            // No argument asks for these, though QEMU has none of them as a controller.
            ControllerType::Isa | ControllerType::Xenbus => true,
            ControllerType::Scsi | ControllerType::VirtioSerial | ControllerType::Ccid => false,
        }
    }
}

impl DeviceElement for Controller {
    const ELEMENT: &'static str = "controller";

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let kind = f.attr::<ControllerType>("type");
        let master: Opt<u32> = f.child_attr("master", "startport");
        let model = match kind.get() {
            Some(ControllerType::Pci) => f.attr::<PciModel>("model").map(|m| m.map(PciModel::word)),
            Some(ControllerType::Usb) => f.attr::<UsbModel>("model").map(|m| m.map(UsbModel::word)),
            Some(ControllerType::Scsi) => f.attr::<ScsiModel>("model").map(|m| m.map(ScsiModel::word)),
            Some(ControllerType::Ide) => f.attr::<IdeModel>("model").map(|m| m.map(IdeModel::word)),
            Some(ControllerType::VirtioSerial) => f.attr::<VirtioModel>("model").map(|m| m.map(VirtioModel::word)),
            Some(
                ControllerType::Fdc
                | ControllerType::Sata
                | ControllerType::Ccid
                | ControllerType::Isa
                | ControllerType::Xenbus,
            )
            | None => None,
        };
        let mut info = Info::lower(f);
        let none = kind.is(&ControllerType::Usb) && model.is_some_and(|m| m.value == UsbModel::None.word());
        // What is not there is nowhere.
        info.address = info.address.filter(|_| !none);
        Some(Self {
            index: f.attr("index"),
            model: model.map(|m| m.map(str::to_owned)),
            ports: f.attr("ports"),
            vectors: f.attr("vectors"),
            master: master.or_else(|| companion_port(model?).map(|port| Spanned::rule(port, &COMPANION, f.origin()))),
            driver: ControllerDriver::lower(f),
            hole64: f.child("pcihole64").as_ref().and_then(scaled),
            model_name: f.child_attr("model", "name"),
            target: PciTarget::lower(f),
            info,
            origin: f.origin(),
            kind: kind?,
        })
    }

    fn matches_description(&self, other: &Self) -> bool {
        self.kind.value == other.kind.value && self.index() == other.index()
    }
}

impl Device for Controller {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        let tag =
            w.tag("controller").attr("type", self.kind.word()).opt("index", &self.index).opt("model", &self.model);
        tag.opt("ports", &self.ports).opt("vectors", &self.vectors).children(|w| {
            self.driver.write(w);
            if self.master.is_some() {
                w.tag("master").opt("startport", &self.master).end();
            }
            if self.model_name.is_some() {
                w.tag("model").opt("name", &self.model_name).end();
            }
            self.target.write(w);
            self.info.write(w);
            if let Some(kib) = self.hole64 {
                w.tag("pcihole64").attr("unit", "KiB").text(&kib.show());
            }
        });
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        let added = matches!(self.origin, Origin::Rule(..));
        if self.scsi_model() == Some(ScsiModel::Auto) {
            self.model = None;
        }
        if self.model.is_none() {
            self.model = self
                .default_model(defaults.arch, defaults.family, added)
                .map(|m| Spanned::rule(m, &MODEL, self.origin));
        }
        if self.kind.value == ControllerType::Pci && self.model.is_none() {
            let span = self.origin.span();
            defaults.report(
                Diagnostic::at(&codes::MISSING, span, "a PCI controller has no model")
                    .help("add `model='pcie-root-port'` or another"),
            );
        }
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        check::check(self, domain, faults);
        target::check(self, domain, faults);
        self.driver.check(self, domain, faults);
    }

    fn bus_slot(&self, domain: &Domain) -> BusSlot {
        let pcie = domain.has_pcie();
        if self.kind.value == ControllerType::Usb && domain.os.arch().is_arm() && domain.os.family().root().is_none() {
            // QEMU finds the bus, of which libvirt knows nothing.
            return BusSlot::Nothing;
        }
        let express = if pcie { PCIE_DEVICE } else { PCI_DEVICE };
        BusSlot::Pci(match self.kind.value {
            ControllerType::Pci => match self.pci_model().and_then(Connect::of) {
                Some(flags) => flags,
                None => return BusSlot::Nothing,
            },
            ControllerType::Usb => match self.usb_model() {
                Some(UsbModel::NecXhci | UsbModel::QemuXhci) => express,
                Some(UsbModel::None | UsbModel::Qusb1 | UsbModel::Qusb2) => return BusSlot::Nothing,
                Some(_) | None => PCI_DEVICE,
            },
            ControllerType::Scsi => match self.scsi_model() {
                Some(ScsiModel::VirtioScsi | ScsiModel::VirtioNonTransitional) => express,
                // This one is on a bus of its own kind, which no PC has.
                Some(ScsiModel::Ibmvscsi) => return BusSlot::Nothing,
                Some(_) | None => PCI_DEVICE,
            },
            ControllerType::VirtioSerial if self.serial_model() == Some(VirtioModel::Transitional) => PCI_DEVICE,
            ControllerType::VirtioSerial => express,
            ControllerType::Sata | ControllerType::Ide => PCI_DEVICE,
            ControllerType::Fdc | ControllerType::Isa | ControllerType::Xenbus => return BusSlot::Nothing,
            ControllerType::Ccid => return BusSlot::Usb,
        })
    }

    fn takes_mmio(&self) -> bool {
        match self.kind() {
            ControllerType::VirtioSerial => true,
            ControllerType::Scsi => self.scsi_model().is_some_and(ScsiModel::is_virtio),
            ControllerType::Pci
            | ControllerType::Usb
            | ControllerType::Sata
            | ControllerType::Ide
            | ControllerType::Fdc
            | ControllerType::Isa
            | ControllerType::Xenbus
            | ControllerType::Ccid => false,
        }
    }

    fn live(&self) -> Live {
        let what = || format!("a controller of type `{}`", self.kind().word());
        Live::plug(Can::when(self.kind() == ControllerType::Scsi, what))
    }

    fn already_there(&self, running: &Domain) -> Option<String> {
        let index = self.index.get()?;
        running.devices.controller(self.kind(), index)?;
        Some(format!("a `{}` controller {index}", self.kind().word()))
    }

    fn busy(&self, running: &Domain) -> Option<String> {
        let number = self.index();
        let on_it = |info: &&Info| matches!(&info.address, Some(Spanned { value: Address::Drive { controller, .. }, .. }) if *controller == number);
        let disks = running.devices.disks.iter().filter(|d| d.controller_type() == Some(self.kind())).map(Device::info);
        let mut infos = disks.chain(running.devices.hostdevs.iter().map(Device::info));
        infos.find(on_it).map(|user| user.alias().to_owned())
    }

    fn alias_stem(&self, domain: &Domain) -> AliasStem {
        AliasStem::Whole(self.default_name(domain.os.family()))
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        self.emit(cx, out);
    }
}
