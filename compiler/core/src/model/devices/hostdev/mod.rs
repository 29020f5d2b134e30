//! `<hostdev>`: devices of the host in the guest.

mod check;
mod mdev;
mod pci;
mod scsi;
mod scsi_host;
#[cfg(test)]
mod tests;
mod usb;

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, Switch, YesNo, words};
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::chardev::device_or_ignored;
use crate::model::devices::host_function::{HostFunction, pci_slot};
use crate::model::devices::teaming::Teaming;
use crate::model::devices::{Address, AliasStem, BusSlot, Can, Device, DeviceElement, Info, Live, common};
use crate::qemu::{QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::{Tag, XmlWriter};

pub use mdev::{Mdev, MdevModel};
pub use pci::PciFunction;
pub use scsi::{Scsi, ScsiSource};
pub use scsi_host::{ScsiHost, ScsiHostModel};
pub use usb::{GuestReset, UsbDevice};

words! {
    /// How a device of the host reaches the guest.
    pub enum HostdevMode { Subsystem = "subsystem", Capabilities = "capabilities" }
}

words! {
    /// What the device is on the host.
    pub enum HostdevType { Pci = "pci", Usb = "usb", Scsi = "scsi", ScsiHost = "scsi_host", Mdev = "mdev" }
}

/// What the device is on the host, with all that belongs to this type only.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each is what its type says")]
pub enum Subsystem {
    Pci(PciFunction),
    Usb(UsbDevice),
    Scsi(Box<Scsi>),
    ScsiHost(ScsiHost),
    Mdev(Mdev),
}

/// `display` and `ramfb`: the picture of a device that QEMU shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Display {
    /// Whether the guest's graphics show the device's picture.
    pub display: Opt<Switch>,
    /// Whether firmware draws on it before the guest's driver does.
    pub ramfb: Opt<Switch>,
}

/// `<hostdev>`.
#[derive(Debug, Clone)]
pub struct Hostdev {
    /// Always `subsystem` for QEMU.
    pub mode: Opt<HostdevMode>,
    /// `managed` of what is no PCI function: libvirt keeps it, and it has no effect.
    managed: Opt<YesNo>,
    /// The device.
    pub subsystem: Subsystem,
    /// The interface that is one with a PCI device in the guest.
    pub teaming: Option<Teaming>,
    /// What every device has.
    pub info: Info,
    /// Its place in the XML.
    pub origin: Origin,
}

static MODE: DefaultRule =
    DefaultRule { name: "hostdev-mode", text: "a device of the host reaches the guest through its subsystem" };
static MANAGED: DefaultRule = DefaultRule {
    name: "hostdev-managed",
    text: "a device of the host is not taken from its driver unless the definition says `managed='yes'`",
};

impl Display {
    fn lower(f: &Fields<'_, '_>) -> Self {
        Self { display: f.attr("display"), ramfb: f.attr("ramfb") }
    }

    fn write<'w>(&self, tag: Tag<'w>) -> Tag<'w> {
        tag.opt("display", &self.display).opt("ramfb", &self.ramfb)
    }

    /// QEMU's driver: one with a frame buffer cannot be unplugged.
    fn driver(&self) -> &'static str {
        if self.has_ramfb() { "vfio-pci-nohotplug" } else { "vfio-pci" }
    }

    fn has_ramfb(&self) -> bool {
        self.ramfb.is(&Switch::On)
    }

    fn word(&self) -> Option<&'static str> {
        self.display.get().map(Switch::word)
    }
}

impl Hostdev {
    fn read(f: &Fields<'_, '_>) -> Option<Self> {
        let mode: Opt<HostdevMode> = f.attr("mode");
        if let Some(mode) = mode.filter(|m| m.value == HostdevMode::Capabilities) {
            let message = "devices of mode `capabilities` are for containers, QEMU has none";
            let span = mode.origin.span();
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message);
            f.report(fault.help("use `mode='subsystem'`, or a `<disk>`, `<interface>` or character device"));
            return None;
        }
        let kind = f.attr::<HostdevType>("type")?;
        let Some(source) = f.child("source") else {
            let fault =
                Diagnostic::at(&codes::MISSING, f.element().name_span(), "the device names nothing on the host");
            f.report(fault.help("add `<source>` with an address"));
            return None;
        };
        let managed = f.attr("managed");
        let subsystem = match kind.value {
            HostdevType::Pci => PciFunction::lower(f, &source, managed).map(Subsystem::Pci),
            HostdevType::Usb => UsbDevice::lower(&source).map(Subsystem::Usb),
            HostdevType::Scsi => Scsi::lower(f, &source).map(|scsi| Subsystem::Scsi(Box::new(scsi))),
            HostdevType::ScsiHost => ScsiHost::lower(f, &source).map(Subsystem::ScsiHost),
            HostdevType::Mdev => Mdev::lower(f, &source).map(Subsystem::Mdev),
        };
        let Some(subsystem) = subsystem else {
            // The reason is reported.
            let _ = source.ignore_rest();
            return None;
        };
        if kind.value != HostdevType::Scsi {
            f.without_effect(&[], &["readonly", "shareable"], &format!("device of type `{}`", kind.word()));
        }
        let managed = managed.filter(|_| kind.value != HostdevType::Pci);
        Some(Self { mode, managed, subsystem, teaming: Teaming::lower(f), info: Info::lower(f), origin: f.origin() })
    }

    /// The type.
    pub fn kind(&self) -> HostdevType {
        match &self.subsystem {
            Subsystem::Pci(_) => HostdevType::Pci,
            Subsystem::Usb(_) => HostdevType::Usb,
            Subsystem::Scsi(_) => HostdevType::Scsi,
            Subsystem::ScsiHost(_) => HostdevType::ScsiHost,
            Subsystem::Mdev(_) => HostdevType::Mdev,
        }
    }

    /// The PCI function of the host, where it is one.
    pub fn host_function(&self) -> Option<&HostFunction> {
        if let Subsystem::Pci(pci) = &self.subsystem { Some(&pci.function) } else { None }
    }

    /// `managed`, wherever it is kept.
    fn managed(&mut self) -> &mut Opt<YesNo> {
        if let Subsystem::Pci(pci) = &mut self.subsystem { &mut pci.function.managed } else { &mut self.managed }
    }

    /// The SCSI device.
    pub fn scsi(&self) -> Option<&Scsi> {
        if let Subsystem::Scsi(scsi) = &self.subsystem { Some(scsi) } else { None }
    }

    /// The SCSI device, to be given the number of its block node.
    pub fn scsi_mut(&mut self) -> Option<&mut Scsi> {
        if let Subsystem::Scsi(scsi) = &mut self.subsystem { Some(scsi) } else { None }
    }

    fn display(&self) -> Option<&Display> {
        match &self.subsystem {
            Subsystem::Pci(pci) => Some(&pci.display),
            Subsystem::Mdev(mdev) => Some(&mdev.display),
            Subsystem::Usb(_) | Subsystem::Scsi(_) | Subsystem::ScsiHost(_) => None,
        }
    }

    /// Whether the device is taken from the host but not given to the guest.
    fn is_unassigned(&self) -> bool {
        matches!(&self.info.address, Some(Spanned { value: Address::Unassigned, .. }))
    }

    /// Whether both mean one device of the host (`virDomainHostdevMatch` in libvirt's `src/conf/domain_conf.c`).
    fn is_same(&self, other: &Self) -> bool {
        match (&self.subsystem, &other.subsystem) {
            (Subsystem::Pci(own), Subsystem::Pci(other)) => own.function.address == other.function.address,
            (Subsystem::Usb(own), Subsystem::Usb(other)) => own.is_same(other),
            (Subsystem::Scsi(own), Subsystem::Scsi(other)) => own.source.is_same(&other.source),
            (Subsystem::ScsiHost(own), Subsystem::ScsiHost(other)) => own.wwpn == other.wwpn,
            (Subsystem::Mdev(own), Subsystem::Mdev(other)) => own.uuid == other.uuid,
            _ => false,
        }
    }
}

impl DeviceElement for Hostdev {
    const ELEMENT: &'static str = "hostdev";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        device_or_ignored(f, Self::read(f))
    }

    fn matches_description(&self, other: &Self) -> bool {
        self.is_same(other)
    }
}

impl Device for Hostdev {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("hostdev").opt("mode", &self.mode).attr("type", self.kind().word());
        let tag = tag.opt("managed", self.host_function().map_or(&self.managed, |function| &function.managed));
        let tag = match &self.subsystem {
            Subsystem::Pci(pci) => pci.display.write(tag),
            Subsystem::Usb(_) => tag,
            Subsystem::Scsi(scsi) => tag.opt("sgio", &scsi.sgio).opt("rawio", &scsi.rawio),
            Subsystem::ScsiHost(host) => tag.opt("model", &host.model),
            Subsystem::Mdev(mdev) => mdev.display.write(tag.attr("model", mdev.model.word())),
        };
        tag.children(|w| {
            match &self.subsystem {
                Subsystem::Pci(pci) => pci.write(w),
                Subsystem::Usb(usb) => usb.write(w),
                Subsystem::Scsi(scsi) => scsi.write(w),
                Subsystem::ScsiHost(host) => host.write(w),
                Subsystem::Mdev(mdev) => mdev.write(w),
            }
            if let Some(teaming) = &self.teaming {
                teaming.write(w);
            }
            self.info.write(w);
        });
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        self.mode.get_or_insert(Spanned::rule(HostdevMode::Subsystem, &MODE, self.origin));
        let origin = self.origin;
        self.managed().get_or_insert(Spanned::rule(YesNo::No, &MANAGED, origin));
        match &mut self.subsystem {
            Subsystem::Pci(pci) => pci.define(defaults),
            Subsystem::Mdev(mdev) => mdev.define(self.origin),
            Subsystem::Scsi(scsi) => scsi.define(defaults),
            Subsystem::Usb(_) | Subsystem::ScsiHost(_) => {}
        }
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        check::check(self, domain, faults);
    }

    fn bus_slot(&self, domain: &Domain) -> BusSlot {
        match &self.subsystem {
            Subsystem::Pci(_) if self.is_unassigned() => BusSlot::Nothing,
            Subsystem::Pci(pci) => pci.function.bus_slot(domain),
            Subsystem::Usb(_) => BusSlot::Usb,
            Subsystem::ScsiHost(host) => pci_slot(domain, host.model.is(&ScsiHostModel::Transitional)),
            Subsystem::Mdev(mdev) if mdev.model.value == MdevModel::VfioPci => pci_slot(domain, false),
            Subsystem::Scsi(_) | Subsystem::Mdev(_) => BusSlot::Nothing,
        }
    }

    fn takes_mmio(&self) -> bool {
        matches!(self.subsystem, Subsystem::ScsiHost(_))
    }

    fn live(&self) -> Live {
        Live::plug(Can::Yes)
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Next("hostdev")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        match &self.subsystem {
            Subsystem::Pci(_) if self.is_unassigned() => {}
            Subsystem::Pci(pci) => pci.options(cx, &self.info, self.teaming.as_ref(), out),
            Subsystem::Usb(usb) => usb.options(cx, &self.info, out),
            Subsystem::Scsi(scsi) => scsi.options(cx, &self.info, out),
            Subsystem::ScsiHost(host) => host.options(cx, &self.info, out),
            Subsystem::Mdev(mdev) => mdev.options(cx, &self.info, out),
        }
    }

    fn host(&self, cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        match &self.subsystem {
            Subsystem::Pci(pci) => pci.function.host(out),
            Subsystem::Usb(usb) => usb.host(cx, out),
            Subsystem::Scsi(scsi) => scsi.host(cx, out),
            Subsystem::ScsiHost(host) => host.host(&self.info, out),
            Subsystem::Mdev(mdev) => mdev.host(out),
        }
    }
}
