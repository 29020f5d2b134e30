//! What is written once: the chain of passes, and the list of subcommands.

use std::path::Path;

/// The only crates that drive the passes.
const DRIVERS: &[&str] = &["compiler/core/", "compiler/driver/"];

/// Uses of the passes where the crate `virtc` is the way to them.
fn past_the_driver(path: &str, text: &str) -> Vec<String> {
    let is_code =
        Path::new(path).extension().is_some_and(|end| end == "rs") && !path.starts_with("tests/tests/repository/");
    if !is_code || DRIVERS.iter().any(|folder| path.starts_with(folder)) {
        return Vec::new();
    }
    let uses =
        (1..).zip(text.lines()).filter(|(_, line)| line.contains("virtc_compiler::passes") || line.contains("Passes"));
    uses.map(|(number, _)| format!("{path}:{number}: the passes are driven by the crate `virtc` only")).collect()
}

/// Subcommands whose module is not named in exactly one line of the list.
fn not_in_one_line(files: &[&str], list: &str) -> Vec<String> {
    // As in `mod check;`, `check::Check` and `check: Check`.
    let names = |line: &str, name: &str| {
        let mut words = line.split_inclusive([':', ';']).filter_map(|part| part.strip_suffix([':', ';']));
        words.any(|part| part.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next() == Some(name))
    };
    let count = |name: &str| list.lines().filter(|line| names(line, name)).count();
    let wrong = files.iter().map(|name| (name, count(name))).filter(|(_, count)| *count != 1);
    wrong.map(|(name, count)| format!("cli/src/commands/{name}.rs is named in {count} lines of mod.rs")).collect()
}

#[test]
fn the_passes_are_driven_in_one_place() {
    let texts = super::texts();
    super::none(&texts.iter().flat_map(|(path, text)| past_the_driver(path, text)).collect::<Vec<_>>());
    assert_eq!(
        past_the_driver("cli/src/a.rs", "fn a() {}\nuse virtc_compiler::passes::Goal;\n"),
        ["cli/src/a.rs:2: the passes are driven by the crate `virtc` only"]
    );
}

#[test]
fn a_subcommand_is_a_file_and_a_line() {
    let texts = super::texts();
    let inside = texts.iter().filter_map(|(path, _)| path.strip_prefix("cli/src/commands/")?.strip_suffix(".rs"));
    let files: Vec<&str> = inside.filter(|name| *name != "mod").collect();
    let (_, list) = texts.iter().find(|(path, _)| path == "cli/src/commands/mod.rs").unwrap();
    assert!(files.len() > 10, "{files:?}");
    super::none(&not_in_one_line(&files, list));
}

#[test]
fn a_second_line_is_found() {
    let list = "mod check;\nenum Command {\n    Check(check::Check),\n}\n// list\nlist: List,\n";
    assert_eq!(
        not_in_one_line(&["check", "list", "run"], list),
        [
            "cli/src/commands/check.rs is named in 2 lines of mod.rs",
            "cli/src/commands/run.rs is named in 0 lines of mod.rs"
        ]
    );
}
