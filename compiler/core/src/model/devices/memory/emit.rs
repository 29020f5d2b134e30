//! QEMU's objects and devices for plugged memory (`qemuBuildMemoryDeviceProps` in libvirt's `src/qemu/qemu_command.c`).

use super::{MemoryDevice, Model};
use crate::ir::{Leaf, OptExt, YesNo};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::Device as _;
use crate::model::elements::backend::{Backend, MemoryOwner, Request};
use crate::qemu::{ArgSection, Opts, Props, QemuOptions};

/// What the machine itself must know of memory devices.
pub fn machine(domain: &Domain, mut opts: Opts) -> Opts {
    let all = &domain.devices.memories;
    if all.iter().any(|m| m.model.is(&Model::Nvdimm)) {
        opts = opts.switch("nvdimm", true);
    }
    for (at, memory) in all.iter().filter(|m| m.model.is(&Model::SgxEpc)).enumerate() {
        opts.set(format!("sgx-epc.{at}.memdev"), format!("mem{}", memory.info.alias()));
        opts = opts.opt(format!("sgx-epc.{at}.node"), memory.target.node.map(|n| n.show()));
    }
    opts
}

/// The object and the device.
pub(super) fn options(memory: &MemoryDevice, cx: &EmitContext<'_>, out: &mut QemuOptions) {
    let (target, alias, origin) = (&memory.target, memory.info.alias(), memory.origin());
    let source = memory.source.clone().unwrap_or_default();
    let pmem = source.pmem.is_some();
    if memory.model.is(&Model::SgxEpc) {
        let mut props = Props::new().with("qom-type", "memory-backend-epc").with("id", format!("mem{alias}"));
        props = props.with("prealloc", true).with("size", memory.aligned_kib() << 10);
        props = props.and(Backend::placement(cx, source.nodes.as_ref(), target.node.get()));
        return out.json(ArgSection::MemoryDevices, "object", props, origin);
    }
    let tail = Props::new().opt("align", source.align.get().map(|kib| kib << 10)).opt("pmem", pmem.then_some(true));
    let request = Request {
        cell: target.node.get(),
        owner: MemoryOwner::Device,
        page: source.page,
        nodes: source.nodes.clone(),
        path: source.path.as_ref().map(|p| p.value.as_str()),
        no_prealloc: pmem || memory.model.is(&Model::VirtioPmem),
        lazy: memory.model.is(&Model::VirtioMem),
        access: memory.access,
        discard: memory.discard,
        tail,
        ..Request::new(alias, memory.aligned_kib(), origin)
    };
    let backend = Backend::new(cx, &request);
    let prealloc = request.lazy && backend.prealloc;
    backend.options(ArgSection::MemoryDevices, out, origin);
    let driver = match memory.model.get() {
        Some(Model::Nvdimm) => "nvdimm",
        Some(Model::VirtioPmem) => "virtio-pmem-pci",
        Some(Model::VirtioMem) => "virtio-mem-pci",
        Some(Model::Dimm | Model::SgxEpc) | None => "pc-dimm",
    };
    let props = Props::new()
        .with("driver", driver)
        .opt("node", target.node.get())
        .opt("label-size", target.label.get().map(|kib| kib << 10))
        .opt("block-size", target.block.get().map(|kib| kib << 10))
        .opt("requested-size", target.requested.get().map(|kib| kib << 10))
        .opt("unarmed", target.readonly.map(|_| true))
        .with("memdev", format!("mem{alias}"))
        .opt("prealloc", prealloc.then_some(true))
        .opt("memaddr", target.base.get())
        .opt("dynamic-memslots", target.dynamic_slots.get().map(YesNo::is_yes))
        .with("id", alias);
    let place = if memory.has_slot() {
        Props::new().opt("slot", memory.slot()).opt("addr", memory.base().get())
    } else {
        cx.pci_address(&memory.info.address)
    };
    out.device(ArgSection::MemoryDevices, props.and(place), origin);
}

#[cfg(test)]
mod tests {
    use crate::model::elements::trial::trial;

    const PARTS: &str = "<maxMemory slots='2' unit='GiB'>4</maxMemory><memory unit='GiB'>2</memory>\
         <cpu><numa><cell memory='1' unit='GiB'/></numa></cpu>";

    #[test]
    fn slots_are_given_and_sizes_are_whole() {
        let t = trial(
            PARTS,
            "<memory model='dimm'><target><size>1025</size><node>0</node></target></memory>\
             <memory model='virtio-pmem' access='shared'><source><path>/p</path></source>\
             <target><size unit='MiB'>2</size></target></memory>",
            &["dimm", "pmem", "-m "],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                "-m size=1048576k,slots=2,maxmem=4194304k",
                r#"-object {"qom-type":"memory-backend-ram","id":"memdimm0","size":2097152}"#,
                r#"-device {"driver":"pc-dimm","node":0,"memdev":"memdimm0","id":"dimm0","slot":0}"#,
                r#"-object {"qom-type":"memory-backend-file","id":"memvirtiopmem0","mem-path":"/p","share":true,"size":2097152}"#,
                r#"-device {"driver":"virtio-pmem-pci","memdev":"memvirtiopmem0","id":"virtiopmem0","bus":"pci.0","addr":"0x2"}"#,
            ]
        );
    }

    #[test]
    fn what_memory_devices_cannot_be() {
        let target = "<target><size unit='MiB'>4</size><node>0</node>";
        for (device, fault) in [
            (format!("<memory model='nvdimm'>{target}</target></memory>"), "an NVDIMM has no file"),
            (format!("<memory model='virtio-mem'>{target}</target></memory>"), "virtio-mem has no size of its blocks"),
            (
                format!(
                    "<memory model='virtio-mem'>{target}<block>2048</block><requested>1024</requested></target></memory>"
                ),
                "`<requested>` is a multiple of `<block>`",
            ),
            (
                format!("<memory model='dimm'>{target}</target><address type='dimm' slot='2'/></memory>"),
                "there is no slot 2: `<maxMemory>` has 2",
            ),
            (
                "<memory model='dimm'><target><size>2048</size><node>1</node></target></memory>".to_owned(),
                "there is no NUMA cell 1",
            ),
        ] {
            assert_eq!(trial(PARTS, &device, &[]).faults, [fault], "{device}");
        }
        let alone = trial("<memory>4096</memory>", &format!("<memory model='dimm'>{target}</target></memory>"), &[]);
        assert!(alone.faults.iter().any(|f| f.contains("no `<maxMemory>`")), "{:?}", alone.faults);
    }
}
