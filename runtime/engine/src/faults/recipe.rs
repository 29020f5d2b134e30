//! Which files one more step and one more operation cost, read from the sources of the runtime.
#![expect(clippy::disallowed_methods, reason = "this test reads the sources")]

use std::path::{Path, PathBuf};

use virtc_plan::Step;

use super::variants;
use crate::host::operations::HostOp;

/// Files other than its own and the list that name a step, each with the reason.
const STEPS_ELSEWHERE: &[(&str, &str)] = &[
    // A plan starts QEMU exactly once.
    ("spawn", "engine/src/engine.rs"),
    // The script of a device plan is made like this step.
    ("qmp-run", "engine/src/engine.rs"),
];

/// Files other than its own, the list and those of steps that name an operation, each with the reason.
const OPERATIONS_ELSEWHERE: &[(&str, &str)] = &[
    // Its data is what happens between fork and exec.
    ("Spawn", "engine/src/host/linux/launch.rs"),
    // The tests of the journal need any operation.
    ("Disconnect", "engine/src/journal.rs"),
];

/// In `steps/`, what several steps share.
const SHARED: &[&str] = &["mod", "rules"];

/// The Rust files of the plan and the engine without the tests of faults: the path from `runtime/`, and the text.
fn sources() -> Vec<(String, String)> {
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut open: Vec<PathBuf> = ["plan/src", "engine/src"].map(|dir| runtime.join(dir)).to_vec();
    let mut found = Vec::new();
    while let Some(dir) = open.pop() {
        for path in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.strip_prefix(runtime).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && !name.ends_with("faults") {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// The files in which `wanted` holds for the text.
fn files(sources: &[(String, String)], wanted: impl Fn(&str, &str) -> bool) -> Vec<&str> {
    sources.iter().filter(|(name, text)| wanted(name, text)).map(|(name, _)| name.as_str()).collect()
}

/// Whether the word is in the text, as a whole.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part))
}

/// `vfio-bind` as `VfioBind`.
fn pascal(name: &str) -> String {
    let capital = |part: &str| part[..1].to_uppercase() + &part[1..];
    name.split('-').map(capital).collect()
}

fn elsewhere<'e>(list: &'e [(&str, &'e str)], name: &str) -> impl Iterator<Item = &'e str> {
    list.iter().filter(move |(of, _)| *of == name).map(|(_, file)| *file)
}

#[test]
fn a_step_is_a_variant_with_its_text_a_file_and_a_line() {
    let sources = sources();
    let names = variants::<Step>();
    for name in &names {
        let variant = format!("Step::{}", pascal(name));
        // Its own file, and the test of the format.
        let own = ["plan/src/step.rs", "plan/src/document.rs"];
        let found = files(&sources, |file, text| !own.contains(&file) && has_word(text, &variant));
        let mut expected: Vec<&str> = elsewhere(STEPS_ELSEWHERE, name).collect();
        expected.push("engine/src/steps/mod.rs");
        assert_eq!(found, expected, "{variant}");
    }
    let own = sources.iter().filter_map(|(file, _)| file.strip_prefix("engine/src/steps/")?.strip_suffix(".rs"));
    let mut expected: Vec<String> = names.iter().map(|name| name.replace('-', "_")).collect();
    expected.extend(SHARED.iter().map(ToString::to_string));
    expected.sort();
    assert_eq!(own.collect::<Vec<_>>(), expected);
}

#[test]
fn an_operation_is_a_file_and_lines_in_the_list() {
    let sources = sources();
    let folder = "engine/src/host/operations/";
    let list = format!("{folder}mod.rs");
    let mut own = vec![list.clone()];
    for name in variants::<HostOp>() {
        let name = pascal(&name);
        let declared =
            files(&sources, |file, text| file.starts_with(folder) && has_word(text, &format!("pub struct {name}")));
        assert_eq!(declared.len(), 1, "{name}: {declared:?}");
        own.push(declared[0].to_owned());
        // Steps make operations; no other file imports one.
        let imports = |text: &str| {
            let uses = text.split("use crate::host::operations::").skip(1);
            uses.filter_map(|rest| rest.split(';').next()).any(|names| has_word(names, &name))
        };
        let found = files(&sources, |file, text| {
            !file.starts_with("engine/src/steps/") && (imports(text) || has_word(text, &format!("HostOp::{name}")))
        });
        assert_eq!(found, elsewhere(OPERATIONS_ELSEWHERE, &name).collect::<Vec<_>>(), "{name}");
    }
    own.sort();
    own.dedup();
    assert_eq!(files(&sources, |file, _| file.starts_with(folder)), own);
}

#[test]
fn words_are_whole() {
    assert!(has_word("a Step::Open {", "Step::Open") && !has_word("Step::OpenMode", "Step::Open"));
    assert_eq!(pascal("vfio-bind"), "VfioBind");
}
