//! What QEMU gets for a controller.

use crate::devices::controller::{Controller, ControllerType, PciModel, ScsiModel, UsbModel};
use crate::emit::{Cx, Items, Opts, Props, Section};
use crate::ir::{OptExt, Switch};

impl Controller {
    /// `-device`, and `-global` of the root bus.
    pub(super) fn emit(&self, cx: &Cx<'_>, out: &mut Items) {
        let family = cx.domain.os.family();
        if let (Some(PciModel::PciRoot), Some(hotplug)) = (self.pci_model(), self.hotplug) {
            let opts = Opts::new().with("PIIX4_PM.acpi-root-pci-hotplug", hotplug.word());
            out.opts(Section::Globals, "global", opts, hotplug.origin);
        }
        if self.is_built_in(family) {
            return;
        }
        let alias = self.info.alias();
        let section = match self.kind.value {
            ControllerType::Pci => Section::PciControllers,
            ControllerType::Usb => Section::UsbControllers,
            ControllerType::Scsi => Section::ScsiControllers,
            ControllerType::Ide | ControllerType::Fdc => Section::IdeControllers,
            ControllerType::Sata => Section::SataControllers,
            ControllerType::VirtioSerial => Section::VirtioSerialControllers,
            ControllerType::Ccid => Section::CcidControllers,
        };
        let props = match self.kind.value {
            ControllerType::Pci => self.pci_props(),
            ControllerType::Usb => self.usb_props(cx),
            ControllerType::Scsi => {
                let driver = match self.scsi_model() {
                    Some(ScsiModel::VirtioScsi) => "virtio-scsi-pci",
                    Some(ScsiModel::Lsisas1078) => "megasas",
                    Some(ScsiModel::Vmpvscsi) => "pvscsi",
                    Some(ScsiModel::Lsilogic | ScsiModel::Auto) | None => "lsi",
                };
                Props::new()
                    .with("driver", driver)
                    .and(self.threads.props())
                    .opt("num_queues", self.queues.get())
                    .with("id", alias)
            }
            ControllerType::VirtioSerial => Props::new()
                .with("driver", "virtio-serial-pci")
                .with("id", alias)
                .opt("max_ports", self.ports.get())
                .opt("vectors", self.vectors.get()),
            ControllerType::Sata => Props::new().with("driver", "ahci").with("id", alias),
            ControllerType::Ide => Props::new().with("driver", "piix3-ide").with("id", alias),
            ControllerType::Ccid => Props::new().with("driver", "usb-ccid").with("id", alias),
            // The floppy controller comes with its drives.
            ControllerType::Fdc => return,
        };
        out.device(
            section,
            props.and(cx.pci_address(&self.info.address)).and(cx.usb_address(&self.info.address)),
            self.origin,
        );
    }

    fn pci_props(&self) -> Props {
        let props = Props::new().with("driver", self.model_name.as_ref().map_or("", |n| n.word()));
        props
            .opt("chassis_nr", self.chassis_nr.get())
            .opt("port", self.port.get())
            .opt("chassis", self.chassis.get())
            .with("id", self.info.alias())
            .opt("hotplug", self.hotplug.get().map(Switch::is_on))
    }

    fn usb_props(&self, cx: &Cx<'_>) -> Props {
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
            Some(UsbModel::None) => "",
        };
        let props = Props::new().with("driver", driver);
        let props = props.opt("p2", self.ports.get()).opt("p3", self.ports.get());
        if let Some(port) = self.master.get() {
            let master = cx
                .domain
                .devices
                .controllers
                .iter()
                .find(|c| c.kind() == ControllerType::Usb && c.index() == self.index() && c.master.is_none());
            let bus = master.map_or("usb", |m| m.info.alias());
            return props.with("masterbus", format!("{bus}.0")).with("firstport", port);
        }
        props.with("id", self.info.alias())
    }
}
