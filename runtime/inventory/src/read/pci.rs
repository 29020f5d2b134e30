//! PCI functions and mediated devices, from `/sys/bus`.

use std::collections::BTreeMap;

use super::tree::Tree;
use crate::{BusKind, Mdev, PciAddress, PciFunction, Sriov, config_space};

/// A configuration space of this size is that of a PCI Express device.
const EXTENDED_SIZE: u64 = 4096;

/// Base class and subclass of a host bridge.
const HOST_BRIDGE: u32 = 0x0600;

pub(super) fn functions(sys: &Tree) -> BTreeMap<PciAddress, PciFunction> {
    let mut functions = BTreeMap::new();
    for name in sys.names("bus/pci/devices") {
        let dir = format!("bus/pci/devices/{name}");
        match name.parse() {
            Ok(address) => {
                if let Some(function) = function(sys, &dir, address) {
                    functions.insert(address, function);
                }
            }
            Err(error) => sys.problem(&dir, format!("{error}")),
        }
    }
    functions
}

fn function(sys: &Tree, dir: &str, address: PciAddress) -> Option<PciFunction> {
    let at = |name: &str| format!("{dir}/{name}");
    let ids = (sys.hex(&at("vendor")), sys.hex(&at("device")), sys.hex(&at("class")));
    let (Some(vendor), Some(device), Some(class)) = ids else {
        sys.problem(dir, "no vendor, device or class can be read: the function is left out");
        return None;
    };
    let space = sys.bytes(&at("config")).unwrap_or_default();
    Some(PciFunction {
        vendor,
        device,
        subsystem_vendor: sys.hex(&at("subsystem_vendor")).unwrap_or_default(),
        subsystem_device: sys.hex(&at("subsystem_device")).unwrap_or_default(),
        class,
        bus: bus_kind(sys, dir, class, &space),
        driver: sys.link(&at("driver")),
        driver_override: sys.text(&at("driver_override")).filter(|text| !text.is_empty() && text != "(null)"),
        iommu_group: group(sys, &at("iommu_group")),
        numa_node: sys.value::<i64>(&at("numa_node")).and_then(|node| u32::try_from(node).ok()),
        sriov: sriov(sys, dir, address),
        reset_methods: sys.text(&at("reset_method")).map(|text| text.split_whitespace().map(str::to_owned).collect()),
        boot_vga: sys.switch(&at("boot_vga")).unwrap_or_default(),
        serial: nvme_serial(sys, dir).or_else(|| config_space::serial(&space)),
    })
}

/// The list of capabilities decides where it can be read, which takes root. The kernel shows the speed of a link for PCI
/// Express only (since Linux 4.13). Before that the size of the configuration space shows it, except for a host bridge,
/// which has the large one on every machine that can address it.
fn bus_kind(sys: &Tree, dir: &str, class: u32, space: &[u8]) -> BusKind {
    let large = || sys.size(&format!("{dir}/config")).is_some_and(|size| size >= EXTENDED_SIZE);
    let express = config_space::is_express(space)
        .unwrap_or_else(|| sys.exists(&format!("{dir}/max_link_speed")) || (class >> 8 != HOST_BRIDGE && large()));
    if express { BusKind::Express } else { BusKind::Conventional }
}

fn group(sys: &Tree, path: &str) -> Option<u32> {
    let name = sys.link(path)?;
    let number = name.parse().ok();
    if number.is_none() {
        sys.problem(path, format!("`{name}` is not the number of an IOMMU group"));
    }
    number
}

fn sriov(sys: &Tree, dir: &str, address: PciAddress) -> Option<Sriov> {
    if let Some(pf) = sys.link(&format!("{dir}/physfn")).and_then(|name| name.parse().ok()) {
        let index = virtfns(sys, &format!("{dir}/physfn")).into_iter().find(|(_, vf)| *vf == address);
        return Some(Sriov::Vf { pf, index: index.map(|(index, _)| index) });
    }
    let total_vfs = sys.value(&format!("{dir}/sriov_totalvfs"))?;
    let num_vfs = sys.value(&format!("{dir}/sriov_numvfs")).unwrap_or_default();
    Some(Sriov::Pf { total_vfs, num_vfs, vfs: virtfns(sys, dir) })
}

/// The VFs that the directory of a physical function lists, by index.
fn virtfns(sys: &Tree, dir: &str) -> BTreeMap<u32, PciAddress> {
    let vf = |name: String| {
        let index = name.strip_prefix("virtfn")?.parse().ok()?;
        Some((index, sys.link(&format!("{dir}/{name}"))?.parse().ok()?))
    };
    sys.names(dir).into_iter().filter_map(vf).collect()
}

fn nvme_serial(sys: &Tree, dir: &str) -> Option<String> {
    let name = sys.names(&format!("{dir}/nvme")).into_iter().next()?;
    sys.text(&format!("{dir}/nvme/{name}/serial")).filter(|serial| !serial.is_empty())
}

pub(super) fn mdevs(sys: &Tree) -> BTreeMap<String, Mdev> {
    let mdev = |uuid: String| {
        let dir = format!("bus/mdev/devices/{uuid}");
        let way = sys.resolved(&dir);
        // The last name on the way is the mediated device itself, the one before it is its parent.
        let parent = way.iter().rev().nth(1).and_then(|name| name.parse().ok());
        let iommu_group = group(sys, &format!("{dir}/iommu_group"));
        Some((uuid, Mdev { kind: sys.link(&format!("{dir}/mdev_type"))?, parent, iommu_group }))
    };
    sys.names("bus/mdev/devices").into_iter().filter_map(mdev).collect()
}
