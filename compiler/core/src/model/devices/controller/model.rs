//! Types and models of controllers.

use crate::ir::words;

words! {
    /// What a controller controls.
    pub enum ControllerType {
        Ide = "ide", Fdc = "fdc", Scsi = "scsi", Sata = "sata", VirtioSerial = "virtio-serial", Usb = "usb", Pci = "pci", Ccid = "ccid",
        Isa = "isa", Xenbus = "xenbus",
    }
}

words! {
    /// Models of PCI controllers.
    pub enum PciModel {
        PciRoot = "pci-root", PcieRoot = "pcie-root", PciBridge = "pci-bridge", DmiToPciBridge = "dmi-to-pci-bridge",
        PcieToPciBridge = "pcie-to-pci-bridge", PcieRootPort = "pcie-root-port", PcieSwitchUpstreamPort = "pcie-switch-upstream-port",
        PcieSwitchDownstreamPort = "pcie-switch-downstream-port", PciExpanderBus = "pci-expander-bus", PcieExpanderBus = "pcie-expander-bus",
    }
}

words! {
    /// Models of USB controllers.
    pub enum UsbModel {
        Piix3Uhci = "piix3-uhci", Piix4Uhci = "piix4-uhci", Ehci = "ehci", Ich9Ehci1 = "ich9-ehci1", Ich9Uhci1 = "ich9-uhci1",
        Ich9Uhci2 = "ich9-uhci2", Ich9Uhci3 = "ich9-uhci3", VtUhci = "vt82c686b-uhci", PciOhci = "pci-ohci", NecXhci = "nec-xhci",
        QemuXhci = "qemu-xhci", Qusb1 = "qusb1", Qusb2 = "qusb2", None = "none",
    }
}

words! {
    /// Models of SCSI controllers.
    pub enum ScsiModel {
        Auto = "auto", Buslogic = "buslogic", Lsilogic = "lsilogic", Lsisas1068 = "lsisas1068", Lsisas1078 = "lsisas1078",
        Vmpvscsi = "vmpvscsi", Ibmvscsi = "ibmvscsi", VirtioScsi = "virtio-scsi", VirtioTransitional = "virtio-transitional",
        VirtioNonTransitional = "virtio-non-transitional", Ncr53c90 = "ncr53c90", Dc390 = "dc390", Am53c974 = "am53c974",
    }
}

words! {
    /// Models of IDE controllers; QEMU's machine decides which one there is.
    pub enum IdeModel { Piix3 = "piix3", Piix4 = "piix4", Ich6 = "ich6" }
}

words! {
    /// QEMU's names of the devices for PCI controllers.
    pub enum PciModelName {
        PciBridge = "pci-bridge", I82801b11 = "i82801b11-bridge", PciePciBridge = "pcie-pci-bridge", PcieRootPort = "pcie-root-port",
        Ioh3420 = "ioh3420", X3130Upstream = "x3130-upstream", Xio3130Downstream = "xio3130-downstream", Pxb = "pxb", PxbPcie = "pxb-pcie",
        SpaprPciHostBridge = "spapr-pci-host-bridge",
    }
}

impl PciModel {
    /// Whether the machine brings it.
    pub fn is_root(self) -> bool {
        matches!(self, Self::PciRoot | Self::PcieRoot)
    }

    /// Whether it is a second root, with bus numbers and a NUMA node of its own.
    pub fn is_expander(self) -> bool {
        matches!(self, Self::PciExpanderBus | Self::PcieExpanderBus)
    }

    /// QEMU's devices for it, the usual one first.
    pub fn devices(self) -> &'static [PciModelName] {
        match self {
            Self::PciRoot | Self::PcieRoot => &[],
            Self::PciBridge => &[PciModelName::PciBridge],
            Self::DmiToPciBridge => &[PciModelName::I82801b11],
            Self::PcieToPciBridge => &[PciModelName::PciePciBridge],
            Self::PcieRootPort => &[PciModelName::PcieRootPort, PciModelName::Ioh3420],
            Self::PcieSwitchUpstreamPort => &[PciModelName::X3130Upstream],
            Self::PcieSwitchDownstreamPort => &[PciModelName::Xio3130Downstream],
            Self::PciExpanderBus => &[PciModelName::Pxb],
            Self::PcieExpanderBus => &[PciModelName::PxbPcie],
        }
    }
}

impl ScsiModel {
    /// Whether it is a virtio device.
    pub fn is_virtio(self) -> bool {
        matches!(self, Self::VirtioScsi | Self::VirtioTransitional | Self::VirtioNonTransitional)
    }

    /// Whether its devices have a number on the bus only, and neither channel nor LUN.
    pub fn is_narrow(self) -> bool {
        matches!(self, Self::Lsilogic | Self::Ncr53c90 | Self::Dc390 | Self::Am53c974)
    }
}
