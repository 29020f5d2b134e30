//! What QEMU gets for a controller.

use crate::ir::{OptExt, Spanned};
use crate::model::EmitContext;
use crate::model::devices::address::Address;
use crate::model::devices::controller::{Controller, ControllerType, PciModel, PciModelName, ScsiModel, UsbModel};
use crate::model::devices::virtio::VirtioModel;
use crate::qemu::{ArgSection, Opts, Props, QemuOptions};

impl Controller {
    /// `-device`, and `-global` of the root bus.
    pub(super) fn emit(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let family = cx.domain.os.family();
        if let Some(kib) = self.hole64 {
            let host = if self.pci_model() == Some(PciModel::PciRoot) { "i440FX-pcihost" } else { "q35-pcihost" };
            let opts = Opts::new().with(format!("{host}.pci-hole64-size"), format!("{}K", kib.value));
            out.opts(ArgSection::Globals, "global", opts, kib.origin);
        }
        if let (Some(PciModel::PciRoot), Some(hotplug)) = (self.pci_model(), self.target.hotplug) {
            let opts = Opts::new().with("PIIX4_PM.acpi-root-pci-hotplug", hotplug.word());
            out.opts(ArgSection::Globals, "global", opts, hotplug.origin);
        }
        if self.is_built_in(family) {
            return;
        }
        let alias = self.info.alias();
        let section = match self.kind.value {
            ControllerType::Pci => ArgSection::PciControllers,
            ControllerType::Usb => ArgSection::UsbControllers,
            ControllerType::Scsi => ArgSection::ScsiControllers,
            ControllerType::Ide | ControllerType::Fdc | ControllerType::Isa | ControllerType::Xenbus => {
                ArgSection::IdeControllers
            }
            ControllerType::Sata => ArgSection::SataControllers,
            ControllerType::VirtioSerial => ArgSection::VirtioSerialControllers,
            ControllerType::Ccid => ArgSection::CcidControllers,
        };
        let props = match self.kind.value {
            ControllerType::Pci => self.pci_props(),
            ControllerType::Usb => self.usb_props(cx),
            ControllerType::Scsi => {
                let Some(driver) = self.scsi_driver() else { return };
                let virtio = self.scsi_model().is_some_and(ScsiModel::is_virtio);
                let driver = Props::new().with("driver", driver);
                if virtio {
                    driver.and(self.driver.thread_props()).with("id", alias).and(self.driver.scsi_props())
                } else {
                    driver.with("id", alias)
                }
            }
            ControllerType::VirtioSerial => Props::new()
                .with("driver", self.serial_model().unwrap_or(VirtioModel::Virtio).device("virtio-serial-pci"))
                .and(self.driver.virtio.props())
                .with("id", alias)
                .opt("max_ports", self.ports.get())
                .opt("vectors", self.vectors.get()),
            ControllerType::Sata => Props::new().with("driver", "ahci").with("id", alias),
            ControllerType::Ide => Props::new().with("driver", "piix3-ide").with("id", alias),
            ControllerType::Ccid => Props::new().with("driver", "usb-ccid").with("id", alias),
            // The floppy controller comes with its drives.
            ControllerType::Fdc | ControllerType::Isa | ControllerType::Xenbus => return,
        };
        let props = props.and(cx.pci_address(&self.info.address)).and(cx.usb_address(&self.info.address));
        let reg = match &self.info.address {
            Some(Spanned { value: Address::SpaprVio { reg }, .. }) => *reg,
            Some(_) | None => None,
        };
        out.device(section, props.opt("reg", reg), self.origin);
    }

    fn pci_props(&self) -> Props {
        let (before, behind) = self.target.props();
        let driver = self.pci_driver().map_or("", PciModelName::word);
        Props::new().with("driver", driver).and(before).with("id", self.info.alias()).and(behind)
    }

    fn scsi_driver(&self) -> Option<&'static str> {
        Some(match self.scsi_model()? {
            ScsiModel::VirtioScsi => "virtio-scsi-pci",
            ScsiModel::VirtioTransitional => "virtio-scsi-pci-transitional",
            ScsiModel::VirtioNonTransitional => "virtio-scsi-pci-non-transitional",
            ScsiModel::Lsisas1068 => "mptsas1068",
            ScsiModel::Lsisas1078 => "megasas",
            ScsiModel::Vmpvscsi => "pvscsi",
            ScsiModel::Ibmvscsi => "spapr-vscsi",
            ScsiModel::Lsilogic | ScsiModel::Auto => "lsi",
            ScsiModel::Dc390 => "dc390",
            ScsiModel::Am53c974 => "am53c974",
            ScsiModel::Buslogic | ScsiModel::Ncr53c90 => return None,
        })
    }

    fn usb_props(&self, cx: &EmitContext<'_>) -> Props {
        let driver = match self.usb_model() {
            Some(UsbModel::Piix3Uhci) | None => "piix3-usb-uhci",
            Some(UsbModel::Piix4Uhci) => "piix4-usb-uhci",
            Some(UsbModel::Ehci) => "usb-ehci",
            Some(UsbModel::Ich9Ehci1) => "ich9-usb-ehci1",
            Some(UsbModel::Ich9Uhci1) => "ich9-usb-uhci1",
            Some(UsbModel::Ich9Uhci2) => "ich9-usb-uhci2",
            Some(UsbModel::Ich9Uhci3) => "ich9-usb-uhci3",
            Some(UsbModel::VtUhci) => "vt82c686b-usb-uhci",
            Some(UsbModel::PciOhci) => "pci-ohci",
            Some(UsbModel::NecXhci) => "nec-usb-xhci",
            Some(UsbModel::QemuXhci) => "qemu-xhci",
            Some(UsbModel::None | UsbModel::Qusb1 | UsbModel::Qusb2) => "",
        };
        let props = Props::new().with("driver", driver);
        let props = props.opt("p2", self.ports.get()).opt("p3", self.ports.get());
        if let Some(port) = self.master.get() {
            let master = cx.domain.devices.controller(ControllerType::Usb, self.index());
            let bus = master.map_or("usb", |m| m.info.alias());
            return props.with("masterbus", format!("{bus}.0")).with("firstport", port);
        }
        props.with("id", self.info.alias())
    }
}
