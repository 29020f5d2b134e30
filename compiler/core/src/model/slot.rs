//! The bus slot that a device needs, and what a PCI bus accepts.

use crate::model::devices::controller::PciModel;

/// What a device requires of its slot, and what a bus accepts: a set of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connect(u16);

impl Connect {
    /// A conventional PCI device.
    pub const PCI: Self = Self(1);
    /// A PCI Express device.
    pub const PCIE: Self = Self(1 << 1);
    /// A PCI Express root port.
    pub const ROOT_PORT: Self = Self(1 << 2);
    /// The upstream port of a PCI Express switch.
    pub const UPSTREAM: Self = Self(1 << 3);
    /// A downstream port of a PCI Express switch.
    pub const DOWNSTREAM: Self = Self(1 << 4);
    /// A DMI-to-PCI bridge.
    pub const DMI_BRIDGE: Self = Self(1 << 5);
    /// A PCI-to-PCI bridge.
    pub const PCI_BRIDGE: Self = Self(1 << 6);
    /// A PCI Express to PCI bridge.
    pub const PCIE_TO_PCI: Self = Self(1 << 7);
    /// An expander bus on a conventional root.
    pub const PCI_EXPANDER: Self = Self(1 << 8);
    /// An expander bus on a PCI Express root.
    pub const PCIE_EXPANDER: Self = Self(1 << 9);
    /// The slot must allow hotplug.
    pub const HOTPLUG: Self = Self(1 << 10);
    /// Devices that may share a slot as its functions.
    pub const AGGREGATE: Self = Self(1 << 11);
    /// Part of the chipset: directly on a PCI Express root.
    pub const INTEGRATED: Self = Self(1 << 12);
    const TYPES: Self = Self(((1 << 10) - 1) | (1 << 12));

    /// What a controller of this model requires of its slot; `None` for a root, which is in no slot
    /// (`virDomainPCIControllerModelToConnectType` in libvirt's `src/conf/domain_addr.c`).
    pub const fn of(model: PciModel) -> Option<Self> {
        Some(match model {
            PciModel::PciRoot | PciModel::PcieRoot => return None,
            PciModel::PciBridge => Self::PCI_BRIDGE,
            PciModel::DmiToPciBridge => Self::DMI_BRIDGE,
            PciModel::PcieToPciBridge => Self::PCIE_TO_PCI,
            PciModel::PcieRootPort => Self::ROOT_PORT.and(Self::AGGREGATE),
            PciModel::PcieSwitchUpstreamPort => Self::UPSTREAM,
            PciModel::PcieSwitchDownstreamPort => Self::DOWNSTREAM,
            PciModel::PciExpanderBus => Self::PCI_EXPANDER,
            PciModel::PcieExpanderBus => Self::PCIE_EXPANDER,
        })
    }

    /// The union of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in this set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// This set without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether a type of device is in both sets.
    pub const fn shares_type(self, other: Self) -> bool {
        self.0 & other.0 & Self::TYPES.0 != 0
    }
}

/// A hotpluggable conventional PCI device.
pub const PCI_DEVICE: Connect = Connect::PCI.and(Connect::HOTPLUG);
/// A hotpluggable PCI Express device.
pub const PCIE_DEVICE: Connect = Connect::PCIE.and(Connect::HOTPLUG);

/// The bus slot that a device needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusSlot {
    /// None that is assigned.
    Nothing,
    /// A PCI slot with these requirements.
    Pci(Connect),
    /// A port of a USB bus.
    Usb,
    /// A port of a virtio-serial controller; `true` where port 0 is allowed.
    VirtioSerial(bool),
}
