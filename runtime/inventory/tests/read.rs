//! What is read from trees that look like sysfs and procfs.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may fail at once, and writes its own trees"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use virtc_inventory::{
    BusKind, FirmwareMapping, FlashMode, Hardware, HostFile, HugePages, NetParent, OperState, Problem, Sriov, read,
    read_firmware,
};

mod unfold;

fn host(name: &str) -> (Hardware, Vec<Problem>) {
    let root = unfold::unfold(name);
    read(&root.path().join("sys"), &root.path().join("proc"))
}

fn sriov() -> Hardware {
    let (hardware, problems) = host("sriov");
    assert_eq!(problems, []);
    hardware
}

#[test]
fn physical_and_virtual_functions() {
    let host = sriov();
    let [pf, vf0, vf1] = ["0000:03:00.0", "0000:03:10.0", "0000:03:10.2"].map(|text| text.parse().unwrap());
    let vfs = BTreeMap::from([(0, vf0), (1, vf1)]);
    assert_eq!(host.function(pf).unwrap().sriov, Some(Sriov::Pf { total_vfs: 7, num_vfs: 2, vfs }));
    assert_eq!(host.pf_of(vf1), Some((pf, Some(1))));
    assert_eq!(host.pf_of(pf), None);
    assert_eq!([host.is_vf(pf), host.is_vf(vf0)], [Some(false), Some(true)]);
    assert_eq!(host.is_vf("0000:99:00.0".parse().unwrap()), None);
    assert!(host.function(vf0).unwrap().is_on_vfio() && !host.function(vf1).unwrap().is_on_vfio());
    let methods = ["flr", "pm", "bus"].map(str::to_owned).to_vec();
    assert_eq!(host.function(pf).unwrap().reset_methods, Some(methods));
}

#[test]
fn a_group_names_its_members_with_driver_and_class() {
    let host = sriov();
    let gpu = "0000:01:00.0".parse().unwrap();
    let members: Vec<_> = host
        .group_of(gpu)
        .into_iter()
        .map(|m| (m.address.to_string(), m.function.driver.clone().unwrap(), m.function.class, m.function.is_bridge()))
        .collect();
    let expected = [
        ("0000:00:01.0", "pcieport", 0x06_0400, true),
        ("0000:01:00.0", "nouveau", 0x03_0000, false),
        ("0000:01:00.1", "snd_hda_intel", 0x04_0300, false),
    ];
    assert_eq!(members, expected.map(|(a, d, c, b)| (a.to_owned(), d.to_owned(), c, b)));
    assert_eq!(host.groups(), BTreeSet::from([1, 14, 15, 16]));
    assert!(host.group_of("0000:00:1d.0".parse().unwrap()).is_empty());
}

#[test]
fn details_of_functions() {
    let host = sriov();
    let function = |text: &str| host.function(text.parse().unwrap()).unwrap();
    let gpu = function("0000:01:00.0");
    assert_eq!((gpu.vendor, gpu.device, gpu.subsystem_vendor, gpu.base_class()), (0x10de, 0x2204, 0x1458, 3));
    assert_eq!((gpu.boot_vga, gpu.numa_node, gpu.driver_override.as_deref()), (true, Some(0), None));
    assert_eq!(gpu.bus, BusKind::Express);
    let sound = function("0000:01:00.1");
    assert_eq!(sound.driver_override.as_deref(), Some("vfio-pci"));
    assert_eq!(sound.reset_methods, Some(vec![]));
    assert_eq!(function("0000:00:1d.0").bus, BusKind::Conventional);
    assert_eq!(function("0000:00:01.0").numa_node, None);
    let (uuid, mdev) = host.mdevs.first_key_value().unwrap();
    assert_eq!(uuid, "c9b8f6a2-0000-4000-8000-000000000001");
    assert_eq!((mdev.kind.as_str(), mdev.iommu_group), ("i915-GVTg_V5_4", Some(20)));
    assert_eq!(mdev.parent, Some("0000:00:02.0".parse().unwrap()));
}

#[test]
fn network_devices_know_their_hardware() {
    let host = sriov();
    let names: Vec<_> = host.net.keys().map(String::as_str).collect();
    assert_eq!(names, ["br0", "enp3s0f0", "enp3s0f0v1", "enx00249b4ac6a9"]);
    let pf = "0000:03:00.0".parse().unwrap();
    let (name, device) = host.net_of_pci(pf).next().unwrap();
    assert_eq!((name, device.mac.unwrap().to_string().as_str()), ("enp3s0f0", "a0:36:9f:00:00:01"));
    assert_eq!((device.online, device.operstate, device.carrier), (true, OperState::Up, Some(true)));
    assert_eq!((device.master.as_deref(), device.mtu), (Some("br0"), Some(1500)));
    assert!(host.net["br0"].is_bridge && host.net["br0"].parent.is_none());
    let vf = &host.net["enp3s0f0v1"];
    assert_eq!((vf.online, vf.operstate, vf.carrier), (false, OperState::Down, None));
}

#[test]
fn a_usb_network_adapter() {
    let host = sriov();
    assert_eq!(host.net["enx00249b4ac6a9"].parent, Some(NetParent::Usb("1-2".into())));
    assert_eq!(host.net_of_usb("1-2").count(), 1);
    let (port, device) = host.usb_by_id(0x0b95, 0x1790).next().unwrap();
    assert_eq!((port, device.bus, device.device), ("1-2", 1, 4));
    assert_eq!(host.usb_at(1, 4).map(|(port, _)| port), Some("1-2"));
    assert_eq!(host.usb_at(1, 5), None);
    assert_eq!(device.name.as_deref(), Some("ASIX Elec. Corp. AX88179"));
    assert_eq!(device.controller, Some("0000:00:1d.0".parse().unwrap()));
    let interface = device.interfaces.first().unwrap();
    assert_eq!((interface.class, interface.driver.as_deref()), (0xff, Some("ax88179_178a")));
}

#[test]
fn processors_memory_and_limits() {
    let host = sriov();
    assert_eq!(host.cpus.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!((host.cpus[&0].online, host.cpus[&1].online, host.cpus[&2].isolated), (true, false, true));
    assert_eq!(host.cpus[&0].siblings, BTreeSet::from([0, 2]));
    let model = host.cpu_model.unwrap();
    assert_eq!((model.name.as_str(), model.family, model.model, model.stepping), ("Invented CPU", 6, 94, 3));
    assert!(model.flags.contains("vmx"));
    let node = &host.numa[&0];
    assert_eq!((node.total_kib, node.free_kib), (8000, 6000));
    assert_eq!(node.distances, BTreeMap::from([(0, 10), (1, 21)]));
    assert_eq!(node.hugepages, BTreeMap::from([(2048, HugePages { total: 512, free: 500 })]));
    assert_eq!(host.numa[&1].cpus, BTreeSet::from([2, 3]));
    let memory = host.memory.unwrap();
    assert_eq!((memory.total_kib, memory.available_kib, memory.default_hugepage_kib), (16000, 12000, Some(2048)));
    let mounts = BTreeMap::from([("/dev/hugepages".to_owned(), 2048), ("/huge big".to_owned(), 1_048_576)]);
    assert_eq!(memory.hugetlbfs, mounts);
    let limits = host.limits.unwrap();
    assert_eq!((limits.memlock_soft, limits.memlock_hard), (Some(8_388_608), None));
    let kvm = host.kvm.unwrap();
    assert_eq!((kvm.available, kvm.module.as_deref(), kvm.nested), (true, Some("kvm_intel"), Some(true)));
    let iommu = host.iommu.unwrap();
    assert_eq!((iommu.units.len(), iommu.allow_unsafe_interrupts), (2, Some(false)));
    assert_eq!(iommu.vfio_drivers, ["vfio-pci"]);
    assert_eq!(iommu.kernel_options, ["intel_iommu=on", "iommu=pt", "vfio-pci.ids=10de:2204"]);
}

#[test]
fn what_was_read_survives_the_file() {
    let file = HostFile { hardware: Some(sriov()), ..HostFile::default() };
    let text = file.to_json().unwrap();
    assert_eq!(HostFile::from_json(&text).unwrap(), file);
}

#[test]
fn odd_content_is_reported_and_the_rest_is_kept() {
    let (hardware, problems) = host("odd");
    let addresses: Vec<_> = hardware.pci.keys().map(ToString::to_string).collect();
    assert_eq!(addresses, ["0000:00:00.0"]);
    assert!(hardware.usb.is_empty() && hardware.limits.is_none());
    assert_eq!(hardware.net["eth0"].mac, None);
    let text: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let reported = [
        "0000:00:00.0/numa_node: `many` is not the value that belongs there",
        "0000:00:00.0/iommu_group: `seven` is not the number of an IOMMU group",
        "0000:00:00.0/sriov_totalvfs: `99999999999` is not the value that belongs there",
        "0000:00:01.0/vendor: `0x18086` is not a hexadecimal number that fits",
        "0000:00:02.0/device: not a file",
        "nonsense: `nonsense` is not a PCI address of the form `0000:01:00.0`",
        "3-1: no number, vendor or product can be read: the device is left out",
        "eth0/flags: `zzz` is not a hexadecimal number that fits",
        "isolated: not a list of numbers",
        "self/limits: `plenty` is not a limit of locked memory",
    ];
    for message in reported {
        assert!(text.iter().any(|line| line.ends_with(message)), "{message}\nis not in\n{}", text.join("\n"));
    }
}

#[test]
fn an_empty_root_is_an_empty_host() {
    let root = tempfile::TempDir::new().unwrap();
    let (hardware, problems) = read(root.path(), &root.path().join("absent"));
    assert_eq!(problems, []);
    assert!(hardware.pci.is_empty() && hardware.cpus.is_empty() && hardware.cpu_model.is_none());
}

#[test]
fn this_very_machine_can_be_read() {
    let (hardware, problems) = read(Path::new("/sys"), Path::new("/proc"));
    assert!(!hardware.cpus.is_empty(), "{problems:?}");
    assert!(hardware.memory.is_some_and(|memory| memory.total_kib > 0));
    assert!(hardware.limits.is_some());
}

#[test]
fn the_example_host_loads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/hosts/sriov-lab.json");
    let file = HostFile::from_json(&std::fs::read_to_string(path).unwrap()).unwrap();
    let host = file.hardware.unwrap();
    let [pf, vf, gpu] = ["0000:03:00.0", "0000:03:10.2", "0000:01:00.0"].map(|text| text.parse().unwrap());
    assert_eq!(host.function(pf).unwrap().driver.as_deref(), Some("igb"));
    assert_eq!(host.pf_of(vf), Some((pf, Some(1))));
    assert_eq!(host.group_of(gpu).len(), 2);
    let (port, _) = host.usb_by_id(0x0b95, 0x1790).next().unwrap();
    assert_eq!(host.net_of_usb(port).count(), 1);
    assert_eq!(file.resources.unwrap().networks["default"].bridge.as_deref(), Some("virbr0"));
}

#[test]
fn firmware_descriptors_of_later_directories_count() {
    let root = tempfile::TempDir::new().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let text = |image: &str| {
        format!(
            r#"{{"description":"d","interface-types":["uefi"],"mapping":{{"device":"flash","executable":{{"filename":"{image}",
            "format":"raw"}},"nvram-template":{{"filename":"/vars","format":"raw"}}}},"targets":[{{"architecture":"x86_64",
            "machines":["pc-q35-*"]}}],"features":["of-tomorrow"],"tags":["t"]}}"#
        )
    };
    write("usr/50-a.json", &text("/a"));
    write("usr/40-b.json", &text("/b"));
    write("usr/30-masked.json", &text("/never"));
    write("usr/README", "no descriptor");
    write("etc/30-masked.json", "");
    write("etc/50-a.json", &text("/mine"));
    write("etc/90-broken.json", "{}");
    let [usr, etc, home] = ["usr", "etc", "home"].map(|name| root.path().join(name));
    let (found, problems) = read_firmware(&[&usr, &etc, &home]);
    let images: Vec<_> = found
        .iter()
        .map(|f| match &f.mapping {
            FirmwareMapping::Flash { mode: FlashMode::Split, executable, .. } => executable.filename.as_str(),
            other @ (FirmwareMapping::Flash { .. }
            | FirmwareMapping::Kernel { .. }
            | FirmwareMapping::Memory { .. }) => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(images, ["/b", "/mine"]);
    assert!(found.iter().all(|f| f.has("of-tomorrow")));
    assert_eq!(problems.iter().map(|p| p.path.clone()).collect::<Vec<_>>(), [etc.join("90-broken.json")]);
}

#[test]
fn smbios_tables_are_read() {
    let root = tempfile::TempDir::new().unwrap();
    let dmi = root.path().join("sys/class/dmi/id");
    std::fs::create_dir_all(&dmi).unwrap();
    for (name, text) in
        [("bios_vendor", "B\n"), ("product_name", "P\n"), ("board_asset_tag", "\n"), ("sys_vendor", "S\n")]
    {
        std::fs::write(dmi.join(name), text).unwrap();
    }
    let (hardware, problems) = read(&root.path().join("sys"), &root.path().join("proc"));
    assert_eq!(problems, []);
    let smbios = hardware.smbios.unwrap();
    assert_eq!(smbios.bios, BTreeMap::from([("vendor".to_owned(), "B".to_owned())]));
    assert_eq!(smbios.system.len(), 2);
    assert!(smbios.base_board.is_empty() && smbios.chassis.is_empty());
    let text = serde_json::to_string(&HostFile { hardware: Some(Hardware::default()), ..HostFile::default() }).unwrap();
    assert!(!text.contains("smbios"));
}
