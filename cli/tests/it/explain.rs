//! `virtc explain`

use crate::program::Folder;

#[test]
fn every_name_that_is_listed_is_explained() {
    let folder = Folder::new();
    let list = folder.virtc(&["explain"]);
    assert_eq!(list.code, 0);
    let names: Vec<&str> = list.out.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for name in ["hostdev-net-usb", "hostdev-net-not-vf", "useless-allow", "xml-syntax", "xml-limit"] {
        assert!(names.contains(&name), "{name} is not listed");
    }
    for name in names {
        let ran = folder.virtc(&["explain", name]);
        assert_eq!(ran.code, 0);
        assert!(ran.out.starts_with(&format!("{name} (")) && ran.out.len() > 100, "{}", ran.out);
        assert!(!ran.out.contains("//!") && !ran.out.contains("\nuse "), "{}", ran.out);
    }
    let text = folder.virtc(&["explain", "hostdev-net-usb"]).out;
    assert!(text.contains("```xml fires\n") && text.contains("```xml silent\n"), "{text}");
}

#[test]
fn a_near_name_is_offered() {
    let folder = Folder::new();
    let ran = folder.virtc(&["explain", "hostdev-net-vf"]);
    assert_eq!(ran.code, 2);
    assert_eq!(
        ran.err,
        "virtc: there is no diagnostic `hostdev-net-vf`; did you mean `hostdev-net-usb` or `hostdev-net-not-vf`?\n"
    );
    assert!(folder.virtc(&["explain", "xyzzy"]).err.contains("`virtc explain` lists all"));
}
