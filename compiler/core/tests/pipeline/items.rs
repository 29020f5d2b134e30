//! Everything that is made for QEMU is checked against what QEMU itself says it takes: testdata, and the conformance corpus where `VIRTC_CORPUS`
//! names it.

use std::collections::BTreeSet;
use std::path::Path;

use virtc_compiler::qemu::{Payload, Props, QemuOption, Value};
use virtc_compiler::target::qapi::Fault;
use virtc_compiler::target::{Capabilities, Target};
use virtc_tests::tools;

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

/// What came of checking definitions.
#[derive(Default)]
struct Checked {
    /// How many items were looked at.
    items: usize,
    /// The domains, from the folder, of which no machine is made.
    not_compiled: BTreeSet<String>,
    faults: Vec<String>,
}

/// Checks what is made of all definitions in these folders of `dir` with each of `caps`.
fn check(dir: &Path, folders: &[&str], target: &Target, caps: &[&Capabilities]) -> Checked {
    let mut checked = Checked::default();
    let mut compiler = Compiler::of(target.clone());
    for file in folders.iter().flat_map(|folder| files(&dir.join(folder))) {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let Some(machine) = compiler.machine(&text) else {
            if text.contains("<domain") {
                checked.not_compiled.insert(file.strip_prefix(dir).unwrap().display().to_string());
            }
            continue;
        };
        for item in machine.get().options() {
            checked.items += 1;
            let found = caps.iter().filter_map(|caps| fault(caps, item));
            checked.faults.extend(found.map(|fault| format!("{}: {fault}", file.display())));
        }
    }
    checked
}

/// The domains of testdata of which no machine is made for a version of QEMU: in `not-compiled.txt` below its heading.
fn not_compiled(version: &str) -> BTreeSet<String> {
    let text = include_str!("not-compiled.txt");
    let list = text.split("\n# ").find_map(|part| part.strip_prefix(version)).unwrap();
    list.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn testdata_is_what_qemu_takes() {
    let folders = ["check", "compile", "examples", "grammar"];
    for version in ["10.0", "7.2"] {
        let target = Target::profile(version).unwrap();
        let checked = check(&root().join("testdata"), &folders, &target, &[target.caps().unwrap()]);
        assert!(checked.faults.is_empty(), "{target:?}\n{}", checked.faults.join("\n"));
        let expected = not_compiled(version);
        let new: Vec<_> = checked.not_compiled.difference(&expected).collect();
        assert!(
            new.is_empty(),
            "not compiled for {version}; where that is meant, it is a line in not-compiled.txt: {new:#?}"
        );
        let old: Vec<_> = expected.difference(&checked.not_compiled).collect();
        assert!(old.is_empty(), "compiled for {version}, and in not-compiled.txt: {old:#?}");
    }
}

/// That each of them compiles is a test of its own, `tests/tests/libvirt.rs`.
#[test]
fn what_libvirt_was_asked_about_is_what_qemu_takes() {
    let target = Target::profile("10.0").unwrap();
    let checked = check(&root().join("testdata"), &["libvirt"], &target, &[target.caps().unwrap()]);
    assert!(checked.items > 10_000, "{} items", checked.items);
    assert!(checked.faults.is_empty(), "{}", checked.faults.join("\n"));
}

#[test]
fn the_conformance_corpus_is_what_qemu_takes() {
    let Some(corpus) = corpus() else { return };
    let recorded = recorded_caps(&corpus);
    let profile = Target::default();
    for part in ["qemuxmlconf", "realworld"] {
        let checked = check(&corpus, &[part], &profile, &[&recorded, profile.caps().unwrap()]);
        assert!(checked.items > 1000, "{} items", checked.items);
        assert!(checked.faults.is_empty(), "{} faults\n{}", checked.faults.len(), checked.faults.join("\n"));
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
        return tools::skipped("`host-model` was not compared with libvirt's CPU map, which is not installed");
    }
    let Some(corpus) = corpus() else { return };
    let caps = recorded_caps(&corpus);
    let map = virtc_inventory::CpuMap::read(map).unwrap();
    let said = host().resources.unwrap();
    assert_eq!(caps.kvm.and_then(|cpus| cpus.host_model(&map)), said.host_model_kvm);
    assert_eq!(caps.tcg.and_then(|cpus| cpus.host_model(&map)), said.host_model_qemu);
}
