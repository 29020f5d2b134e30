//! What is defined on a host in addition to its domains.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Firmware;
use crate::PciAddress;
use crate::storage::{ImageInfo, Pool};

/// How a network reaches the outside (`<forward mode=…>`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forward {
    /// Not at all: an isolated network on a bridge of its own.
    #[default]
    None,
    /// Address translation, on a bridge of its own.
    Nat,
    /// Routing, on a bridge of its own.
    Route,
    /// Routing without firewall rules, on a bridge of its own.
    Open,
    /// A bridge that is there already, or macvtap in bridge mode.
    Bridge,
    /// Macvtap in private mode.
    Private,
    /// Macvtap in VEPA mode.
    Vepa,
    /// Macvtap in passthrough mode.
    Passthrough,
    /// A pool of VFs.
    Hostdev,
}

/// One network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// How it reaches the outside.
    #[serde(default)]
    pub forward: Forward,
    /// The bridge that its guests are attached to, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<String>,
    /// The host's own address in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Whether the bridge is one of Open vSwitch (`<virtualport type='openvswitch'/>`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub openvswitch: bool,
    /// The host's interfaces that macvtaps are made on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
    /// The functions of a pool, in the order in which guests get them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<PciAddress>,
    /// Whether the functions of a pool are taken from the host's driver and given back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub managed: bool,
}

/// The time on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostClock {
    /// Seconds since 1970-01-01 00:00 UTC.
    pub seconds: u64,
    /// How many seconds local time is ahead of UTC.
    #[serde(default)]
    pub zone: i32,
}

/// The CPU of `<cpu mode='host-model'>`, as `virsh domcapabilities` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostModel {
    /// The model, in libvirt's words.
    pub model: String,
    /// Features that it has (`true`) or lacks (`false`) in addition to its model, in libvirt's words and order.
    #[serde(default)]
    pub features: Vec<(String, bool)>,
}

/// A program that serves a device over vhost-user, as its descriptor in `/usr/share/qemu/vhost-user` and the program itself say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VhostUser {
    /// What it serves: `gpu`, `fs`, `input`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The program.
    pub binary: String,
    /// Its features, such as `virgl` and `render-node`.
    #[serde(default)]
    pub features: Vec<String>,
}

/// What AMD SEV takes on this host (`query-sev-capabilities` of QEMU).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sev {
    /// The bit of a page table entry that marks an encrypted page, 0 to 63 (`cbitpos` of QEMU's `sev-guest`).
    pub cbitpos: u32,
    /// By how many bits encryption shortens physical addresses, 0 to 63 (`reduced-phys-bits` of QEMU's `sev-guest`).
    pub reduced_phys_bits: u32,
}

/// What domains refer to by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// The render node that QEMU draws on unless a definition names another, such as `/dev/dri/renderD128`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub render_node: Option<String>,
    /// The time at which domains start; only needed for clocks with a variable offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<HostClock>,
    /// The CPU of `host-model` with KVM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_model_kvm: Option<HostModel>,
    /// The CPU of `host-model` without KVM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_model_qemu: Option<HostModel>,
    /// The NUMA nodes that numad advises for a domain with `placement='auto'`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numad: Option<BTreeSet<u32>>,
    /// The nodes of SCSI devices, such as `/dev/sg0`, by adapter, bus, target and LUN, such as `scsi_host0:0:0:0`; `*` means any other.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scsi_generic: BTreeMap<String, String>,
    /// Programs that serve devices over vhost-user, in the order of preference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vhost_user: Vec<VhostUser>,
    /// The firmware that is installed, in the order of preference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<Vec<Firmware>>,
    /// The versions of Arm's interrupt controller that guests get under KVM (`query-gic-capabilities` of QEMU).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub gic: BTreeSet<u32>,
    /// What AMD SEV takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sev: Option<Sev>,
    /// Networks by name.
    #[serde(default)]
    pub networks: BTreeMap<String, Network>,
    /// Storage pools by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pools: BTreeMap<String, Pool>,
    /// Disk images by path: what each of them names as its backing image.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, ImageInfo>,
}
