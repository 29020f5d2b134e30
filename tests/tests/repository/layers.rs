//! The layers of the compiler: a module uses only those that come before it.

use std::collections::BTreeSet;

/// The layers of `compiler/core/src` from the first to the last. A module in a row uses rows before its own, and its
/// own row.
const ORDER: &[&[&str]] = &[
    &["ir", "codes", "valid"],
    &["xml_io"],
    &["qemu"],
    &["target"],
    &["model"],
    &["define"],
    &["prepare"],
    &["emit"],
    &["passes"],
];

/// What test helpers of a layer may use: the whole way from text to output.
const HELPERS: &[&str] = &[
    "model/elements/os/trials.rs",
    "model/elements/trial.rs",
    "model/devices/chardev/trial.rs",
    "model/devices/interface/tests.rs",
    "model/storage/tests.rs",
];

const ROOT: &str = "compiler/core/src/";

fn layer(module: &str) -> Option<usize> {
    ORDER.iter().position(|row| row.contains(&module))
}

/// The modules of the crate that a text names, with the lines; what is for tests only does not count.
fn named(text: &str) -> BTreeSet<(usize, &str)> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut found = BTreeSet::new();
    for (number, line) in (1..).zip(code.lines()) {
        let line = line.split("//").next().unwrap_or_default();
        for rest in line.split("crate::").skip(1) {
            let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(rest.len());
            found.insert((number, rest.get(..end).unwrap_or_default()));
        }
    }
    found
}

fn faults(path: &str, text: &str) -> Vec<String> {
    let Some(inner) = path.strip_prefix(ROOT).filter(|inner| super::is_rust(inner)) else { return Vec::new() };
    if inner == "lib.rs" || HELPERS.contains(&inner) {
        return Vec::new();
    }
    let own = inner.split(['/', '.']).next().unwrap_or_default();
    let Some(at) = layer(own) else { return vec![format!("{path}: `{own}` is in no layer")] };
    let uses = named(text).into_iter();
    uses.filter_map(|(line, other)| match layer(other) {
        Some(theirs) if theirs <= at => None,
        Some(_) => Some(format!("{path}:{line}: `{own}` uses `{other}`, which comes after it")),
        None => Some(format!("{path}:{line}: `crate::{other}` is in no layer")),
    })
    .collect()
}

#[test]
fn a_layer_uses_only_what_comes_before_it() {
    let texts = super::texts();
    let seen = texts.iter().filter(|(path, _)| path.starts_with(ROOT)).count();
    assert!(seen > 100, "only {seen} files");
    super::none(&texts.iter().flat_map(|(path, text)| faults(path, text)).collect::<Vec<_>>());
}

#[test]
fn an_import_that_climbs_is_found() {
    let path = "compiler/core/src/qemu/item.rs";
    assert_eq!(faults(path, "use crate::ir::Origin;\nuse crate::qemu::Text;\n"), Vec::<String>::new());
    assert_eq!(
        faults(path, "use crate::ir::Origin;\nlet x = crate::emit::argv(y);\n"),
        [format!("{path}:2: `qemu` uses `emit`, which comes after it")]
    );
    assert_eq!(faults("compiler/core/src/extra.rs", ""), ["compiler/core/src/extra.rs: `extra` is in no layer"]);
    assert_eq!(faults(path, "use crate::gone::X;"), [format!("{path}:1: `crate::gone` is in no layer")]);
    assert_eq!(faults("cli/src/main.rs", "use crate::emit::X;"), Vec::<String>::new());
}
