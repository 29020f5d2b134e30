//! The chain of passes is driven in one place.

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

#[test]
fn the_passes_are_driven_in_one_place() {
    let texts = super::texts();
    super::none(&texts.iter().flat_map(|(path, text)| past_the_driver(path, text)).collect::<Vec<_>>());
    assert_eq!(
        past_the_driver("cli/src/a.rs", "fn a() {}\nuse virtc_compiler::passes::Goal;\n"),
        ["cli/src/a.rs:2: the passes are driven by the crate `virtc` only"]
    );
}
