//! `virtc qemu`, and what is made of its files.

use std::path::Path;

use crate::program::{Folder, GOOD};

/// What a made-up QEMU can do.
const CAPS: &str = r#"{"format": 1, "version": [10, 1, 0], "package": "made up", "arch": "x86_64",
 "devices": {"virtio-net-pci": "addr mac", "sga": null},
 "machines": {"pc-q35-10.1": {"alias": "q35", "cpus": 4096}, "pc-i440fx-2.4": {"cpus": 255, "deprecated": true, "default": true}},
 "tcg": {"models": {"small": "", "large": "avx512f"}, "has": "sse2 aes avx", "facts": {"vendor": "GenuineIntel"}},
 "options": {}, "commands": {}, "types": {}}"#;

fn folder() -> Folder {
    let folder = Folder::with("caps.json", CAPS);
    folder.write("good.xml", GOOD);
    folder
}

#[test]
fn a_file_of_capabilities_is_shown() {
    let ran = folder().virtc(&["qemu", "show", "caps.json"]);
    let wanted = "QEMU 10.1.0 (made up) for x86_64\n2 devices, the properties of 1 of them\n0 QMP commands\n\
                  machine pc-i440fx-2.4: 255 CPUs, the default, deprecated\nmachine pc-q35-10.1 (q35): 4096 CPUs\n\
                  TCG: 2 CPU models, 1 of them with all their features here\n";
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, wanted, ""));
    let folder = Folder::with("caps.json", CAPS.replace("devices", "devcies"));
    let ran = folder.virtc(&["qemu", "show", "caps.json"]);
    assert!(ran.code == 2 && ran.err.contains("`devcies`"), "{}", ran.err);
}

#[test]
fn a_definition_is_held_against_a_file_of_capabilities() {
    let ran = folder().virtc(&["compile", "--qemu", "caps.json", "good.xml"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("QEMU 10.1 has no CPU model `qemu64`"), "{}", ran.err);
}

#[test]
fn host_model_is_the_best_model_of_the_map_and_what_it_lacks() {
    let folder = folder();
    let bit = |name: &str, register: &str, bit: u32| {
        format!("<feature name='{name}'><cpuid eax_in='0x01' {register}='0x{:08x}'/></feature>", 1_u32 << bit)
    };
    let features = [bit("sse2", "edx", 26), bit("aes", "ecx", 25), bit("avx", "ecx", 28)].concat();
    let include = |name: &str| format!("<include filename='{name}.xml'/>");
    let files = ["vendors", "features", "small"].map(include).concat();
    folder.write("map/index.xml", format!("<cpus><arch name='x86'>{files}</arch></cpus>"));
    folder.write("map/vendors.xml", "<cpus><vendor name='Intel' string='GenuineIntel'/></cpus>");
    folder.write("map/features.xml", format!("<cpus>{features}</cpus>"));
    let small = "<cpus><model name='small'><decode host='on' guest='on'/><vendor name='Intel'/>\
                 <feature name='sse2'/><feature name='aes'/></model></cpus>";
    folder.write("map/small.xml", small);
    let ran = folder.virtc(&["host", "cpu", "--qemu", "caps.json", "--cpu-map", "map"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let resources = virtc_inventory::HostFile::from_json(&ran.out).unwrap().resources.unwrap();
    assert!(resources.host_model_kvm.is_none());
    let model = resources.host_model_qemu.unwrap();
    assert_eq!((model.model.as_str(), model.features), ("small", vec![("avx".to_owned(), true)]));
}

#[test]
fn what_is_probed_is_a_file_for_qemu() {
    let binary = "/usr/bin/qemu-system-x86_64";
    if !Path::new(binary).exists() {
        return virtc_tests::tools::skipped(&format!("no QEMU was asked what it can do: there is no {binary}"));
    }
    let folder = folder();
    let ran = folder.virtc(&["qemu", "probe", "--portable", binary]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    folder.write("own.json", &ran.out);
    assert_eq!(folder.virtc(&["compile", "--qemu", "own.json", "good.xml"]).code, 0);
}
