//! The lists of CPU models and features in the compiler are those of libvirt's CPU map, where it is installed, and of
//! QEMU.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail at once, and reads files and runs programs"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use virtc_tests::{repository, tools};

/// Where `libvirt-common` puts the map.
const MAP: &str = "/usr/share/libvirt/cpu_map";

/// What follows each `start`, up to the quote.
fn quoted<'t>(text: &'t str, start: &str) -> Vec<&'t str> {
    text.split(start).skip(1).filter_map(|rest| rest.split('\'').next()).collect()
}

/// The list of the compiler in this file.
fn listed(file: &str) -> BTreeSet<String> {
    let path = repository::root().join("compiler/core/src/model/elements/cpu").join(file);
    std::fs::read_to_string(path).unwrap().split_ascii_whitespace().map(str::to_owned).collect()
}

/// The models of the map for x86, each with the features that it has lost.
fn models(map: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut out = BTreeMap::new();
    for entry in std::fs::read_dir(map).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        if let Some(model) = quoted(&text, "<model name='").first().filter(|_| name.starts_with("x86_")) {
            let lost = text.lines().filter(|line| line.contains("removed='yes'"));
            let lost = lost.flat_map(|line| quoted(line, "<feature name='")).map(str::to_owned).collect();
            out.insert((*model).to_owned(), lost);
        }
    }
    out
}

#[test]
fn lists_are_those_of_the_map_and_of_qemu() {
    let map = Path::new(MAP);
    if !map.is_dir() {
        return tools::skipped("the names of CPUs were not held against libvirt's CPU map, which is not installed");
    }
    let known: BTreeSet<String> = models(map).into_keys().collect();
    let own = listed("models.txt");
    assert_eq!(known.difference(&own).collect::<Vec<_>>(), Vec::<&String>::new(), "models that are missing");
    let text = std::fs::read_to_string(map.join("x86_features.xml")).unwrap();
    let features: BTreeSet<String> = quoted(&text, "<feature name='").into_iter().map(str::to_owned).collect();
    let missing: Vec<_> = features.difference(&listed("features.txt")).cloned().collect();
    assert_eq!(missing, Vec::<String>::new(), "features that are missing");
    let Some(qemu) = tools::find("qemu-system-x86_64") else {
        return tools::skipped("the names of CPUs were not held against QEMU, which is not installed");
    };
    let help = Command::new(qemu).args(["-cpu", "help"]).output().unwrap().stdout;
    let help = String::from_utf8_lossy(&help).into_owned();
    let of_qemu: BTreeSet<&str> = help.lines().filter_map(|line| line.split_ascii_whitespace().next()).collect();
    let unknown: Vec<&String> = own.difference(&known).filter(|model| !of_qemu.contains(model.as_str())).collect();
    assert_eq!(unknown, Vec::<&String>::new(), "models that nobody has");
    let named = listed("features.txt").into_iter().filter(|name| !features.contains(name));
    let words: BTreeSet<&str> = help.split_ascii_whitespace().collect();
    let unknown: Vec<String> = named.filter(|name| !words.contains(name.as_str())).collect();
    assert_eq!(unknown, Vec::<String>::new(), "features that nobody has");
}

#[test]
fn what_models_have_lost_is_what_the_map_says() {
    let map = Path::new(MAP);
    if !map.is_dir() {
        return tools::skipped(
            "what CPU models have lost was not held against libvirt's CPU map, which is not installed",
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let models = models(map);
    let mut command = Command::new(repository::virtc().unwrap());
    command.args(["compile", "--emit", "argv", "--format", "json"]);
    for model in models.keys() {
        let path = folder.path().join(format!("{model}.xml"));
        let text = format!(
            "<domain type='qemu'><name>a</name><memory>1048576</memory><os><type machine='pc'>hvm</type></os><cpu><model>{model}</model>\
             </cpu></domain>"
        );
        std::fs::write(&path, text).unwrap();
        command.arg(path);
    }
    let output = command.output().unwrap().stdout;
    let output = String::from_utf8(output).unwrap();
    assert_eq!(output.lines().count(), models.len());
    for ((model, lost), line) in models.iter().zip(output.lines()) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let argv = line.get("argv").and_then(serde_json::Value::as_array).unwrap_or_else(|| panic!("{line}"));
        let words: Vec<&str> = argv.iter().filter_map(serde_json::Value::as_str).collect();
        let cpu = words.iter().skip_while(|word| **word != "-cpu").nth(1).copied().unwrap_or_default();
        let (name, flags) = cpu.split_once(',').unwrap_or((cpu, ""));
        let off: BTreeSet<String> =
            flags.split(',').filter_map(|f| f.strip_suffix("=off")).map(str::to_owned).collect();
        assert_eq!((name, &off), (model.as_str(), lost));
    }
}
