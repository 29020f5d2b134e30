//! The list of rules against the folder, and every rule's own examples.
#![expect(clippy::disallowed_methods, reason = "a test reads files")]

use std::path::Path;

use virtc_diag::SourceFile;
use virtc_inventory::HostFile;
use virtc_lints::{CODES, Context, Findings, check, docs, rules};

/// A domain around the device of an example.
fn domain(example: &str) -> String {
    if example.starts_with("<domain") {
        return example.to_owned();
    }
    format!(
        "<domain type='kvm'>\n<name>example</name>\n<memory>65536</memory>\n<os><type>hvm</type></os>\n<devices>\n{example}</devices>\n</domain>\n"
    )
}

fn run(text: &str, host: Option<&HostFile>) -> Findings {
    let (document, faults) = virtc_xml::parse(&SourceFile::new("example", text));
    assert!(faults.is_empty(), "{text}\n{faults:?}");
    check(&Context::new(&document, host))
}

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
        assert!(docs::text(&file).starts_with("Finds "), "{}", lint.code.name);
    }
}

#[test]
fn every_example_does_what_it_says() {
    for lint in rules::ALL {
        let name = lint.code.name;
        let text = docs::text(lint.code.explanation);
        let hosts = docs::blocks(&text, "json host");
        let host = hosts.first().map(|text| HostFile::from_json(text).unwrap());
        let (fires, silent) = (docs::blocks(&text, "xml fires"), docs::blocks(&text, "xml silent"));
        assert!(!fires.is_empty() && !silent.is_empty(), "{name} lacks an example");
        for example in fires {
            let found = run(&domain(&example), host.as_ref());
            let names: Vec<&str> = found.diagnostics.iter().map(|d| d.code.name).collect();
            assert_eq!(names, [name], "{name} and nothing else must fire:\n{example}");
            assert!(found.skipped.is_empty(), "{name}");
        }
        for example in silent {
            let found = run(&domain(&example), host.as_ref());
            assert!(found.diagnostics.is_empty() && found.skipped.is_empty(), "{name}: {:?}", found.diagnostics);
        }
        if host.is_some() {
            let example = docs::blocks(&text, "xml fires").remove(0);
            let found = run(&domain(&example), None);
            assert!(found.diagnostics.is_empty(), "{name} must keep silent without a host");
            assert_eq!(found.skipped, [lint.code], "{name}");
        }
    }
}

#[test]
fn an_allow_holds_for_its_element_or_for_the_file() {
    let usb = "<interface type='hostdev'><source><address type='usb' bus='1' device='4'/></source></interface>\n";
    let allow = "<!-- virtc: allow(hostdev-net-usb): the adapter is borrowed -->\n";
    let lines = |text: &str| {
        let file = SourceFile::new("f", text);
        let found = run(text, None).diagnostics;
        found.iter().map(|d| (d.code.name, file.line_column(d.span.unwrap().start).line)).collect::<Vec<_>>()
    };
    let usb_at = |line| ("hostdev-net-usb", line);
    assert_eq!(lines(&format!("<domain><devices>\n{usb}{usb}</devices></domain>")), [usb_at(2), usb_at(3)]);
    assert_eq!(lines(&format!("<domain><devices>\n{allow}<!-- so -->\n{usb}{usb}</devices></domain>")), [usb_at(5)]);
    assert_eq!(lines(&format!("{allow}<domain>\n{allow}<devices>\n{usb}{usb}</devices></domain>")), []);
    assert_eq!(
        lines(&format!("<domain><devices>\n{usb}{allow}</devices></domain>")),
        [usb_at(2), ("useless-allow", 3)]
    );
    assert_eq!(lines("<!-- virtc: check --><domain><!-- virtc: allowed --></domain>"), []);
}

#[test]
fn an_allow_of_no_lint_is_reported_at_the_name() {
    let text = "<!-- virtc: allow(hostdev-net-usb, hostdev-net-ubs,xml-syntax) -->\n<domain/>";
    let file = SourceFile::new("f", text);
    let found = run(text, None).diagnostics;
    let all: Vec<_> = found
        .iter()
        .map(|d| {
            (file.slice(d.span.unwrap()), d.message.as_str(), d.fix.as_ref().map(|fix| fix.edits[0].text.as_str()))
        })
        .collect();
    let expected = [
        ("hostdev-net-ubs", "there is no lint `hostdev-net-ubs`", Some("hostdev-net-usb")),
        ("xml-syntax", "there is no lint `xml-syntax`", None),
    ];
    assert_eq!(all, expected);
}

#[test]
fn the_fix_of_a_usb_interface_is_silent_then() {
    let text = domain(
        "  <interface type='hostdev' managed='yes'>\n    <source>\n      <address type='usb' bus='1' device='4'/>\n    </source>\n    \
        <mac address='52:54:00:6d:90:02'/>\n    <boot order='1'/>\n  </interface>\n",
    );
    let found = run(&text, None).diagnostics;
    let edit = &found.iter().next().unwrap().fix.as_ref().unwrap().edits[0];
    let fixed = format!("{}{}{}", &text[..edit.span.range().start], edit.text, &text[edit.span.range().end..]);
    assert!(
        fixed.contains(
            "\n  <hostdev mode='subsystem' type='usb'>\n    <source>\n      <address bus='1' device='4'/>\n    </source>\n    \
            <boot order='1'/>\n  </hostdev>\n"
        ),
        "{fixed}"
    );
    assert!(run(&fixed, None).diagnostics.is_empty());
}
