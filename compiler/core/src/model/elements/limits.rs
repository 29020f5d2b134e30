//! `<memtune>` and `<blkiotune>`: limits of the domain's cgroup.

use virtc_diag::Diagnostics;

use crate::codes::{self, Report as _};
use crate::ir::{Leaf, Opt, OptExt, Origin, Spanned};
use crate::model::Element;
use crate::model::EmitContext;
use crate::model::elements::memory::scaled;
use crate::qemu::RequirementsOf;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// The limits of `<memtune>` in KiB, in libvirt's order.
const MEMTUNE: [&str; 4] = ["hard_limit", "soft_limit", "min_guarantee", "swap_hard_limit"];
/// The limits of a device in operations and bytes per second, in libvirt's order.
const DEVICE: [&str; 4] = ["read_iops_sec", "write_iops_sec", "read_bytes_sec", "write_bytes_sec"];

/// `<device>` of `<blkiotune>`.
#[derive(Debug, Clone)]
pub struct BlockDevice {
    /// The path of the host's device.
    pub path: Opt<String>,
    /// Its weight, 10–1000; 0 for none.
    pub weight: Opt<u32>,
    /// Its limits, in the order of [`DEVICE`]: operations or bytes per second; 0 for none.
    pub limits: [Opt<u64>; DEVICE.len()],
    /// Its place in the XML.
    pub origin: Origin,
}

/// The limits of the domain.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// `<memtune>`: limits in KiB, in the order of [`MEMTUNE`].
    pub memory: [Opt<u64>; MEMTUNE.len()],
    /// `<weight>` of `<blkiotune>`, 10–1000.
    pub weight: Opt<u32>,
    /// Weights and limits of single devices.
    pub devices: Vec<BlockDevice>,
}

impl Limits {
    /// Drops limits that mean "unlimited" (`virMemoryLimitIsSet` in libvirt's `src/util/virutil.c`), and reports what
    /// cannot be.
    pub fn define(&mut self, faults: &mut Diagnostics) {
        let [_, _, guarantee, _] = &self.memory;
        if let Some(guarantee) = guarantee.as_ref().filter(|g| g.value > 0) {
            faults.refuse(guarantee.origin, "`<min_guarantee>` is not supported by QEMU");
        }
        for (at, device) in self.devices.iter().enumerate() {
            let Some(path) = &device.path else { continue };
            if self.devices.iter().take(at).any(|d| d.path.as_ref() == Some(path)) {
                faults.conflict(path.origin, "`<blkiotune>` has two `<device>` elements for this path");
            }
        }
        for limit in &mut self.memory {
            if let Some(limit) = limit.as_ref().filter(|l| l.value > UNLIMITED_KIB) {
                faults.add(&codes::BAD_VALUE, limit.origin, "the limit is larger than 9007199254740991 KiB");
            }
            limit.take_if(|l| l.value >= UNLIMITED_KIB);
        }
        let [.., guarantee, _] = &mut self.memory;
        guarantee.take_if(|g| g.value == 0);
        // A device without weight and limits is dropped.
        let counts = |value: &Opt<u64>| value.is_some_and(|v| v.value > 0);
        self.devices.retain(|d| d.weight.is_some_and(|w| w.value > 0) || d.limits.iter().any(counts));
    }
}

impl Element for Limits {
    /// Reads the elements from `<domain>`.
    fn lower(domain: &Fields<'_, '_>) -> Self {
        let memtune = domain.child("memtune");
        let memory = MEMTUNE.map(|name| memtune.as_ref().and_then(|m| m.child(name)).as_ref().and_then(scaled));
        let blkiotune = domain.child("blkiotune");
        let device = |d: &Fields<'_, '_>| BlockDevice {
            path: d.child_text("path"),
            weight: d.child_text("weight"),
            limits: DEVICE.map(|name| d.child_text(name)),
            origin: d.origin(),
        };
        Self {
            memory,
            weight: blkiotune.as_ref().and_then(|b| b.child_text("weight")),
            devices: blkiotune.map(|b| b.children("device").iter().map(device).collect()).unwrap_or_default(),
        }
    }

    /// Writes `<blkiotune>` and `<memtune>`.
    fn write(&self, w: &mut XmlWriter) {
        if self.weight.is_some() || !self.devices.is_empty() {
            w.tag("blkiotune").children(|w| {
                w.opt_text("weight", &self.weight);
                for device in &self.devices {
                    w.tag("device").children(|w| {
                        w.opt_text("path", &device.path);
                        w.opt_text("weight", &device.weight.filter(|v| v.value > 0));
                        for (name, limit) in DEVICE.into_iter().zip(&device.limits) {
                            w.opt_text(name, &limit.filter(|v| v.value > 0));
                        }
                    });
                }
            });
        }
        if self.memory.iter().any(Option::is_some) {
            w.tag("memtune").children(|w| {
                for (name, limit) in MEMTUNE.into_iter().zip(&self.memory) {
                    if let Some(limit) = limit {
                        w.tag(name).attr("unit", "KiB").text(&limit.show());
                    }
                }
            });
        }
    }

    /// What the runtime cannot do yet.
    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        let limit = |value: &Opt<u64>| value.get().is_some_and(|v| v > 0);
        for limit in self.memory.iter().filter(|l| limit(l)).flatten() {
            out.refuse("memory limits (`<memtune>`)", limit.origin);
        }
        let weight = self.weight.map(|w: Spanned<u32>| w.origin);
        for origin in weight.into_iter().chain(self.devices.iter().map(|d| d.origin)) {
            out.refuse("block I/O tuning (`<blkiotune>`)", origin);
        }
    }
}

/// Limits from here on mean "unlimited", in KiB (`VIR_DOMAIN_MEMORY_PARAM_UNLIMITED` in libvirt's
/// `include/libvirt/libvirt-domain.h`).
const UNLIMITED_KIB: u64 = 9_007_199_254_740_991;
