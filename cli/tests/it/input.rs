//! Input that is none, or not what was meant.

use std::time::{Duration, Instant};

use crate::program::{Folder, GOOD, USB, with_devices};

/// The findings of `check` on a file with this content.
fn findings(content: impl AsRef<[u8]>) -> (i32, Vec<String>) {
    let folder = Folder::with("f", content);
    let ran = folder.virtc(&["check", "--format", "json", "f"]);
    assert_eq!(ran.err, "");
    (ran.code, ran.findings())
}

#[test]
fn what_is_no_text_is_named_with_its_place() {
    assert_eq!(findings(b"<a>\n  \xc3\xa4 \xff</a>"), (1, vec!["f 2 5 error xml-encoding".into()]));
    assert_eq!(findings(b"\x7fELF\x02\x01\x01\0\0\0\x80"), (1, vec!["f 1 11 error xml-encoding".into()]));
    assert_eq!(findings(b"\xff\xfe<\0d\0"), (1, vec!["f 1 1 error xml-encoding".into()]));
}

#[test]
fn a_file_that_is_too_large_is_not_read_on() {
    let folder = Folder::new();
    let big = std::fs::File::create(folder.path("big.xml")).unwrap();
    // A hole of 4 TiB: reading it all would take hours.
    big.set_len(1 << 42).unwrap();
    let began = Instant::now();
    let ran = folder.virtc(&["check", "--format", "json", "big.xml"]);
    assert_eq!((ran.code, ran.findings()), (1, vec!["big.xml 1 1 error xml-limit".to_owned()]));
    assert!(began.elapsed() < Duration::from_secs(30));
    let endless = folder.virtc(&["check", "--format", "json", "/dev/zero"]);
    assert_eq!((endless.code, endless.findings()), (1, vec!["/dev/zero 1 1 error xml-limit".to_owned()]));
}

#[test]
fn what_is_no_whole_document_is_a_finding() {
    let long = "<a>".repeat(100_000);
    for content in ["", " ", "text", "<", "<domain", "<domain><name>", "<!-- ", "<domain a='1' a='2'/>", "&x;", &long] {
        let (code, found) = findings(content);
        assert_eq!(code, 1, "{content:.60}");
        assert!(!found.is_empty() && found.len() <= 200, "{content:.60}: {} findings", found.len());
    }
}

#[test]
fn standard_input_is_a_file() {
    let folder = Folder::new();
    let ran = folder.virtc_with(&["check", "--format", "json", "-"], &with_devices(USB));
    assert_eq!((ran.code, ran.findings()), (1, vec!["<stdin> 11 9 error hostdev-net-usb".to_owned()]));
    let twice = folder.virtc_with(&["check", "-", "-"], GOOD);
    assert_eq!(twice.code, 2);
    assert!(twice.err.contains("standard input can be read only once"), "{}", twice.err);
}

#[test]
fn a_directory_is_searched_for_domains() {
    let folder = Folder::with("d/b/two.xml", with_devices(USB));
    folder.write("d/one.xml", format!("<?xml version='1.0'?>\n<!-- <network/> -->\n{}", with_devices(USB)));
    folder.write("d/broken.xml", "<domain>\n  <name>x</nam>\n</domain>");
    folder.write("d/network.xml", "<network><name>n</name></network>");
    folder.write("d/readme.txt", with_devices(USB));
    std::os::unix::fs::symlink(".", folder.path("d/b/circle")).unwrap();
    std::os::unix::fs::symlink("../one.xml", folder.path("d/b/link.xml")).unwrap();
    let ran = folder.virtc(&["check", "--format", "json", "d"]);
    let mut files: Vec<String> = ran.json().iter().map(|found| found["file"].as_str().unwrap().to_owned()).collect();
    files.dedup();
    assert_eq!(
        (ran.code, files),
        (1, ["d/b/link.xml", "d/b/two.xml", "d/broken.xml", "d/one.xml"].map(String::from).into())
    );
}

#[test]
fn a_name_that_is_no_file_is_told_apart() {
    let folder = Folder::with("d/readme.txt", "");
    folder.write("host.json", "{\"format\": 1,\n \"hardwear\": 0}");
    folder.write("host.bin", b"{\xff}");
    folder.write("good.xml", GOOD);
    let says = |args: &[&str]| {
        let ran = folder.virtc(args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?} {}", ran.err);
        ran.err
    };
    assert!(says(&["check", "--format", "json", "none.xml"]).contains("there is no file `none.xml`"));
    assert!(says(&["check", "--format", "json", "d"]).contains("there is no domain in `d`"));
    assert!(says(&["host", "show", "d"]).contains("`d` is a directory, and a file is wanted"));
    assert!(says(&["check", "--host", "host.json", "good.xml"]).contains("line 2 column 11"));
    assert!(says(&["check", "--host", "host.bin", "good.xml"]).contains("host.bin:1:2: byte 0xff is no UTF-8"));
}

#[test]
fn a_closed_door_is_an_error_and_the_rest_is_checked() {
    let folder = Folder::with("good.xml", GOOD);
    folder.write("bad.xml", with_devices(USB));
    let ran = folder.virtc(&["check", "--format", "json", "none.xml", "good.xml", "bad.xml"]);
    assert_eq!((ran.code, ran.findings()), (2, vec!["bad.xml 11 9 error hostdev-net-usb".to_owned()]));
}
