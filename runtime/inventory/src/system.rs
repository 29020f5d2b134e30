//! Processors, memory, KVM, IOMMU and limits.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// One logical CPU.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cpu {
    /// Whether it runs.
    pub online: bool,
    /// The number of its socket, from 0; absent while it is offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<u32>,
    /// The number of its core in the socket, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<u32>,
    /// All logical CPUs of its core, itself included.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub siblings: BTreeSet<u32>,
    /// Whether it is isolated from the scheduler (`isolcpus=`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub isolated: bool,
}

/// The model of the host's processors, as procfs names it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuModel {
    /// The vendor, such as `GenuineIntel`.
    #[serde(default)]
    pub vendor: String,
    /// The name for people.
    #[serde(default)]
    pub name: String,
    /// Family, 0 to 270 (CPUID leaf 1).
    #[serde(default)]
    pub family: u32,
    /// Model, 0 to 255 (CPUID leaf 1).
    #[serde(default)]
    pub model: u32,
    /// Stepping, 0 to 15 (CPUID leaf 1).
    #[serde(default)]
    pub stepping: u32,
    /// Flags in the kernel's spelling.
    #[serde(default)]
    pub flags: BTreeSet<String>,
}

/// A pool of huge pages of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HugePages {
    /// How many pages of this size are in the pool.
    pub total: u64,
    /// How many of them are free.
    pub free: u64,
}

/// One NUMA node.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumaNode {
    /// Its logical CPUs.
    #[serde(default)]
    pub cpus: BTreeSet<u32>,
    /// Memory in KiB.
    #[serde(default)]
    pub total_kib: u64,
    /// Free memory in KiB.
    #[serde(default)]
    pub free_kib: u64,
    /// Distance to each node, by node number; 10 is local.
    #[serde(default)]
    pub distances: BTreeMap<u32, u32>,
    /// Huge pages by size in KiB.
    #[serde(default)]
    pub hugepages: BTreeMap<u64, HugePages>,
}

/// The memory of the host as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Memory in KiB.
    #[serde(default)]
    pub total_kib: u64,
    /// Memory in KiB that could be had without swapping.
    #[serde(default)]
    pub available_kib: u64,
    /// Huge pages of all nodes by size in KiB.
    #[serde(default)]
    pub hugepages: BTreeMap<u64, HugePages>,
    /// The default size of a huge page in KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_hugepage_kib: Option<u64>,
    /// Mounted hugetlbfs by path, with the page size in KiB.
    #[serde(default)]
    pub hugetlbfs: BTreeMap<String, u64>,
}

/// KVM. Whether the device node can be opened is not recorded: that differs between users.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kvm {
    /// Whether the kernel offers KVM.
    pub available: bool,
    /// The vendor's module, `kvm_intel` or `kvm_amd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Whether guests may use KVM in their turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nested: Option<bool>,
}

/// The IOMMU and VFIO.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Iommu {
    /// The IOMMUs that are active, such as `dmar0`; empty when none is.
    #[serde(default)]
    pub units: Vec<String>,
    /// The VFIO drivers for PCI that are loaded, such as `vfio-pci` and `mlx5_vfio_pci`.
    #[serde(default)]
    pub vfio_drivers: Vec<String>,
    /// Whether VFIO takes an IOMMU that cannot remap interrupts; absent while VFIO's type 1 driver is not loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_unsafe_interrupts: Option<bool>,
    /// The words of the kernel's command line that concern IOMMU and VFIO.
    #[serde(default)]
    pub kernel_options: Vec<String>,
}

/// Limits of the process that read the host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Hard limit of locked memory in bytes; absent when there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memlock_hard: Option<u64>,
    /// Soft limit of locked memory in bytes; absent when there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memlock_soft: Option<u64>,
}
