//! Everything that is made for QEMU is held against what QEMU itself says it takes: testdata, and the conformance corpus where `VIRTC_CORPUS`
//! names it.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test reads its inputs")]

use std::path::{Path, PathBuf};

use virtc_compiler::emit::{Item, Payload, Props, Value};
use virtc_compiler::target::exchange::recorded;
use virtc_compiler::target::qapi::Fault;
use virtc_compiler::target::{Capabilities, Target};
use virtc_compiler::{Facts, define, lower, prepare};
use virtc_diag::SourceFile;
use virtc_inventory::HostFile;

/// Names that definitions of the corpus give to QEMU although no QEMU has them: they are the user's own words.
const INVENTED: [&str; 5] = ["prop1", "prop2", "prop3", "prop4", "prop5"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All definitions below `dir`.
fn definitions(dir: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            definitions(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "xml") {
            out.push(path);
        }
    }
}

/// What is made of a definition; nothing where it is refused.
fn items(path: &Path, target: &Target, host: &HostFile) -> Vec<Item> {
    let Ok(text) = std::fs::read_to_string(path) else { return Vec::new() };
    let source = SourceFile::new(path.display().to_string(), text);
    let (document, mut found) = virtc_xml::parse(&source);
    if !document.root().is_some_and(|root| root.is("domain")) {
        return Vec::new();
    }
    let (checked, faults) = virtc_schemas::domain().validate(&document);
    found.extend(faults);
    let (domain, faults) = lower(&checked);
    found.extend(faults);
    let Some(domain) = domain.filter(|domain| domain.holes == 0 && !found.has_errors()) else { return Vec::new() };
    let facts = Facts::new(Some(host));
    let (definition, faults) = define(domain, facts);
    if faults.has_errors() {
        return Vec::new();
    }
    let (machine, faults) = prepare(definition, target, facts);
    if faults.has_errors() { Vec::new() } else { machine.items().to_vec() }
}

/// What is wrong with an item, in all strictness.
fn fault(caps: &Capabilities, item: &Item) -> Option<String> {
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

fn device(caps: &Capabilities, props: &Props) -> Option<String> {
    let driver = props.get("driver").and_then(Value::plain).unwrap_or_default();
    let names = props.iter().map(|(name, _)| name).filter(|name| !["driver", "id", "bus"].contains(name));
    let absent = |name: &&str| caps.device_property(&driver, name) == Some(false) && !INVENTED.contains(name);
    names.into_iter().find(absent).map(|name| format!("device {driver} has no {name}"))
}

/// Holds all definitions below `dir` against each of `caps`; how many items were looked at.
fn hold(dir: &Path, target: &Target, caps: &[&Capabilities]) -> (usize, Vec<String>) {
    let host = std::fs::read_to_string(root().join("testdata/hosts/libvirt-test.json")).unwrap();
    let host = HostFile::from_json(&host).unwrap();
    let (mut files, mut count, mut faults) = (Vec::new(), 0, Vec::new());
    definitions(dir, &mut files);
    for file in files {
        for item in items(&file, target, &host) {
            count += 1;
            let found = caps.iter().filter_map(|caps| fault(caps, &item));
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
    let Some(corpus) = std::env::var_os("VIRTC_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: VIRTC_CORPUS does not name the conformance corpus");
        return;
    };
    let text = std::fs::read_to_string(corpus.join("qemu-caps/caps_10.0.0_x86_64.replies")).unwrap();
    let recorded = Capabilities::from_exchanges(&recorded(&text).unwrap()).unwrap();
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
    let Some(corpus) = std::env::var_os("VIRTC_CORPUS").map(PathBuf::from).filter(|_| map.is_dir()) else {
        eprintln!("skipped: VIRTC_CORPUS does not name the conformance corpus, or libvirt's CPU map is not installed");
        return;
    };
    let text = std::fs::read_to_string(corpus.join("qemu-caps/caps_10.0.0_x86_64.replies")).unwrap();
    let caps = Capabilities::from_exchanges(&recorded(&text).unwrap()).unwrap();
    let map = virtc_inventory::CpuMap::read(map).unwrap();
    let host = std::fs::read_to_string(root().join("testdata/hosts/libvirt-test.json")).unwrap();
    let said = HostFile::from_json(&host).unwrap().resources.unwrap();
    assert_eq!(caps.kvm.and_then(|cpus| cpus.host_model(&map)), said.host_model_kvm);
    assert_eq!(caps.tcg.and_then(|cpus| cpus.host_model(&map)), said.host_model_qemu);
}
