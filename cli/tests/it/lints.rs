//! Every lint's own examples: one that fires, and fires only; one that is silent. Both are valid by the grammar.

use virtc_lints::{docs, rules};

use crate::program::{Folder, with_devices};

/// A domain around the device of an example.
fn domain(example: &str) -> String {
    if example.starts_with("<domain") { example.to_owned() } else { with_devices(example) }
}

#[test]
fn every_example_does_what_it_says() {
    let folder = Folder::new();
    for lint in rules::ALL {
        let name = lint.code.name;
        let text = docs::text(lint.code.explanation);
        let hosts = docs::blocks(&text, "json host");
        let mut args = vec!["check", "--format", "json", "example.xml"];
        if let Some(host) = hosts.first() {
            folder.write("host.json", host);
            args.extend(["--host", "host.json"]);
        }
        let names = |example: &str, args: &[&str]| {
            folder.write("example.xml", domain(example));
            let ran = folder.virtc(args);
            assert!(ran.code < 2, "{}", ran.err);
            ran.json().iter().map(|found| found["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let fires = docs::blocks(&text, "xml fires");
        for example in &fires {
            assert_eq!(names(example, &args), [name], "{example}");
        }
        for example in docs::blocks(&text, "xml silent") {
            assert_eq!(names(&example, &args), Vec::<String>::new(), "{name}: {example}");
        }
        if !hosts.is_empty() {
            assert_eq!(names(&fires[0], &args[..4]), Vec::<String>::new(), "{name} without facts");
            let summary = folder.virtc(&["check", "example.xml"]).err;
            assert!(summary.contains("1 lint skipped") && summary.contains(name), "{summary}");
        }
    }
}

#[test]
fn the_fix_of_a_usb_interface_keeps_what_holds_for_it() {
    let text = with_devices(
        "    <interface type='hostdev' managed='yes'>\n      <source>\n        <address type='usb' bus='1' device='4'/>\n      \
        </source>\n      <mac address='52:54:00:6d:90:02'/>\n      <boot order='1'/>\n    </interface>\n",
    );
    let folder = Folder::with("a.xml", &text);
    let [found] = folder.virtc(&["check", "--format", "json", "a.xml"]).json().try_into().unwrap();
    let edit = &found["fix"]["edits"][0];
    let expected = "<hostdev mode='subsystem' type='usb'>\n      <source>\n        <address bus='1' device='4'/>\n      </source>\n      \
        <boot order='1'/>\n    </hostdev>";
    assert_eq!(edit["text"], expected);
    let (start, end) = (text.find("<interface").unwrap(), text.find("</interface>").unwrap() + "</interface>".len());
    folder.write("a.xml", format!("{}{expected}{}", &text[..start], &text[end..]));
    let fixed = folder.virtc(&["check", "--format", "json", "a.xml"]);
    assert_eq!((fixed.code, fixed.out.as_str()), (0, ""));
}
