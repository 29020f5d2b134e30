//! `<target>` of a PCI controller: chassis, port and bus numbers, and what each model may have.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{Opt, OptExt, Origin, Switch};
use crate::model::Domain;
use crate::model::devices::controller::{Controller, PciModel, PciModelName};
use crate::model::elements::os::MachineFamily;
use crate::qemu::Props;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// `<target>` of a PCI controller.
#[derive(Debug, Clone, Default)]
pub struct PciTarget {
    /// The chassis number of a bridge.
    pub chassis_nr: Opt<u32>,
    /// The chassis number of a port.
    pub chassis: Opt<u32>,
    /// The number of a port.
    pub port: Opt<u32>,
    /// The first bus number of an expander bus.
    pub bus_nr: Opt<u32>,
    /// The number of a host bridge of other architectures.
    pub index: Opt<u32>,
    /// Whether devices come and go while the guest runs.
    pub hotplug: Opt<Switch>,
    /// Memory that is kept for devices that come later, in KiB.
    pub mem_reserve: Opt<u64>,
    /// The guest's NUMA node of an expander bus.
    pub node: Opt<u32>,
}

impl PciTarget {
    /// Reads `<target>` of the controller `f`.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        let Some(t) = f.child("target") else { return Self::default() };
        Self {
            chassis_nr: t.attr("chassisNr"),
            chassis: t.attr("chassis"),
            port: t.attr("port"),
            bus_nr: t.attr("busNr"),
            index: t.attr("index"),
            hotplug: t.attr("hotplug"),
            mem_reserve: t.attr("memReserve"),
            node: t.child_text("node"),
        }
    }

    /// Each part with its name in the XML, where it is there.
    fn parts(&self) -> impl Iterator<Item = (&'static str, Origin)> {
        let number = |opt: &Opt<u32>| opt.as_ref().map(|o| o.origin);
        [
            ("chassisNr", number(&self.chassis_nr)),
            ("chassis", number(&self.chassis)),
            ("port", number(&self.port)),
            ("busNr", number(&self.bus_nr)),
            ("index", number(&self.index)),
            ("hotplug", self.hotplug.as_ref().map(|o| o.origin)),
            ("memReserve", self.mem_reserve.as_ref().map(|o| o.origin)),
            ("node", number(&self.node)),
        ]
        .into_iter()
        .filter_map(|(name, origin)| Some((name, origin?)))
    }

    /// Writes `<target>` where it says anything.
    pub fn write(&self, w: &mut XmlWriter) {
        if self.parts().next().is_none() {
            return;
        }
        let tag = w.tag("target").opt("chassisNr", &self.chassis_nr).opt("chassis", &self.chassis);
        let tag = match &self.port {
            Some(port) => tag.attr("port", &format!("{:#x}", port.value)),
            None => tag,
        };
        let tag = tag.opt("busNr", &self.bus_nr).opt("index", &self.index).opt("hotplug", &self.hotplug);
        tag.opt("memReserve", &self.mem_reserve).children(|w| w.opt_text("node", &self.node));
    }

    /// QEMU's properties: those before the name of the controller, and those after it.
    pub fn props(&self) -> (Props, Props) {
        let before = Props::new()
            .opt("chassis_nr", self.chassis_nr.get())
            .opt("bus_nr", self.bus_nr.get())
            .opt("port", self.port.get())
            .opt("chassis", self.chassis.get());
        let behind = Props::new()
            .opt("numa_node", self.node.get())
            .opt("hotplug", self.hotplug.get().map(Switch::is_on))
            .opt("mem-reserve", self.mem_reserve.get().filter(|kib| *kib > 0).map(|kib| kib.saturating_mul(1024)));
        (before, behind)
    }
}

/// Whether `<target>` of this model may have the part `name`.
fn fits(model: PciModel, name: &str) -> bool {
    match name {
        "chassisNr" => model == PciModel::PciBridge,
        "chassis" | "port" => matches!(model, PciModel::PcieRootPort | PciModel::PcieSwitchDownstreamPort),
        "busNr" | "node" => model.is_expander(),
        "hotplug" => {
            matches!(model, PciModel::PciRoot | PciModel::PcieRootPort | PciModel::PcieSwitchDownstreamPort)
        }
        "memReserve" => matches!(model, PciModel::PcieRootPort | PciModel::PciBridge),
        _ => false,
    }
}

/// The rules of `qemuValidateDomainDeviceDefControllerPCI` in libvirt's `src/qemu/qemu_validate.c`.
pub(super) fn check(controller: &Controller, domain: &Domain, faults: &mut Diagnostics) {
    let Some(model) = controller.pci_model() else { return };
    let place = controller.model.origin_or(controller.origin);
    let mut refuse = |origin: Origin, message: String, help: &str| {
        faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, message).help(help));
    };
    let word = model.word();
    if let Some(name) = controller.model_name
        && !model.devices().contains(&name.value)
    {
        refuse(
            name.origin,
            format!("`<model name='{}'/>` does not go with a controller of model `{word}`", name.word()),
            "remove `<model>`",
        );
    }
    for (name, origin) in controller.target.parts() {
        if !fits(model, name) {
            refuse(origin, format!("`{name}` of `<target>` is not for a controller of model `{word}`"), "remove it");
        }
    }
    let family = domain.os.family();
    if let Some(hole) = controller.hole64
        && family != (if model == PciModel::PciRoot { MachineFamily::I440fx } else { MachineFamily::Q35 })
    {
        refuse(hole.origin, "`<pcihole64>` is not for this machine type".to_owned(), "remove `<pcihole64>`");
    }
    match model {
        PciModel::PciExpanderBus if family != MachineFamily::I440fx => {
            refuse(
                place,
                "`pci-expander-bus` needs machine type `pc`".to_owned(),
                "write `model='pcie-expander-bus'` on `q35`",
            );
        }
        PciModel::PcieExpanderBus if !matches!(family, MachineFamily::Q35 | MachineFamily::ArmVirt) => {
            refuse(
                place,
                "`pcie-expander-bus` needs machine type `q35` or `virt`".to_owned(),
                "write `machine='q35'`, or `model='pci-expander-bus'` on `pc`",
            );
        }
        PciModel::PciRoot
        | PciModel::PcieRoot
        | PciModel::PciBridge
        | PciModel::DmiToPciBridge
        | PciModel::PcieToPciBridge
        | PciModel::PcieRootPort
        | PciModel::PcieSwitchUpstreamPort
        | PciModel::PcieSwitchDownstreamPort
        | PciModel::PciExpanderBus
        | PciModel::PcieExpanderBus => {}
    }
    if let Some(bus) = controller.target.bus_nr.filter(|b| !(1..=254).contains(&b.value)) {
        refuse(bus.origin, "`busNr` of an expander bus is 1 to 254".to_owned(), "remove `busNr` to have one assigned");
    }
    let numbers = [("chassisNr", &controller.target.chassis_nr, 1), ("chassis", &controller.target.chassis, 0)];
    for (name, number, first) in numbers.into_iter().chain([("port", &controller.target.port, 0)]) {
        if let Some(number) = number.filter(|n| !(first..=255).contains(&n.value)) {
            refuse(
                number.origin,
                format!("`{name}` of `<target>` is {first} to 255"),
                "remove it to have one assigned",
            );
        }
    }
    let cells = domain.numa().map_or(0, |n| n.cells.len());
    if let Some(node) = controller.target.node.filter(|n| model.is_expander() && n.value as usize >= cells) {
        let message = format!("there is no NUMA cell {}: `<numa>` has {cells}", node.value);
        let span = node.origin.span();
        faults.push(Diagnostic::at(&codes::CONFLICT, span, message).help("add the `<cell>` to `<cpu><numa>`"));
    }
}

impl Controller {
    /// The device that QEMU gets for a PCI controller.
    pub(super) fn pci_driver(&self) -> Option<PciModelName> {
        self.model_name.get()
    }
}
