//! `<disk>`.

mod blockdev;
mod check;
mod driver;
mod frontend;
mod guest;
mod sd;
mod source;
mod target;
mod throttle;

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, words};
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::address::Address;
use crate::model::devices::controller::{ControllerType, ScsiModel};
use crate::model::devices::virtio::VirtioModel;
use crate::model::devices::{AliasStem, BusSlot, Can, Change, Device, DeviceElement, Info, Leaves, Live, common};
use crate::model::elements::os::MachineFamily;
use crate::model::slot::{PCI_DEVICE, PCIE_DEVICE};
use crate::model::storage::ImageFormat;
use crate::qemu::{QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

pub use driver::{Cache, Discard, DiskDriver};
pub use frontend::floppy_options;
pub use source::{DiskStorage, Sgio, Snapshot, Transient};
pub use target::{default_bus, drive_address, name_index};
pub use throttle::Throttling;
pub(crate) use throttle::check_groups;

words! {
    /// What the guest sees.
    pub enum DiskDevice { Disk = "disk", Cdrom = "cdrom", Floppy = "floppy", Lun = "lun" }
}

words! {
    /// The bus that the guest sees the disk on.
    pub enum DiskBus { Ide = "ide", Fdc = "fdc", Scsi = "scsi", Virtio = "virtio", Usb = "usb", Sata = "sata", Sd = "sd" }
}

/// `<geometry>`: cylinders, heads, sectors, translation.
#[derive(Debug, Clone)]
pub struct Geometry {
    numbers: [Opt<u32>; 3],
    translation: Opt<String>,
}

impl Geometry {
    /// Whether it says all three numbers; libvirt keeps no other.
    fn is_whole(&self) -> bool {
        self.numbers.iter().all(Option::is_some)
    }
}

/// `<disk>`.
#[derive(Debug, Clone)]
pub struct Disk {
    /// What the guest sees.
    pub device: Opt<DiskDevice>,
    /// Which versions of virtio a virtio disk speaks.
    pub model: Opt<VirtioModel>,
    /// Where the data lives.
    pub storage: DiskStorage,
    /// Format, caching, error policies.
    pub driver: DiskDriver,
    /// The name of the disk, such as `vda`.
    pub target: Opt<String>,
    /// The bus.
    pub bus: Opt<DiskBus>,
    /// `open` or `closed`, for removable media.
    pub tray: Opt<String>,
    /// Whether a USB disk is removable.
    pub removable: Opt<crate::ir::Switch>,
    /// Rotation rate: 1 for a solid-state disk.
    pub rotation_rate: Opt<u32>,
    /// `<readonly/>`.
    pub readonly: Option<Origin>,
    /// `<shareable/>`.
    pub shareable: Option<Origin>,
    /// The serial number that the guest sees.
    pub serial: Opt<String>,
    /// The world wide name that the guest sees.
    pub wwn: Opt<String>,
    /// Vendor that a SCSI disk reports.
    pub vendor: Opt<String>,
    /// Product that a SCSI disk reports.
    pub product: Opt<String>,
    /// The geometry.
    pub geometry: Option<Geometry>,
    /// `<blockio>`: logical and physical block size, granularity of discards, in bytes.
    pub blockio: Option<[Opt<u32>; 3]>,
    /// Limits of its I/O.
    pub throttling: Throttling,
    /// The Xen domain that serves the disk; it means nothing to QEMU.
    pub backend_domain: Opt<String>,
    /// What every device has.
    pub info: Info,
    /// Its place in the XML.
    pub origin: Origin,
    /// The number of its block nodes; `prepare` counts from the last disk.
    pub node: u32,
    /// The place in the boot order that follows from `<os>`; `prepare` fills it.
    pub bootindex: Option<u32>,
}

static DEVICE: DefaultRule =
    DefaultRule { name: "disk-device", text: "a disk is a disk unless it says that it is a cdrom or a floppy" };
static READONLY: DefaultRule = DefaultRule { name: "cdrom-readonly", text: "a cdrom cannot be written" };
static BUS: DefaultRule = DefaultRule {
    name: "disk-bus",
    text: "without a bus the name of the target tells it: `vda` is virtio, `sda` SCSI, `hda` IDE",
};
static DRIVE: DefaultRule = DefaultRule {
    name: "drive-address",
    text: "the address of a drive on its controller follows from the name of its target",
};

impl Disk {
    /// The type of controller that the bus needs.
    pub fn controller_type(&self) -> Option<ControllerType> {
        match self.bus.get()? {
            DiskBus::Ide => Some(ControllerType::Ide),
            DiskBus::Fdc => Some(ControllerType::Fdc),
            DiskBus::Scsi => Some(ControllerType::Scsi),
            DiskBus::Sata => Some(ControllerType::Sata),
            DiskBus::Virtio | DiskBus::Usb | DiskBus::Sd => None,
        }
    }

    /// What the guest sees.
    pub fn device(&self) -> DiskDevice {
        self.device.get().unwrap_or(DiskDevice::Disk)
    }

    /// The number that the name of the target means.
    pub fn target_index(&self) -> u32 {
        self.target.as_ref().and_then(|t| name_index(&t.value)).unwrap_or(0)
    }

    /// The first number after those of its block nodes: images, then throttle filters.
    pub fn end_node(&self) -> u32 {
        self.node.saturating_add(self.storage.images()).saturating_add(self.throttling.nodes())
    }

    /// QEMU's name of the drive in commands (`qemuAssignDeviceDiskAlias` in libvirt's `src/qemu/qemu_alias.c`).
    pub fn drive_id(&self) -> String {
        let alias = self.info.alias();
        match self.bus.get() {
            Some(DiskBus::Usb) => format!("/machine/peripheral/{alias}/{alias}.0/legacy[0]"),
            Some(DiskBus::Virtio) => format!("/machine/peripheral/{alias}/virtio-backend"),
            Some(DiskBus::Ide | DiskBus::Fdc | DiskBus::Scsi | DiskBus::Sata | DiskBus::Sd) | None => alias.to_owned(),
        }
    }

    /// Whether several guests may write to it.
    pub fn is_shared(&self) -> bool {
        self.shareable.is_some() && self.readonly.is_none()
    }

    /// The boot index that QEMU gets.
    pub fn bootindex(&self) -> Option<u32> {
        self.info.boot_order.get().or(self.bootindex)
    }
}

fn above_zero(number: Opt<u32>) -> Opt<u32> {
    number.filter(|n| n.value > 0)
}

impl DeviceElement for Disk {
    const ELEMENT: &'static str = "disk";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let target = f.child("target");
        let blockio = f.child("blockio");
        let geometry = f.child("geometry").map(|g| Geometry {
            numbers: ["cyls", "heads", "secs"].map(|name| above_zero(g.attr(name))),
            translation: g.attr("trans"),
        });
        Some(Self {
            storage: DiskStorage::lower(f),
            device: f.attr("device"),
            model: f.attr("model"),
            driver: DiskDriver::lower(f),
            bus: target.as_ref().and_then(|t| t.attr("bus")),
            tray: target.as_ref().and_then(|t| t.attr("tray")),
            removable: target.as_ref().and_then(|t| t.attr("removable")),
            rotation_rate: target.as_ref().and_then(|t| t.attr("rotation_rate")),
            target: target.and_then(|t| t.attr("dev")),
            readonly: f.child("readonly").map(|r| r.origin()),
            shareable: f.child("shareable").map(|r| r.origin()),
            serial: f.child("serial").map(|s| s.raw_text()),
            wwn: f.child_text("wwn"),
            vendor: f.child_text("vendor"),
            product: f.child_text("product"),
            geometry,
            blockio: blockio
                .map(|b| {
                    ["logical_block_size", "physical_block_size", "discard_granularity"].map(|n| above_zero(b.attr(n)))
                })
                .filter(|sizes| sizes.iter().any(Option::is_some)),
            throttling: Throttling::lower(f),
            backend_domain: f.child_attr("backenddomain", "name"),
            info: Info::lower(f),
            origin: f.origin(),
            node: 0,
            bootindex: None,
        })
    }

    fn matches_description(&self, other: &Self) -> bool {
        other.target.as_ref().is_some_and(|t| self.target.is(&t.value))
    }

    fn carry_over(&mut self, running: &Self) {
        self.node = running.node;
        self.bootindex = running.bootindex;
        self.bus = self.bus.or(running.bus);
    }
}

impl Device for Disk {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        let tag = self.storage.write_attributes(
            w.tag("disk").opt("type", &self.storage.kind).opt("device", &self.device).opt("model", &self.model),
            self.readonly.is_some(),
        );
        tag.children(|w| {
            self.driver.write(w);
            self.storage.write(w);
            if self.backend_domain.is_some() {
                w.tag("backenddomain").opt("name", &self.backend_domain).end();
            }
            if let Some(g) = self.geometry.as_ref().filter(|g| g.is_whole()) {
                let [cyls, heads, secs] = &g.numbers;
                w.tag("geometry")
                    .opt("cyls", cyls)
                    .opt("heads", heads)
                    .opt("secs", secs)
                    .opt("trans", &g.translation)
                    .end();
            }
            if let Some([logical, physical, discard]) = &self.blockio {
                let tag = w.tag("blockio").opt("logical_block_size", logical);
                tag.opt("physical_block_size", physical).opt("discard_granularity", discard).end();
            }
            let tag = w.tag("target").opt("dev", &self.target).opt("bus", &self.bus);
            let tray = self.tray.clone().filter(|t| t.value != "closed");
            let removable = self.removable.filter(|_| self.bus.is(&DiskBus::Usb));
            tag.opt("tray", &tray).opt("removable", &removable).opt("rotation_rate", &self.rotation_rate).end();
            self.throttling.write(w);
            for (name, there) in [("readonly", self.readonly), ("shareable", self.shareable)] {
                if there.is_some() {
                    w.tag(name).end();
                }
            }
            self.storage.write_transient(w);
            w.opt_text("serial", &self.serial);
            w.opt_text("wwn", &self.wwn);
            w.opt_text("vendor", &self.vendor);
            w.opt_text("product", &self.product);
            self.storage.write_encryption(w);
            self.info.write(w);
        });
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        let span = self.origin.span();
        self.device.get_or_insert(Spanned::rule(DiskDevice::Disk, &DEVICE, self.origin));
        self.storage.define(self.origin);
        self.driver.define(self.origin, self.storage.kind.get());
        let device = self.device();
        if device == DiskDevice::Cdrom && self.readonly.is_none() {
            self.readonly = Some(Origin::Rule(&READONLY, self.origin.span()));
        }
        let Some(target) = &self.target else {
            return defaults.report(
                Diagnostic::at(&codes::MISSING, span, "the disk has no target")
                    .help("add `<target dev='vda' bus='virtio'/>`"),
            );
        };
        if self.bus.is_none() {
            self.bus = default_bus(&target.value, device).map(|b| Spanned::rule(b, &BUS, self.origin));
        }
        let place = target.origin.span();
        let prefixes: &[&str] = match device {
            DiskDevice::Disk | DiskDevice::Lun => &["hd", "sd", "vd", "xvd", "ubd"],
            DiskDevice::Floppy => &["fd"],
            DiskDevice::Cdrom => &[""],
        };
        let fits = prefixes.iter().any(|prefix| target.value.starts_with(prefix));
        let partition = target.value.trim_start_matches(|c: char| !c.is_ascii_digit());
        let whole = partition.chars().all(|c| c == '0');
        let Some(index) = name_index(&target.value).filter(|_| fits && whole) else {
            let message = format!("`{}` is no target name of a `{}`", target.value, device.word());
            return defaults.report(Diagnostic::at(&codes::BAD_VALUE, place, message).help(
                "names are `vda`, `sdb`, `hdc`, of a floppy `fda`, and so on, without the number of a partition",
            ));
        };
        let bus_span = self.bus.as_ref().map_or(place, |b| b.origin.span());
        match (self.bus.get(), device) {
            (Some(DiskBus::Virtio), DiskDevice::Cdrom | DiskDevice::Floppy) => {
                let message = format!("a virtio disk cannot be a `{}`: its medium cannot be changed", device.word());
                defaults.report(
                    Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, bus_span, message).help("use `bus='sata'`"),
                );
            }
            (Some(DiskBus::Fdc), DiskDevice::Disk | DiskDevice::Cdrom) => {
                let message = format!("`device='{}'` cannot be on the bus `fdc`", device.word());
                let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, bus_span, message);
                defaults.report(fault.help("write `device='floppy'`, or another bus such as `bus='sata'`"));
            }
            (Some(DiskBus::Fdc), _) if defaults.arch.is_arm() => {
                let message = "Arm machines have no floppy controller";
                let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, bus_span, message);
                defaults.report(fault.help("use `device='cdrom'` with `bus='scsi'` or `bus='usb'`"));
            }
            (Some(DiskBus::Ide), _) if defaults.family == MachineFamily::Q35 || defaults.arch.is_arm() => {
                let q35 = defaults.family == MachineFamily::Q35;
                let machine = if q35 { "the machine type `q35`" } else { "a machine of Arm" };
                let message = format!("{machine} has no IDE controller");
                defaults.report(
                    Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, bus_span, message)
                        .help("use `bus='sata'` or `bus='virtio'`"),
                );
            }
            _ => {}
        }
        source::define_faults(self, defaults);
        if self.info.address.is_none() {
            self.info.address =
                self.bus.get().and_then(|bus| drive_address(bus, index)).map(|a| Spanned::rule(a, &DRIVE, self.origin));
        }
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        check::check(self, domain, faults);
        guest::check(self, domain, faults);
        throttle::check(self, domain, faults);
        let encrypted = self.storage.place().is_some_and(|s| s.encryption.is_some());
        let raw = self.driver.format.is_none_or(|f| f.value == ImageFormat::Raw) && !encrypted;
        if let (Some(origin), false) = (self.shareable.filter(|_| self.readonly.is_none()), raw) {
            let message =
                "`<shareable/>` needs the format `raw`, without encryption: other images have one writer at a time";
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, message);
            faults.push(fault.help("remove `<shareable/>`, or write `<driver type='raw'/>` for a raw image"));
        }
    }

    fn bus_slot(&self, domain: &Domain) -> BusSlot {
        match self.bus.get() {
            Some(DiskBus::Virtio) if domain.has_pcie() && !self.model.is(&VirtioModel::Transitional) => {
                BusSlot::Pci(PCIE_DEVICE)
            }
            Some(DiskBus::Virtio) => BusSlot::Pci(PCI_DEVICE),
            Some(DiskBus::Usb) => BusSlot::Usb,
            Some(DiskBus::Ide | DiskBus::Fdc | DiskBus::Scsi | DiskBus::Sata | DiskBus::Sd) | None => BusSlot::Nothing,
        }
    }

    fn takes_mmio(&self) -> bool {
        self.bus.is(&DiskBus::Virtio)
    }

    fn live(&self) -> Live {
        let is_drive = self.device() != DiskDevice::Disk;
        let plug = match self.bus.get() {
            None | Some(DiskBus::Virtio | DiskBus::Scsi | DiskBus::Usb) => Can::Yes,
            Some(bus @ (DiskBus::Ide | DiskBus::Fdc | DiskBus::Sata | DiskBus::Sd)) => {
                let what = if is_drive { self.device().word() } else { "disk" };
                Can::Not(format!("a {what} on the bus `{}`", bus.word()))
            }
        };
        let free: &[_] =
            if is_drive { &["@type", "source", "driver/@name", "driver/@type"] } else { &["source/@startupPolicy"] };
        let of_running = &["target/@tray", "source/@index", "backingStore", "mirror"];
        Live::plug(plug).and_update(Leaves {
            change: Change::Medium,
            free,
            of_running,
            ignored: &["source/@index"],
            keeps: false,
        })
    }

    fn alias_stem(&self, domain: &Domain) -> AliasStem {
        let bus = self.bus.get().map_or("disk", DiskBus::word);
        AliasStem::Whole(match &self.info.address {
            Some(Spanned { value: Address::Drive { controller, bus: number, target, unit }, .. }) => {
                if self.bus.is(&DiskBus::Scsi) && self.scsi_model(domain) != Some(ScsiModel::Lsilogic) {
                    format!("scsi{controller}-{number}-{target}-{unit}")
                } else {
                    format!("{bus}{controller}-{number}-{unit}")
                }
            }
            Some(_) | None => format!("{bus}-disk{}", self.target_index()),
        })
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        if self.bus.is(&DiskBus::Sd) {
            return sd::options(self, cx, out);
        }
        if self.storage.is_shared_transient() {
            // It is plugged in when the machine is complete, before the guest runs.
            return;
        }
        blockdev::options(self, cx, out);
        frontend::options(self, cx, out);
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        throttle::host(self, out);
        self.storage.host(self.readonly.is_some(), out);
    }
}

impl Disk {
    /// The model of the SCSI controller that the disk is on.
    pub(crate) fn scsi_model(&self, domain: &Domain) -> Option<ScsiModel> {
        let Some(Spanned { value: Address::Drive { controller, .. }, .. }) = &self.info.address else { return None };
        domain.devices.controller(ControllerType::Scsi, *controller)?.scsi_model()
    }

    /// Whether the SCSI controller tells neither channels nor LUNs apart.
    pub(crate) fn is_narrow(&self, domain: &Domain) -> bool {
        self.scsi_model(domain).is_some_and(ScsiModel::is_narrow)
    }
}
