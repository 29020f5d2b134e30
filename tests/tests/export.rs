//! What `virtc schema export` writes is taken by jing and xmllint, and they judge by it as virtc does.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may fail at once, and runs programs")]

use std::path::Path;
use std::process::Command;

use virtc_tests::{repository, tools};

/// A grammar, a document that it takes, and one that it refuses.
const CASES: [(&str, &str, &str); 3] = [
    (
        "domain",
        "<domain type='kvm'><name>a</name><memory>1</memory><os><type>hvm</type></os><devices><disk type='file'>\
         <source file='/a'/><target dev='vda'/></disk></devices></domain>",
        "<domain type='kvm'><name>a</name><memory>much</memory><os><type>hvm</type></os></domain>",
    ),
    ("device", "<disk><target dev='vda'/></disk>", "<disk><target/></disk>"),
    ("network", "<network><name>a</name></network>", "<network><bridge/></network>"),
];

/// Runs a validator that ends with 0 for a valid document; the words of what it says are given back otherwise.
fn verdict(words: &[&str], files: &[&Path]) -> Result<(), String> {
    let (program, options) = words.split_first().unwrap();
    let output = Command::new(program).args(options).args(files).output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn what_is_exported_is_a_grammar_for_others() {
    let virtc = repository::virtc().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for format in ["rnc", "rng"] {
        let status = Command::new(&virtc).args(["schema", "export", "--format", format]).arg(folder.path()).status();
        assert!(status.unwrap().success());
    }
    let mut validators = Vec::new();
    for (program, extension, words) in [
        ("jing", "rng", &["jing"][..]),
        ("jing", "rnc", &["jing", "-c"]),
        ("xmllint", "rng", &["xmllint", "--noout", "--relaxng"]),
    ] {
        if tools::find(program).is_some() {
            validators.push((extension, words));
        } else {
            tools::skipped(&format!("the exported grammar was not shown to {program}, which is not installed"));
        }
    }
    for (grammar, valid, invalid) in CASES {
        let (good, bad) = (folder.path().join("good.xml"), folder.path().join("bad.xml"));
        std::fs::write(&good, valid).unwrap();
        std::fs::write(&bad, invalid).unwrap();
        for (extension, words) in &validators {
            let schema = folder.path().join(grammar).with_extension(extension);
            assert_eq!(verdict(words, &[&schema, &good]), Ok(()), "{words:?} {grammar}.{extension}");
            let said = verdict(words, &[&schema, &bad]).unwrap_err();
            // A fault of the grammar would be named by its file.
            assert!(said.contains("bad.xml") && !said.contains(&format!(".{extension}:")), "{words:?}: {said}");
        }
    }
}
