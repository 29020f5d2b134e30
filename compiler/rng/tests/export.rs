//! What the writer of the XML syntax writes is the same schema.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that reads its cases")]

use std::collections::BTreeMap;
use std::path::Path;

use virtc_diag::SourceFile;
use virtc_rng::{Schema, SchemaErrors, to_xml};

/// The schemas of a case by name; the first one has no name.
fn schemas(text: &str) -> BTreeMap<String, String> {
    let mut out: BTreeMap<String, String> = BTreeMap::new();
    let mut current = None;
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("=== ") {
            current = head.strip_prefix("schema").map(|name| name.trim().to_owned());
        } else if let Some(name) = &current {
            let text = out.entry(name.clone()).or_default();
            text.push_str(line);
            text.push('\n');
        }
    }
    out
}

fn compile(files: &BTreeMap<String, String>) -> Result<Schema, SchemaErrors> {
    let file = |name: &str| files.get(name).map(|text| SourceFile::new(name, text.as_str()));
    Schema::compile(&file("").unwrap(), &mut |href, _| file(href).ok_or_else(|| "no such file".to_owned()))
}

#[test]
fn both_syntaxes_give_the_same_bytes() {
    let mut compared = 0;
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")).unwrap() {
        let path = entry.unwrap().path();
        let compact = schemas(&std::fs::read_to_string(&path).unwrap());
        let Ok(expected) = compile(&compact) else { continue };
        let convert = |(name, text): (&String, &String)| {
            let xml = to_xml(&SourceFile::new(name.as_str(), text.as_str())).unwrap();
            (name.replace(".rnc", ".rng"), xml)
        };
        let found = compile(&compact.iter().map(convert).collect()).unwrap();
        assert_eq!(found.to_bytes(), expected.to_bytes(), "{}", path.display());
        compared += 1;
    }
    assert!(compared > 8, "the cases are missing");
}
