//! Each output format on the same files.

use serde_json::Value;

use crate::program::{Folder, GOOD, MISSPELT, USB, with_devices};

fn folder() -> Folder {
    let folder = Folder::with("a b/bad,1.xml", format!("{MISSPELT}{}", with_devices(&USB.repeat(2))));
    folder.write("good.xml", GOOD);
    folder.write("syntax.xml", "<domain>\n  <name>a & b</name>\n</domain>\n");
    folder
}

fn output(format: &str) -> String {
    let ran = folder().virtc(&["check", "--format", format, "a b/bad,1.xml", "good.xml", "syntax.xml"]);
    assert_eq!(ran.code, 1);
    ran.out
}

#[test]
fn human() {
    insta::assert_snapshot!(output("human"));
}

#[test]
fn json() {
    insta::assert_snapshot!(output("json"));
}

#[test]
fn github() {
    insta::assert_snapshot!(output("github"));
}

#[test]
fn gitlab() {
    let text = output("gitlab");
    let issues: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut prints: Vec<&str> = issues.iter().map(|issue| issue["fingerprint"].as_str().unwrap()).collect();
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), issues.len(), "equal findings have fingerprints of their own");
    insta::assert_snapshot!(text);
}

#[test]
fn junit() {
    let text = output("junit");
    let (_, faults) = virtc_xml::parse(&virtc_diag::SourceFile::new("junit.xml", text.clone()));
    assert!(faults.is_empty(), "{faults:?}");
    insta::assert_snapshot!(text);
}

#[test]
fn junit_counts_warnings_as_failures_when_they_are_denied() {
    let folder = Folder::with("warn.xml", format!("{MISSPELT}{GOOD}"));
    let failures = |args: &[&str]| {
        let out = folder.virtc(&[&["check", "--format", "junit", "warn.xml"], args].concat()).out;
        out.matches("<failure ").count()
    };
    assert_eq!((failures(&[]), failures(&["--deny", "warnings"])), (0, 1));
}

#[test]
fn sarif() {
    let text = output("sarif");
    let log: Value = serde_json::from_str(&text).unwrap();
    let run = &log["runs"][0];
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    }
    insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[test]
fn nothing_found_is_a_whole_document_too() {
    let folder = Folder::with("good.xml", GOOD);
    let out = |format: &str| folder.virtc(&["check", "--format", format, "good.xml"]).out;
    for format in ["human", "json", "github"] {
        assert_eq!(out(format), "", "{format}");
    }
    assert_eq!(out("gitlab"), "[]\n");
    assert!(out("junit").contains("tests=\"1\" failures=\"0\""));
    let log: Value = serde_json::from_str(&out("sarif")).unwrap();
    assert_eq!(log["runs"][0]["results"], serde_json::json!([]));
}
