//! The PCI function of the host that a guest gets: of `<hostdev type='pci'>`, of `<interface type='hostdev'>`, and of an interface in a network
//! that gives each guest a function from its pool.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{Opt, OptExt, Spanned, YesNo, words};
use crate::model::devices::address::{PciAddress, read_pci};
use crate::model::devices::{BusSlot, Info};
use crate::model::slot::{PCI_DEVICE, PCIE_DEVICE};
use crate::model::{Domain, EmitContext, Facts};
use crate::qemu::{Props, RequirementsOf};
use crate::xml_io::{Fields, XmlWriter};

words! {
    /// The back end of an assigned PCI device; QEMU has `vfio` only.
    pub enum PciBackend { Vfio = "vfio", Kvm = "kvm", Xen = "xen" }
}

/// `<driver>` of an assigned PCI device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PciDriver {
    /// The back end.
    pub name: Opt<PciBackend>,
    /// The kernel module, where it is another than `vfio-pci`.
    pub model: Opt<String>,
}

impl PciDriver {
    /// Reads `<driver>` of the device `f`. Back ends that QEMU does not have are reported.
    pub fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let d = f.child("driver")?;
        let name: Opt<PciBackend> = d.attr("name");
        if let Some(name) = name.filter(|n| n.value != PciBackend::Vfio) {
            let message = format!("QEMU has no back end `{}` for devices of the host", name.word());
            d.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, name.origin, message).help("use `vfio`"));
        }
        let driver = Self { name, model: d.attr("model") };
        (driver.name.is_some() || driver.model.is_some()).then_some(driver)
    }

    /// Writes `<driver>`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("driver").opt("name", &self.name).opt("model", &self.model).end();
    }
}

/// A PCI function of the host that the guest gets through VFIO. Two are equal when they are the same function, got in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFunction {
    /// Its address on the host.
    pub address: Spanned<PciAddress>,
    /// Whether it is taken from the host's driver at the start, and given back at the end.
    pub managed: Opt<YesNo>,
    /// Whether it is conventional PCI, so that it belongs on a conventional bus of the guest; `define` fills it from the host file.
    pub conventional: bool,
    /// What hands it over.
    pub driver: Option<PciDriver>,
}

impl HostFunction {
    /// The function at the address `a` in the `<source>` of a device, of which `managed` and `driver` are read already.
    pub fn lower(a: &Fields<'_, '_>, managed: Opt<YesNo>, driver: Option<PciDriver>) -> Self {
        a.without_effect(&["multifunction"], &["zpci"], "device of the host");
        let address = Spanned::xml(read_pci(a), a.element().span());
        Self { address, managed, conventional: false, driver }
    }

    /// Fills in what the host file says of it.
    pub fn define(&mut self, facts: Facts<'_>) {
        self.conventional = facts.is_conventional(self.address.value);
    }

    /// The slot that it needs in the guest.
    pub fn bus_slot(&self, domain: &Domain) -> BusSlot {
        pci_slot(domain, self.conventional)
    }

    /// `vfio-pci`.
    pub fn props(&self, cx: &EmitContext<'_>, info: &Info, bootindex: Option<u32>) -> Props {
        Props::new()
            .with("driver", "vfio-pci")
            .with("host", self.address.value.to_string())
            .with("id", info.alias())
            .opt("bootindex", info.boot_order.get().or(bootindex))
            .and(cx.pci_address(&info.address))
            .and(info.rom_props())
    }

    /// What the host must do: bind it to `vfio-pci`, and let QEMU at it.
    pub fn host(&self, out: &mut RequirementsOf<'_>) {
        let module = self.driver.as_ref().and_then(|driver| driver.model.as_ref());
        if let Some(module) = module.filter(|module| module.value != "vfio-pci") {
            out.refuse(format!("VFIO driver `{}`", module.value), module.origin);
        }
        out.vfio(self.address.value, self.managed.is(&YesNo::Yes), self.address.origin);
    }
}

/// The slot that a device of the host needs in the guest: one on PCI Express where the guest has it, unless the device is `conventional`.
pub fn pci_slot(domain: &Domain, conventional: bool) -> BusSlot {
    BusSlot::Pci(if domain.has_pcie() && !conventional { PCIE_DEVICE } else { PCI_DEVICE })
}
