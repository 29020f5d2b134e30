//! The hardware part of the host file, and the questions it answers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    Cpu, CpuModel, Iommu, Kvm, Limits, Mdev, Memory, NetDevice, NetParent, NumaNode, PciAddress, PciFunction, Smbios,
    Sriov, UsbDevice,
};

/// What a host is made of. A part that could not be read is empty or absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hardware {
    /// PCI functions by address.
    #[serde(default)]
    pub pci: BTreeMap<PciAddress, PciFunction>,
    /// USB devices by port path, such as `1-2.3`.
    #[serde(default)]
    pub usb: BTreeMap<String, UsbDevice>,
    /// Mediated devices by UUID.
    #[serde(default)]
    pub mdevs: BTreeMap<String, Mdev>,
    /// Network devices by name.
    #[serde(default)]
    pub net: BTreeMap<String, NetDevice>,
    /// Logical CPUs by number.
    #[serde(default)]
    pub cpus: BTreeMap<u32, Cpu>,
    /// The model of the processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_model: Option<CpuModel>,
    /// NUMA nodes by number; empty on a kernel without NUMA.
    #[serde(default)]
    pub numa: BTreeMap<u32, NumaNode>,
    /// Memory and huge pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// KVM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kvm: Option<Kvm>,
    /// IOMMU and VFIO.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iommu: Option<Iommu>,
    /// SMBIOS tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smbios: Option<Smbios>,
    /// Limits of the process that read the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// A member of an IOMMU group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupMember<'h> {
    /// Where it is.
    pub address: PciAddress,
    /// What it is, with driver and class.
    pub function: &'h PciFunction,
}

impl Hardware {
    /// The PCI function at `address`.
    pub fn function(&self, address: PciAddress) -> Option<&PciFunction> {
        self.pci.get(&address)
    }

    /// Whether the function at `address` is a VF; absent when there is no function.
    pub fn is_vf(&self, address: PciAddress) -> Option<bool> {
        self.function(address).map(|function| matches!(function.sriov, Some(Sriov::Vf { .. })))
    }

    /// The physical function and the index of the VF at `address`; absent when there is no VF.
    pub fn pf_of(&self, address: PciAddress) -> Option<(PciAddress, Option<u32>)> {
        match self.function(address)?.sriov.as_ref()? {
            Sriov::Vf { pf, index } => Some((*pf, *index)),
            Sriov::Pf { .. } => None,
        }
    }

    /// The functions of IOMMU group `group`, in order of address.
    pub fn group(&self, group: u32) -> impl Iterator<Item = GroupMember<'_>> {
        self.pci
            .iter()
            .filter(move |(_, function)| function.iommu_group == Some(group))
            .map(|(address, function)| GroupMember { address: *address, function })
    }

    /// All functions of the IOMMU group of `address`, itself included; empty when there is no function or no group.
    pub fn group_of(&self, address: PciAddress) -> Vec<GroupMember<'_>> {
        let group = self.function(address).and_then(|function| function.iommu_group);
        group.into_iter().flat_map(|group| self.group(group)).collect()
    }

    /// The numbers of all IOMMU groups that hold a PCI function.
    pub fn groups(&self) -> BTreeSet<u32> {
        self.pci.values().filter_map(|function| function.iommu_group).collect()
    }

    /// The network devices of the PCI function at `address`, by name.
    pub fn net_of_pci(&self, address: PciAddress) -> impl Iterator<Item = (&str, &NetDevice)> {
        self.net_of(NetParent::Pci(address))
    }

    /// The network devices of the USB device at `port`, by name.
    pub fn net_of_usb(&self, port: &str) -> impl Iterator<Item = (&str, &NetDevice)> {
        self.net_of(NetParent::Usb(port.to_owned()))
    }

    fn net_of(&self, parent: NetParent) -> impl Iterator<Item = (&str, &NetDevice)> {
        self.net
            .iter()
            .filter(move |(_, device)| device.parent.as_ref() == Some(&parent))
            .map(|(name, device)| (name.as_str(), device))
    }

    /// The USB devices with these ids, with their port paths.
    pub fn usb_by_id(&self, vendor: u16, product: u16) -> impl Iterator<Item = (&str, &UsbDevice)> {
        self.usb
            .iter()
            .filter(move |(_, device)| device.vendor == vendor && device.product == product)
            .map(|(port, device)| (port.as_str(), device))
    }

    /// The USB device with this bus and device number, with its port path.
    pub fn usb_at(&self, bus: u32, device: u32) -> Option<(&str, &UsbDevice)> {
        self.usb
            .iter()
            .find(|(_, found)| found.bus == bus && found.device == device)
            .map(|(port, found)| (port.as_str(), found))
    }
}
