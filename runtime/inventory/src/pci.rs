//! PCI functions, as the kernel shows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::PciAddress;
use crate::ids::{hex16, hex24};

/// The kind of bus that a function speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BusKind {
    /// PCI Express.
    Express,
    /// Conventional PCI.
    Conventional,
}

/// The part that a function plays in single-root I/O virtualisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sriov {
    /// A physical function.
    Pf {
        /// How many VFs it can have (`sriov_totalvfs`), 0 to 65535.
        total_vfs: u32,
        /// How many VFs it has now (`sriov_numvfs`), 0 to `total_vfs`.
        num_vfs: u32,
        /// The VFs that exist, by their index.
        #[serde(default)]
        vfs: BTreeMap<u32, PciAddress>,
    },
    /// A virtual function.
    Vf {
        /// The physical function that it belongs to.
        pf: PciAddress,
        /// Its index at the physical function, from 0; absent when the physical function does not list it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        index: Option<u32>,
    },
}

/// One PCI function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PciFunction {
    /// Vendor id, 0 to 0xffff, as in `pci.ids`.
    #[serde(with = "hex16")]
    pub vendor: u16,
    /// Device id, 0 to 0xffff.
    #[serde(with = "hex16")]
    pub device: u16,
    /// Vendor id of the subsystem; 0 where there is none.
    #[serde(with = "hex16", default)]
    pub subsystem_vendor: u16,
    /// Device id of the subsystem; 0 where there is none.
    #[serde(with = "hex16", default)]
    pub subsystem_device: u16,
    /// Class code of 24 bits: base class, subclass, programming interface.
    #[serde(with = "hex24")]
    pub class: u32,
    /// PCI Express or conventional.
    pub bus: BusKind,
    /// The driver that is bound, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The driver that the kernel must use (`driver_override`), if one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_override: Option<String>,
    /// The number of the IOMMU group, from 0; absent when no IOMMU is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iommu_group: Option<u32>,
    /// The NUMA node, from 0; absent when the kernel knows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numa_node: Option<u32>,
    /// SR-IOV; absent for a function that is neither PF nor VF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sriov: Option<Sriov>,
    /// The ways to reset the function, in the kernel's order: `flr`, `pm`, `bus`, …; absent when the kernel does not say
    /// (before Linux 5.15), empty when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_methods: Option<Vec<String>>,
    /// Whether the firmware used this function for its boot screen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub boot_vga: bool,
    /// The serial number, if one could be read: of an `NVMe` controller, or that of PCI Express (for root).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
}

impl PciFunction {
    /// The base class, the upper eight bits of the class code: 0x02 network, 0x03 display, 0x06 bridge.
    pub fn base_class(&self) -> u8 {
        u8::try_from(self.class >> 16 & 0xff).unwrap_or_default()
    }

    /// Whether this is a bridge to another PCI bus, which cannot be given to a guest and which no IOMMU group waits for.
    pub fn is_bridge(&self) -> bool {
        self.class >> 8 == 0x0604
    }

    /// Whether the bound driver is one through which VFIO hands out the function: `vfio-pci` or a variant of it.
    pub fn is_on_vfio(&self) -> bool {
        self.driver.as_deref().is_some_and(|driver| driver.contains("vfio"))
    }
}

/// A mediated device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mdev {
    /// The name of its type, such as `i915-GVTg_V5_4`.
    pub kind: String,
    /// The PCI function that it is a part of, if its parent is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<PciAddress>,
    /// The number of its IOMMU group, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iommu_group: Option<u32>,
}
