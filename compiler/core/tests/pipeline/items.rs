//! Everything that is made for QEMU is held against what QEMU itself says it takes: testdata, and the conformance corpus where `VIRTC_CORPUS`
//! names it.

use std::path::Path;

use virtc_compiler::qemu::{Payload, Props, QemuOption, Value};
use virtc_compiler::target::qapi::Fault;
use virtc_compiler::target::{Capabilities, Target};

use crate::compiler::{Compiler, corpus, files, host, recorded_caps, root};

/// Names that definitions of the corpus give to QEMU although no QEMU has them: they are the user's own words.
const INVENTED: [&str; 5] = ["prop1", "prop2", "prop3", "prop4", "prop5"];

/// What is wrong with an item, in all strictness.
fn fault(caps: &Capabilities, item: &QemuOption) -> Option<String> {
    let (command, props) = match (item.option, &item.payload) {
        ("device", Payload::Json(props)) => return device(caps, props),
        ("object", Payload::Json(props)) => ("object-add", props.clone()),
        ("blockdev", Payload::Json(props)) => ("blockdev-add", props.clone()),
        ("netdev", Payload::Json(props)) => ("netdev_add", props.clone()),
        ("chardev", Payload::Chardev(chardev)) => {
            ("chardev-add", Props::new().with("id", chardev.id()).with("backend", chardev.backend()))
        }
        _ => return None,
    };
    match caps.check_command(command, &props) {
        Ok(()) => None,
        Err(fault) => Some(format!("{command}: {fault:?} in {props:?}")),
    }
}

pub fn device(caps: &Capabilities, props: &Props) -> Option<String> {
    let driver = props.get("driver").and_then(Value::plain).unwrap_or_default();
    let names = props.iter().map(|(name, _)| name).filter(|name| !["driver", "id", "bus"].contains(name));
    let absent = |name: &&str| caps.device_property(driver, name) == Some(false) && !INVENTED.contains(name);
    names.into_iter().find(absent).map(|name| format!("device {driver} has no {name}"))
}

/// Holds all definitions below `dir` against each of `caps`; how many items were looked at.
fn hold(dir: &Path, target: &Target, caps: &[&Capabilities]) -> (usize, Vec<String>) {
    let (mut count, mut faults) = (0, Vec::new());
    let mut compiler = Compiler::of(target.clone());
    for file in files(dir) {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        for item in compiler.machine(&text).iter().flat_map(|machine| machine.get().options()) {
            count += 1;
            let found = caps.iter().filter_map(|caps| fault(caps, item));
            faults.extend(found.map(|fault| format!("{}: {fault}", file.display())));
        }
    }
    (count, faults)
}

#[test]
fn testdata_is_what_qemu_takes() {
    for target in [Target::profile("10.0").unwrap(), Target::profile("7.2").unwrap()] {
        let (count, faults) = hold(&root().join("testdata"), &target, &[target.caps().unwrap()]);
        assert!(count > 200, "{count} items");
        assert!(faults.is_empty(), "{target:?}\n{}", faults.join("\n"));
    }
}

#[test]
fn the_conformance_corpus_is_what_qemu_takes() {
    let Some(corpus) = corpus() else { return };
    let recorded = recorded_caps(&corpus);
    let profile = Target::default();
    for part in ["qemuxmlconf", "realworld"] {
        let (count, faults) = hold(&corpus.join(part), &profile, &[&recorded, profile.caps().unwrap()]);
        assert!(count > 1000, "{count} items");
        assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    }
}

#[test]
fn a_fault_is_found() {
    let target = Target::default();
    let props = Props::new().with("driver", "raw").with("node-name", "a").with("fiel", "b");
    assert_eq!(target.caps().unwrap().check_command("blockdev-add", &props), Err(Fault::Member("fiel".into())));
}

#[test]
fn host_model_is_what_libvirt_makes_of_the_same_answers() {
    let map = Path::new("/usr/share/libvirt/cpu_map");
    if !map.is_dir() {
        eprintln!("skipped: libvirt's CPU map is not installed");
        return;
    }
    let Some(corpus) = corpus() else { return };
    let caps = recorded_caps(&corpus);
    let map = virtc_inventory::CpuMap::read(map).unwrap();
    let said = host().resources.unwrap();
    assert_eq!(caps.kvm.and_then(|cpus| cpus.host_model(&map)), said.host_model_kvm);
    assert_eq!(caps.tcg.and_then(|cpus| cpus.host_model(&map)), said.host_model_qemu);
}
