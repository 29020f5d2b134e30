//! Types and models of controllers.

use crate::ir::words;

words! {
    /// What a controller controls.
    pub enum ControllerType { Ide = "ide", Fdc = "fdc", Scsi = "scsi", Sata = "sata", VirtioSerial = "virtio-serial", Usb = "usb", Pci = "pci", Ccid = "ccid" }
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
        QemuXhci = "qemu-xhci", None = "none",
    }
}

words! {
    /// Models of SCSI controllers.
    pub enum ScsiModel { Auto = "auto", VirtioScsi = "virtio-scsi", Lsilogic = "lsilogic", Lsisas1078 = "lsisas1078", Vmpvscsi = "vmpvscsi" }
}

words! {
    /// QEMU's names for the devices behind PCI controllers.
    pub enum PciModelName {
        PciBridge = "pci-bridge", I82801b11 = "i82801b11-bridge", PciePciBridge = "pcie-pci-bridge", PcieRootPort = "pcie-root-port",
        Ioh3420 = "ioh3420", X3130Upstream = "x3130-upstream", Xio3130Downstream = "xio3130-downstream", Pxb = "pxb", PxbPcie = "pxb-pcie",
    }
}
