//! PCI functions of the host.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{Opt, OptExt, Spanned, YesNo, words};
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::address::{Address, PciSlot};
use crate::model::devices::host_source::{HostSource, show_pci};
use crate::model::devices::hostdev::Display;
use crate::model::devices::teaming::Teaming;
use crate::model::devices::{BusSlot, Info};
use crate::model::slot::{PCI_DEVICE, PCIE_DEVICE};
use crate::qemu::{ArgSection, HostRequirements, Props, QemuOptions};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// The back end of an assigned PCI device; QEMU has `vfio` alone.
    pub enum PciBackend { Vfio = "vfio", Kvm = "kvm", Xen = "xen" }
}

/// `<driver>` of an assigned PCI device.
#[derive(Debug, Clone, Default)]
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
            let span = name.origin.span();
            d.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help("use `vfio`"));
        }
        let driver = Self { name, model: d.attr("model") };
        (driver.name.is_some() || driver.model.is_some()).then_some(driver)
    }

    /// Writes `<driver>`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("driver").opt("name", &self.name).opt("model", &self.model).end();
    }
}

/// A PCI function.
#[derive(Debug, Clone)]
pub struct PciFunction {
    /// Its address on the host.
    pub source: Spanned<PciSlot>,
    /// The driver.
    pub driver: Option<PciDriver>,
    /// Whether Xen filters writes; QEMU has nothing of the kind.
    pub write_filtering: Opt<YesNo>,
    /// The picture.
    pub display: Display,
    /// Whether it is conventional PCI; `define` fills it from the host file.
    pub conventional: bool,
}

impl PciFunction {
    pub(super) fn lower(f: &Fields<'_, '_>, source: &Fields<'_, '_>) -> Option<Self> {
        if let Some(policy) = source.attr::<String>("startupPolicy") {
            let message = "only a USB device has a `startupPolicy`";
            let span = policy.origin.span();
            source.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message));
        }
        let a = source.child("address")?;
        a.without_effect(&["multifunction"], &["zpci"], "device of the host");
        Some(Self {
            source: Spanned::xml(Address::pci_slot(&a), a.element().span()),
            driver: PciDriver::lower(f),
            write_filtering: source.attr("writeFiltering"),
            display: Display::lower(f),
            conventional: false,
        })
    }

    pub(super) fn write(&self, w: &mut XmlWriter) {
        if let Some(driver) = &self.driver {
            driver.write(w);
        }
        w.tag("source")
            .opt("writeFiltering", &self.write_filtering)
            .children(|w| HostSource::Pci(self.source.value).write(false, w));
    }

    pub(super) fn define(&mut self, defaults: &mut Defaults<'_>) {
        self.conventional = defaults.facts.is_conventional(self.source.value);
        if let Some(filtering) = self.write_filtering {
            let message = "QEMU filters no writes to the configuration space of a device";
            let span = filtering.origin.span();
            defaults.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message));
        }
    }

    pub(super) fn options(&self, cx: &EmitContext<'_>, info: &Info, teaming: Option<&Teaming>, out: &mut QemuOptions) {
        let mut props = vfio_props(cx, self.source.value, info, None);
        if self.display.has_ramfb() {
            let _ = props.take("driver");
            props = Props::new().with("driver", self.display.driver()).and(props);
        }
        let props = props.opt("failover_pair_id", teaming.and_then(Teaming::failover_pair));
        let props = props.opt("display", self.display.word()).opt("ramfb", self.display.has_ramfb().then_some(true));
        out.device(ArgSection::Hostdevs, props, self.source.origin);
    }

    pub(super) fn host(&self, managed: bool, out: &mut HostRequirements) {
        if let Some(model) = self.driver.as_ref().and_then(|d| d.model.as_ref()).filter(|m| m.value != "vfio-pci") {
            out.refuse(format!("the VFIO variant driver `{}`", model.value), model.origin);
        }
        out.vfio(self.source.value.of_host(), managed, self.source.origin);
    }
}

/// The slot that an assigned PCI function needs.
pub fn needs_pci(domain: &Domain, conventional: bool) -> BusSlot {
    BusSlot::Pci(if domain.has_pcie() && !conventional { PCIE_DEVICE } else { PCI_DEVICE })
}

/// `vfio-pci` for a function of the host.
pub fn vfio_props(cx: &EmitContext<'_>, slot: PciSlot, info: &Info, bootindex: Option<u32>) -> Props {
    Props::new()
        .with("driver", "vfio-pci")
        .with("host", show_pci(slot))
        .with("id", info.alias())
        .opt("bootindex", info.boot_order.get().or(bootindex))
        .and(cx.pci_address(&info.address))
        .and(info.rom_props())
}
