//! `<controller>`.

mod defaults;
mod items;
mod model;

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::define::Defaults;
use crate::define::pci::{Connect, PCI_DEVICE, PCIE_DEVICE};
use crate::devices::{Device, Info, Needs};
use crate::domain::Domain;
use crate::emit::{Cx, Items};
use crate::ir::{Leaf, Opt, OptExt, Origin, Rule, Spanned, Switch};
use crate::lower::Fields;
use crate::parts::iothreads::Served;
use crate::parts::os::MachineFamily;
use crate::write::XmlWriter;

pub use model::{ControllerType, PciModel, PciModelName, ScsiModel, UsbModel};

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
    /// Queues of a virtio-scsi controller.
    pub queues: Opt<u32>,
    /// The I/O threads that serve a virtio-scsi controller.
    pub threads: Served,
    /// The device behind a PCI controller.
    pub model_name: Opt<PciModelName>,
    /// `<target chassisNr>` of a bridge.
    pub chassis_nr: Opt<u32>,
    /// `<target chassis>` of a port.
    pub chassis: Opt<u32>,
    /// `<target port>` of a port.
    pub port: Opt<u32>,
    /// `<target hotplug>` of a port.
    pub hotplug: Opt<Switch>,
    /// What every device has.
    pub info: Info,
    /// Where it stands.
    pub origin: Origin,
}

static MODEL: Rule =
    Rule { name: "controller-model", text: "a controller without a model gets the default of its type and machine" };
static COMPANION: Rule = Rule {
    name: "usb-companion",
    text: "the UHCI parts of an ICH9 USB controller serve the ports of its EHCI part, two each",
};
static PORT_TARGET: Rule =
    Rule { name: "port-target", text: "chassis and port numbers follow from a controller's index and place" };

/// The first port of the main controller that a part of an ICH9 USB controller serves.
fn companion_port(model: Spanned<&str>) -> Option<u32> {
    match UsbModel::read(model.value)? {
        UsbModel::Ich9Uhci1 => Some(0),
        UsbModel::Ich9Uhci2 => Some(2),
        UsbModel::Ich9Uhci3 => Some(4),
        _ => None,
    }
}

impl Controller {
    /// A controller that `rule` adds.
    pub fn added(kind: ControllerType, index: u32, rule: &'static Rule) -> Self {
        Self {
            kind: Spanned::rule(kind, rule),
            index: Some(Spanned::rule(index, rule)),
            model: None,
            ports: None,
            vectors: None,
            master: None,
            queues: None,
            threads: Served::default(),
            model_name: None,
            chassis_nr: None,
            chassis: None,
            port: None,
            hotplug: None,
            info: Info::default(),
            origin: Origin::Rule(rule),
        }
    }

    /// A PCI controller that `rule` adds.
    pub fn pci(index: u32, model: PciModel, rule: &'static Rule) -> Self {
        let model = Some(Spanned::rule(model.show(), rule));
        Self { model, ..Self::added(ControllerType::Pci, index, rule) }
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
            | UsbModel::None => None,
        }
    }

    /// The name of its bus in QEMU.
    pub fn bus_name(&self) -> String {
        self.info.alias().to_owned()
    }

    /// Whether QEMU's machine brings it, so that no argument asks for it.
    fn is_built_in(&self, family: MachineFamily) -> bool {
        match self.kind.value {
            ControllerType::Pci => matches!(self.pci_model(), Some(PciModel::PciRoot | PciModel::PcieRoot)),
            ControllerType::Ide | ControllerType::Fdc => family == MachineFamily::I440fx,
            ControllerType::Sata => family == MachineFamily::Q35 && self.index() == 0,
            ControllerType::Usb => self.usb_model() == Some(UsbModel::None),
            ControllerType::Scsi | ControllerType::VirtioSerial | ControllerType::Ccid => false,
        }
    }
}

impl Device for Controller {
    const ELEMENT: &'static str = "controller";

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let kind = f.attr::<ControllerType>("type");
        let target = f.child("target");
        let driver = f.child("driver");
        let master: Opt<u32> = f.child_attr("master", "startport");
        let model = match kind.get() {
            Some(ControllerType::Pci) => f.attr::<PciModel>("model").map(|m| m.map(PciModel::word)),
            Some(ControllerType::Usb) => f.attr::<UsbModel>("model").map(|m| m.map(UsbModel::word)),
            Some(ControllerType::Scsi) => f.attr::<ScsiModel>("model").map(|m| m.map(ScsiModel::word)),
            Some(
                ControllerType::Ide
                | ControllerType::Fdc
                | ControllerType::Sata
                | ControllerType::VirtioSerial
                | ControllerType::Ccid,
            )
            | None => None,
        };
        Some(Self {
            index: f.attr("index"),
            model: model.map(|m| m.map(str::to_owned)),
            ports: f.attr("ports"),
            vectors: f.attr("vectors"),
            master: master.or_else(|| companion_port(model?).map(|port| Spanned::rule(port, &COMPANION))),
            queues: driver.as_ref().and_then(|d| d.attr("queues")),
            threads: driver.as_ref().map(Served::lower).unwrap_or_default(),
            model_name: f.child_attr("model", "name"),
            chassis_nr: target.as_ref().and_then(|t| t.attr("chassisNr")),
            chassis: target.as_ref().and_then(|t| t.attr("chassis")),
            port: target.as_ref().and_then(|t| t.attr("port")),
            hotplug: target.as_ref().and_then(|t| t.attr("hotplug")),
            info: Info::lower(f),
            origin: f.origin(),
            kind: kind?,
        })
    }

    fn write(&self, w: &mut XmlWriter) {
        let tag =
            w.tag("controller").attr("type", self.kind.word()).opt("index", &self.index).opt("model", &self.model);
        tag.opt("ports", &self.ports).opt("vectors", &self.vectors).children(|w| {
            if self.queues.is_some() || self.threads.origin().is_some() {
                let tag = w.tag("driver").opt("queues", &self.queues).opt("iothread", &self.threads.one);
                tag.children(|w| self.threads.write(w));
            }
            if self.master.is_some() {
                w.tag("master").opt("startport", &self.master).end();
            }
            if self.model_name.is_some() {
                w.tag("model").opt("name", &self.model_name).end();
            }
            if self.chassis_nr.is_some() || self.chassis.is_some() || self.port.is_some() || self.hotplug.is_some() {
                let tag = w.tag("target").opt("chassisNr", &self.chassis_nr).opt("chassis", &self.chassis);
                let tag = match &self.port {
                    Some(port) => tag.attr("port", &format!("{:#x}", port.value)),
                    None => tag,
                };
                tag.opt("hotplug", &self.hotplug).end();
            }
            self.info.write(w);
        });
    }

    fn origin(&self) -> Origin {
        self.origin
    }

    fn is_meant_by(&self, other: &Self) -> bool {
        self.kind.value == other.kind.value && self.index() == other.index()
    }

    fn info(&self) -> &Info {
        &self.info
    }

    fn info_mut(&mut self) -> &mut Info {
        &mut self.info
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        let added = matches!(self.origin, Origin::Rule(_));
        if self.scsi_model() == Some(ScsiModel::Auto) {
            self.model = None;
        }
        if self.model.is_none() {
            self.model = self.default_model(defaults.family, added).map(|m| Spanned::rule(m, &MODEL));
        }
        if self.kind.value == ControllerType::Pci && self.model.is_none() {
            let span = self.origin.span().unwrap_or_default();
            defaults.report(
                Diagnostic::new(&codes::MISSING, span, "a PCI controller has no model")
                    .help("add `model='pcie-root-port'` or another"),
            );
        }
        if self.kind.value == ControllerType::Ide && defaults.family == MachineFamily::Q35 {
            let span = self.origin.span().unwrap_or_default();
            let message = "the machine type has no IDE controller";
            defaults
                .report(Diagnostic::new(&codes::UNSUPPORTED_CONFIGURATION, span, message).help("use SATA or virtio"));
        }
        if matches!(self.pci_model(), Some(PciModel::PciExpanderBus | PciModel::PcieExpanderBus)) {
            let span = self.model.origin_or(self.origin).span().unwrap_or_default();
            defaults.report(Diagnostic::new(&codes::NOT_YET_SUPPORTED, span, "expander buses are not supported yet"));
        }
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        if let Some(origin) = self.threads.origin().filter(|_| self.scsi_model() != Some(ScsiModel::VirtioScsi)) {
            let message = "only virtio-scsi controllers are served by I/O threads";
            faults.push(Diagnostic::new(&codes::UNSUPPORTED_CONFIGURATION, origin.span().unwrap_or_default(), message));
        }
        self.threads.check(&domain.iothreads, self.queues, &mut |d| faults.push(d));
    }

    fn needs(&self, domain: &Domain) -> Needs {
        let pcie = domain.has_pcie();
        let express = if pcie { PCIE_DEVICE } else { PCI_DEVICE };
        Needs::Pci(match self.kind.value {
            ControllerType::Pci => match self.pci_model() {
                Some(PciModel::PciBridge) => Connect::PCI_BRIDGE,
                Some(PciModel::DmiToPciBridge) => Connect::DMI_BRIDGE,
                Some(PciModel::PcieToPciBridge) => Connect::PCIE_TO_PCI,
                Some(PciModel::PcieRootPort) => Connect::ROOT_PORT.and(Connect::AGGREGATE),
                Some(PciModel::PcieSwitchUpstreamPort) => Connect::UPSTREAM,
                Some(PciModel::PcieSwitchDownstreamPort) => Connect::DOWNSTREAM,
                Some(PciModel::PciExpanderBus) => Connect::PCI_EXPANDER,
                Some(PciModel::PcieExpanderBus) => Connect::PCIE_EXPANDER,
                Some(PciModel::PciRoot | PciModel::PcieRoot) | None => return Needs::Nothing,
            },
            ControllerType::Usb => match self.usb_model() {
                Some(UsbModel::NecXhci | UsbModel::QemuXhci) => express,
                Some(UsbModel::None) => return Needs::Nothing,
                Some(_) | None => PCI_DEVICE,
            },
            ControllerType::Scsi => match self.scsi_model() {
                Some(ScsiModel::VirtioScsi) => express,
                Some(_) | None => PCI_DEVICE,
            },
            ControllerType::VirtioSerial => express,
            ControllerType::Sata | ControllerType::Ide => PCI_DEVICE,
            ControllerType::Fdc => return Needs::Nothing,
            ControllerType::Ccid => return Needs::Usb,
        })
    }

    fn default_alias(&self, _index: usize, domain: &Domain) -> String {
        let number = self.index();
        let family = domain.os.family();
        match self.kind.value {
            ControllerType::Pci if self.pci_model() == Some(PciModel::PcieRoot) => format!("pcie.{number}"),
            ControllerType::Pci => format!("pci.{number}"),
            // The first built-in controllers give their buses names without numbers.
            ControllerType::Ide if family == MachineFamily::I440fx && number == 0 => "ide".to_owned(),
            ControllerType::Sata if family == MachineFamily::Q35 && number == 0 => "ide".to_owned(),
            ControllerType::Usb if number == 0 => "usb".to_owned(),
            kind => format!("{}{number}", kind.word()),
        }
    }

    fn items(&self, cx: &Cx<'_>, out: &mut Items) {
        self.emit(cx, out);
    }
}
