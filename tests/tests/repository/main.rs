//! The repository's own rules. Each is a function from text to faults, so that a small bad example shows it can fail.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may fail at once, and reads files")]

mod columns;
mod crates;
mod doors;
mod goldens;
mod layers;
mod output;
mod readme;
mod recipes;
mod sizes;
mod skips;
mod words;

use std::path::Path;

use virtc_tests::repository;

/// The text files of the repository: the path from the root, and the text.
fn texts() -> Vec<(String, String)> {
    let root = repository::root();
    let text = |path: &Path| {
        let text = std::fs::read_to_string(path).ok()?;
        Some((path.strip_prefix(&root).ok()?.to_str()?.to_owned(), text))
    };
    repository::files(&root).unwrap().iter().filter_map(|path| text(path)).collect()
}

/// Whether a path is that of a file in Rust.
fn is_rust(path: &str) -> bool {
    Path::new(path).extension() == Some("rs".as_ref())
}

/// Fails with all faults, one on a line.
fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
