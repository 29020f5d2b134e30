//! Checks the list of rules against the folder, and every explanation against its file. The examples are tested in
//! cli/tests, where the grammar is available.
#![expect(clippy::disallowed_methods, reason = "a test reads files")]

use std::path::Path;

use virtc_lints::{CODES, docs, rules};

#[test]
fn the_list_is_sorted_and_is_the_folder() {
    let names: Vec<&str> = rules::ALL.iter().map(|lint| lint.code.name).collect();
    let mut files: Vec<String> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().replace('_', "-"))
        .filter(|name| name != "mod")
        .collect();
    files.sort();
    assert_eq!(names, files, "rules/mod.rs lists each file of rules/ once, sorted");
    for name in names.into_iter().chain(CODES.iter().map(|code| code.name)) {
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{name}");
    }
}

#[test]
fn every_text_is_the_text_of_its_own_file() {
    for lint in rules::ALL {
        let path = format!("src/rules/{}.rs", lint.code.name.replace('-', "_"));
        let file = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        assert_eq!(lint.code.explanation, file, "{}", lint.code.name);
        let text = docs::text(&file);
        assert!(text.starts_with("Finds "), "{}", lint.code.name);
        assert!(!docs::blocks(&text, "xml fires").is_empty(), "{} lacks an example that fires", lint.code.name);
        assert!(!docs::blocks(&text, "xml silent").is_empty(), "{} lacks an example that is silent", lint.code.name);
    }
}
