//! `<hostdev>`.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::define::Defaults;
use crate::define::pci::{PCI_DEVICE, PCIE_DEVICE};
use crate::devices::host_source::{HostBus, HostSource, show_pci};
use crate::devices::teaming::Teaming;
use crate::devices::{Device, Info, Needs};
use crate::domain::Domain;
use crate::emit::{Cx, HostNeeds, Items, Props, Section};
use crate::ir::{Opt, OptExt, Origin, Rule, Spanned, YesNo, words};
use crate::lower::Fields;
use crate::write::XmlWriter;

words! {
    /// How a device of the host reaches the guest.
    pub enum HostdevMode { Subsystem = "subsystem" }
}

words! {
    /// The back end of an assigned PCI device.
    pub enum PciBackend { Vfio = "vfio" }
}

words! {
    /// When a guest's reset resets a USB device.
    pub enum GuestReset { Off = "off", Uninitialized = "uninitialized", On = "on" }
}

/// `<driver>` of an assigned PCI device.
#[derive(Debug, Clone, Default)]
pub struct PciDriver {
    /// The back end.
    pub name: Opt<PciBackend>,
    /// The kernel module, where it is another than `vfio-pci`.
    pub model: Opt<String>,
}

/// `<hostdev>`.
#[derive(Debug, Clone)]
pub struct Hostdev {
    /// Always `subsystem` for QEMU.
    pub mode: Opt<HostdevMode>,
    /// The bus of the host's device.
    pub bus: Opt<HostBus>,
    /// Whether the host's driver is detached and attached for the guest.
    pub managed: Opt<YesNo>,
    /// The device.
    pub source: Opt<HostSource>,
    /// When a reset by the guest resets a USB device.
    pub guest_reset: Opt<GuestReset>,
    /// The driver.
    pub driver: Option<PciDriver>,
    /// The interface that is one with a PCI device in the guest.
    pub teaming: Option<Teaming>,
    /// What every device has.
    pub info: Info,
    /// Where it stands.
    pub origin: Origin,
    /// Whether the host's function is conventional PCI; `define` fills it from the host file.
    pub conventional: bool,
}

static MANAGED: Rule = Rule {
    name: "hostdev-managed",
    text: "a device of the host is not taken from its driver unless the definition says `managed='yes'`",
};

impl PciDriver {
    /// Reads `<driver>` of the device `f`.
    pub fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let d = f.child("driver")?;
        Some(Self { name: d.attr("name"), model: d.attr("model") })
    }

    /// Writes `<driver>`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("driver").opt("name", &self.name).opt("model", &self.model).end();
    }
}

impl Device for Hostdev {
    const ELEMENT: &'static str = "hostdev";

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let mode = f.attr("mode");
        let bus: Opt<HostBus> = f.attr("type");
        let source = f.child("source");
        Some(Self {
            mode,
            managed: f.attr("managed"),
            source: source.as_ref().and_then(|s| HostSource::lower(s, bus.get())),
            guest_reset: source.and_then(|s| s.attr("guestReset")),
            bus,
            driver: PciDriver::lower(f),
            teaming: Teaming::lower(f),
            info: Info::lower(f),
            origin: f.origin(),
            conventional: false,
        })
    }

    fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("hostdev").opt("mode", &self.mode).opt("type", &self.bus).opt("managed", &self.managed);
        tag.children(|w| {
            if let Some(driver) = &self.driver {
                driver.write(w);
            }
            w.tag("source").opt("guestReset", &self.guest_reset).children(|w| {
                if let Some(source) = &self.source {
                    source.value.write(false, w);
                }
            });
            if let Some(teaming) = &self.teaming {
                teaming.write(w);
            }
            self.info.write(w);
        });
    }

    fn origin(&self) -> Origin {
        self.origin
    }

    fn is_meant_by(&self, other: &Self) -> bool {
        other.source.is_some_and(|s| self.source.is(&s.value))
    }

    fn info(&self) -> &Info {
        &self.info
    }

    fn info_mut(&mut self) -> &mut Info {
        &mut self.info
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        self.managed.get_or_insert(Spanned::rule(YesNo::No, &MANAGED));
        let span = self.origin.span().unwrap_or_default();
        let Some(source) = self.source else {
            return defaults.report(
                Diagnostic::new(&codes::MISSING, span, "the device names nothing on the host")
                    .help("add `<source>` with an address"),
            );
        };
        if let HostSource::Pci(slot) = source.value {
            self.conventional = defaults.facts.is_conventional(slot);
        }
        if let Some(model) = self.driver.as_ref().and_then(|d| d.model.as_ref())
            && !self.bus.is(&HostBus::Pci)
        {
            let span = model.origin.span().unwrap_or(span);
            defaults.report(Diagnostic::new(&codes::UNSUPPORTED_CONFIGURATION, span, "only a PCI device has a driver"));
        }
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        let Some(teaming) = &self.teaming else { return };
        teaming.check(domain, faults);
        let message = if teaming.is_persistent() {
            "a device of the host is the one of a pair that goes"
        } else if self.bus.is(&HostBus::Pci) {
            return;
        } else {
            "only a PCI device of the host can be one of a pair"
        };
        let span = teaming.origin.span().unwrap_or_default();
        faults.push(Diagnostic::new(&codes::UNSUPPORTED_CONFIGURATION, span, message));
    }

    fn needs(&self, domain: &Domain) -> Needs {
        match self.bus.get() {
            Some(HostBus::Usb) => Needs::Usb,
            Some(HostBus::Pci) if self.is_unassigned() => Needs::Nothing,
            Some(HostBus::Pci) => needs_pci(domain, self.conventional),
            None => Needs::Nothing,
        }
    }

    fn default_alias(&self, index: usize, domain: &Domain) -> String {
        // Interfaces that are devices of the host come first in the list of these.
        let before = domain.devices.interfaces.iter().filter(|i| i.is_hostdev()).count();
        format!("hostdev{}", before + index)
    }

    fn items(&self, cx: &Cx<'_>, out: &mut Items) {
        let (Some(source), false) = (&self.source, self.is_unassigned()) else { return };
        match source.value {
            HostSource::Pci(slot) => {
                let pair = self.teaming.as_ref().and_then(Teaming::failover_pair);
                let props = vfio_props(cx, slot, &self.info, None).opt("failover_pair_id", pair);
                out.device(Section::Hostdevs, props, source.origin);
            }
            HostSource::UsbAddress { bus, device } => self.usb(cx, bus, device, source.origin, out),
            HostSource::UsbId { vendor, product } => {
                if let Some((bus, device)) = cx.facts.usb_by_id(vendor, product) {
                    self.usb(cx, bus, device, source.origin, out);
                } else {
                    let message = format!("which USB device is {vendor:04x}:{product:04x} is known on the host alone");
                    let help = "give a host file with `--host`, in which one device has these ids, or name it by bus and device";
                    let span = source.origin.span().unwrap_or_default();
                    cx.report(Diagnostic::new(&codes::HOST_FACT_NEEDED, span, message).help(help));
                }
            }
        }
    }

    fn host(&self, cx: &Cx<'_>, out: &mut HostNeeds) {
        let Some(source) = &self.source else { return };
        match source.value {
            HostSource::Pci(slot) => out.vfio(slot, self.managed.is(&YesNo::Yes), source.origin),
            HostSource::UsbAddress { bus, device } => out.usb(bus, device, source.origin),
            HostSource::UsbId { vendor, product } => {
                if let Some((bus, device)) = cx.facts.usb_by_id(vendor, product) {
                    out.usb(bus, device, source.origin);
                }
            }
        }
    }
}

impl Hostdev {
    /// Whether the device is taken from the host but not given to the guest.
    fn is_unassigned(&self) -> bool {
        matches!(&self.info.address, Some(Spanned { value: crate::devices::Address::Unassigned, .. }))
    }

    fn usb(&self, cx: &Cx<'_>, bus: u32, device: u32, origin: Origin, out: &mut Items) {
        let reset = match self.guest_reset.get() {
            None => Props::new(),
            Some(GuestReset::Off) => Props::new().with("guest-reset", false),
            Some(GuestReset::Uninitialized) => Props::new().with("guest-reset", true).with("guest-resets-all", false),
            Some(GuestReset::On) => Props::new().with("guest-reset", true).with("guest-resets-all", true),
        };
        let props = Props::new()
            .with("driver", "usb-host")
            .with("hostdevice", format!("/dev/bus/usb/{bus:03}/{device:03}"))
            .with("id", self.info.alias())
            .opt("bootindex", self.info.boot_order.get())
            .and(reset)
            .and(cx.usb_address(&self.info.address));
        out.device(Section::Hostdevs, props, origin);
    }
}

/// The slot that an assigned PCI function needs.
pub fn needs_pci(domain: &Domain, conventional: bool) -> Needs {
    Needs::Pci(if domain.has_pcie() && !conventional { PCIE_DEVICE } else { PCI_DEVICE })
}

/// `vfio-pci` for a function of the host.
pub fn vfio_props(cx: &Cx<'_>, slot: crate::devices::PciSlot, info: &Info, bootindex: Option<u32>) -> Props {
    Props::new()
        .with("driver", "vfio-pci")
        .with("host", show_pci(slot))
        .with("id", info.alias())
        .opt("bootindex", info.boot_order.get().or(bootindex))
        .and(cx.pci_address(&info.address))
        .and(info.rom_props())
}
