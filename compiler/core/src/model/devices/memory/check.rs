//! What libvirt refuses of memory devices (`virDomainMemoryDefValidate` in its `src/conf/domain_validate.c` and
//! `qemuDomainDefValidateMemoryHotplug` in its `src/qemu/qemu_domain.c`).

use virtc_diag::{Diagnostic, Diagnostics};

use super::{MemoryDevice, Model};
use crate::codes;
use crate::ir::{Leaf, OptExt, Origin, Spanned, YesNo};
use crate::model::Domain;
use crate::model::devices::address::Address;
use crate::model::elements::backing::Access;
use crate::model::elements::memory::MOST_KIB;

/// The least size of the label area of an NVDIMM.
const LEAST_LABEL_KIB: u64 = 128;
/// A transparent huge page, the least that virtio-mem hands out (`virDomainMemoryDefValidate` in libvirt's `src/conf/domain_validate.c`).
const LEAST_BLOCK_KIB: u64 = 2048;

fn conflict(origin: Origin, message: impl Into<String>) -> Diagnostic {
    Diagnostic::at(&codes::CONFLICT, origin, message)
}

fn unsupported(origin: Origin, message: impl Into<String>) -> Diagnostic {
    Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, message)
}

/// What is wrong with the device by itself.
pub(super) fn alone(memory: &MemoryDevice, report: &mut dyn FnMut(Diagnostic)) {
    let (target, origin) = (&memory.target, memory.origin);
    let source = memory.source.as_ref();
    let path = source.and_then(|s| s.path.as_ref());
    match memory.model.get() {
        Some(Model::Nvdimm) => {
            if path.is_none() {
                report(conflict(origin, "an NVDIMM has no file").help("add `<source><path>…</path></source>`"));
            }
            if let Some(discard) = memory.discard.filter(|d| d.value == YesNo::Yes) {
                report(unsupported(discard.origin, "`<memory discard>` is not for NVDIMMs").help("remove `discard`"));
            }
            if let Some(label) = target.label.filter(|l| l.value >= memory.kib()) {
                report(
                    conflict(label.origin, "the `<label>` of an NVDIMM is smaller than the NVDIMM")
                        .help("write a smaller `<size>` in `<label>`, such as `<size unit='KiB'>128</size>`"),
                );
            }
            if let Some(label) = target.label.filter(|l| l.value < LEAST_LABEL_KIB) {
                report(
                    conflict(label.origin, "the `<label>` of an NVDIMM has at least 128 KiB")
                        .help("write `<size unit='KiB'>128</size>` in `<label>`"),
                );
            }
        }
        Some(Model::VirtioPmem) => {
            if path.is_none() {
                report(conflict(origin, "virtio-pmem has no file").help("add `<source><path>…</path></source>`"));
            }
            if let Some(discard) = memory.discard.filter(|d| d.value == YesNo::Yes) {
                report(
                    unsupported(discard.origin, "`<memory discard>` is not for `virtio-pmem`").help("remove `discard`"),
                );
            }
            if let Some(access) = memory.access.filter(|access| access.value != Access::Shared) {
                let origin = access.origin;
                report(unsupported(origin, "virtio-pmem is not shared with its file").help("set `access='shared'`"));
            }
            if let Some(base) = target.base.filter(|base| base.value % 4096 != 0) {
                report(
                    unsupported(base.origin, "the address of `virtio-pmem` is a multiple of 4096")
                        .help("remove `base` to have one assigned"),
                );
            }
            if let Some(node) = target.node {
                report(unsupported(node.origin, "`virtio-pmem` has no `<node>`").help("remove `<node>`"));
            }
        }
        Some(Model::VirtioMem) => virtio_mem(memory, report),
        Some(Model::SgxEpc) => {
            if let Some(address) = &memory.info.address {
                report(
                    unsupported(address.origin, "`<memory model='sgx-epc'>` has no address")
                        .help("remove the `<address>`"),
                );
            }
        }
        Some(Model::Dimm) | None => {}
    }
    let virtio_mem = memory.model.is(&Model::VirtioMem);
    for (name, value) in [("block", target.block), ("requested", target.requested)] {
        if let Some(value) = value.filter(|_| !virtio_mem) {
            report(
                conflict(value.origin, format!("`<{name}>` is for `virtio-mem` only"))
                    .help("remove it, or write `model='virtio-mem'`"),
            );
        }
    }
    if let Some(slots) = target.dynamic_slots.filter(|_| !virtio_mem) {
        report(
            conflict(slots.origin, "`dynamicMemslots` is for `virtio-mem` only")
                .help("remove it, or write `model='virtio-mem'`"),
        );
    }
    let nvdimm = memory.model.is(&Model::Nvdimm);
    let only_nvdimm = [
        ("<label>", target.label.map(|l| l.origin)),
        ("<readonly>", target.readonly),
        ("<alignsize>", source.and_then(|s| s.align).map(|a| a.origin)),
        ("<pmem>", source.and_then(|s| s.pmem)),
    ];
    for (name, place) in only_nvdimm {
        if let Some(place) = place.filter(|_| !nvdimm) {
            report(
                conflict(place, format!("`{name}` is for NVDIMMs only")).help("remove it, or write `model='nvdimm'`"),
            );
        }
    }
    if let Some(size) = target.size.filter(|s| s.value.next_multiple_of(2048) > MOST_KIB) {
        report(
            unsupported(size.origin, "the size of the memory device is more than can be addressed")
                .help("write a smaller `<size>`: its `unit` is KiB by default"),
        );
    }
    if let Some(uuid) = &memory.uuid {
        report(unsupported(uuid.origin, "`<uuid>` of an NVDIMM is for ppc64 only").help("remove `<uuid>`"));
    }
}

fn virtio_mem(memory: &MemoryDevice, report: &mut dyn FnMut(Diagnostic)) {
    let target = &memory.target;
    let Some(block) = target.block else {
        return report(conflict(memory.origin, "virtio-mem has no size of its blocks").help("add `<block>`"));
    };
    if !block.value.is_power_of_two() {
        return report(
            conflict(block.origin, "`<block>` of `virtio-mem` is a power of two")
                .help("write `<block unit='KiB'>2048</block>`"),
        );
    }
    if block.value < LEAST_BLOCK_KIB {
        report(
            conflict(block.origin, "`<block>` of `virtio-mem` is at least a huge page, 2048 KiB")
                .help("write `<block unit='KiB'>2048</block>`"),
        );
    }
    if let Some(page) = memory.source.as_ref().and_then(|s| s.page).filter(|p| p.value > block.value) {
        report(
            conflict(page.origin, "`<pagesize>` is larger than `<block>` of `virtio-mem`")
                .help("write a `<block>` of at least that size"),
        );
    }
    if let Some(size) = target.size.filter(|s| s.value % block.value != 0) {
        report(
            conflict(size.origin, "`<size>` of `virtio-mem` is a multiple of its `<block>`").help("write a multiple"),
        );
    }
    if let Some(requested) = target.requested {
        if requested.value > memory.kib() {
            report(
                conflict(requested.origin, "`<requested>` is more than `<size>`").help("write at most the `<size>`"),
            );
        } else if requested.value % block.value != 0 {
            report(conflict(requested.origin, "`<requested>` is a multiple of `<block>`").help("write a multiple"));
        }
    }
    if let Some(base) = target.base.filter(|b| b.value % (block.value << 10) != 0) {
        report(
            conflict(base.origin, "the address of `virtio-mem` is a multiple of its `<block>`")
                .help("remove `base` to have one assigned"),
        );
    }
}

/// What is wrong with the device next to the rest of the domain.
pub(super) fn beside(memory: &MemoryDevice, domain: &Domain, faults: &mut Diagnostics) {
    let origin = memory.origin;
    let Some(max) = domain.memory.max.filter(|_| !memory.model.is(&Model::SgxEpc)) else {
        if !memory.model.is(&Model::SgxEpc) {
            let message = "a memory device, but the domain has no `<maxMemory>`";
            faults.push(unsupported(origin, message).help("add `<maxMemory slots='16' unit='GiB'>…</maxMemory>`"));
        }
        return;
    };
    let cells = domain.numa().map_or(0, |n| n.cells.len());
    match memory.target.node {
        Some(node) if usize::try_from(node.value).map_or(true, |n| n >= cells) => {
            faults.push(
                unsupported(node.origin, format!("there is no NUMA cell {}", node.value))
                    .help("add `<cell>` with this `id` to `<cpu><numa>`, or write another `<node>`"),
            );
        }
        None if cells > 0 && !memory.model.is(&Model::VirtioPmem) => {
            faults.push(unsupported(origin, "the memory device names no NUMA cell").help("add `<node>` to `<target>`"));
        }
        Some(_) | None => {}
    }
    if memory.has_slot() {
        slot(memory, domain, faults);
    }
    let sizes = || domain.devices.memories.iter().filter(|m| !m.model.is(&Model::SgxEpc));
    let all: u64 = sizes().map(MemoryDevice::kib).fold(0, u64::saturating_add);
    let own = domain.devices.memories.last().is_some_and(|last| last.origin == origin);
    let initial = domain.memory.total.get().unwrap_or(0).saturating_sub(all);
    if own && all > max.value.saturating_sub(initial) {
        faults.push(
            unsupported(max.origin, "`<memory>` and the memory devices are more than `<maxMemory>`")
                .help("raise `<maxMemory>`"),
        );
    }
    overlap(memory, domain, faults);
}

fn slot(memory: &MemoryDevice, domain: &Domain, faults: &mut Diagnostics) {
    let slots = domain.memory.slots.get().unwrap_or(0);
    let Some(Spanned { value: address, origin }) = &memory.info.address else {
        let wanted = domain.devices.memories.iter().filter(|m| m.has_slot()).count();
        if wanted > usize::try_from(slots).unwrap_or(usize::MAX) {
            let message = format!("{wanted} memory devices need slots, `<maxMemory>` has {slots}");
            faults.push(unsupported(memory.origin, message));
        }
        return;
    };
    let Address::Dimm { slot, .. } = address else {
        return faults.push(
            unsupported(*origin, "a DIMM needs an address of type `dimm`")
                .help("remove the `<address>` to have one assigned"),
        );
    };
    if let Some(slot) = slot.filter(|s| *s >= slots) {
        faults.push(
            unsupported(*origin, format!("there is no slot {slot}: `<maxMemory>` has {}", slots.show()))
                .help("raise `slots` of `<maxMemory>`, or remove the `<address>`"),
        );
    }
    let before = domain.devices.memories.iter().take_while(|m| m.origin != memory.origin);
    if slot.is_some() && before.into_iter().any(|m| m.slot() == *slot) {
        faults.push(Diagnostic::at(&codes::ADDRESS_CONFLICT, origin, "another memory device is in this slot"));
    }
}

/// No two devices lie at one place of the guest's memory.
fn overlap(memory: &MemoryDevice, domain: &Domain, faults: &mut Diagnostics) {
    let Some(start) = memory.base().filter(|b| b.value > 0) else { return };
    let end = |m: &MemoryDevice, start: u64| start.saturating_add(m.kib().saturating_mul(1024));
    for other in domain.devices.memories.iter().take_while(|m| m.origin != memory.origin) {
        let Some(there) = other.base().filter(|b| b.value > 0) else { continue };
        if start.value < end(other, there.value) && there.value < end(memory, start.value) {
            let message = "the memory device overlaps with another";
            let fault = Diagnostic::at(&codes::ADDRESS_CONFLICT, start.origin, message);
            let fault = fault.label(there.origin.span(), "the other one's place");
            faults.push(fault.help("remove `base` to have a free place assigned"));
        }
    }
}
