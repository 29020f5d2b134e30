//! `virtc check`: what it finds, what it answers, what it mends.

use std::os::unix::fs::PermissionsExt;

use crate::program::{Folder, GOOD, MISSPELT, USB, with_devices};

#[test]
fn the_exit_status_is_the_worst_of_all_files() {
    let folder = Folder::with("good.xml", GOOD);
    folder.write("warn.xml", format!("{MISSPELT}{GOOD}"));
    folder.write("bad.xml", with_devices(USB));
    let code = |args: &[&str]| folder.virtc(&[&["check", "--format", "json"], args].concat()).code;
    assert_eq!(code(&["good.xml"]), 0);
    assert_eq!(code(&["warn.xml"]), 0);
    assert_eq!(code(&["warn.xml", "--deny", "warnings"]), 1);
    assert_eq!(code(&["good.xml", "bad.xml"]), 1);
    assert_eq!(code(&["bad.xml", "missing.xml", "good.xml"]), 2);
    assert_eq!(code(&[]), 2);
    assert_eq!(code(&["good.xml", "--nonsense"]), 2);
    assert_eq!(code(&["good.xml", "--host", "missing.json"]), 2);
}

#[test]
fn json_has_the_fields_that_scripts_rely_on() {
    let folder = Folder::with("bad.xml", with_devices(&format!("    <!-- ä --> {}", USB.trim_start())));
    let ran = folder.virtc(&["check", "--format", "json", "bad.xml"]);
    let [found] = ran.json().try_into().unwrap();
    let expected = serde_json::json!({
        "file": "bad.xml", "name": "hostdev-net-usb", "severity": "error",
        "message": "`<interface type='hostdev'>` supports PCI devices only, but the source is a USB device",
        "line": 11, "column": 9, "end_line": 11, "end_column": 49,
        "help": "assign the adapter with `<hostdev mode='subsystem' type='usb'>`",
        "fix": {
            "title": "replace the interface with a USB `<hostdev>`", "safety": "unsafe",
            "edits": [{
                "line": 9, "column": 16, "end_line": 13, "end_column": 17,
                "text": "<hostdev mode='subsystem' type='usb'>\n  <source>\n    <address bus='1' device='4'/>\n  </source>\n</hostdev>",
            }],
        },
    });
    assert_eq!((found, ran.err.as_str()), (expected, ""));
}

#[test]
fn findings_come_in_the_order_of_the_files_whatever_the_jobs() {
    let folder = Folder::new();
    let names: Vec<String> = (0..40).map(|n| format!("d/{n:02}.xml")).collect();
    for (n, name) in names.iter().enumerate() {
        folder.write(name, with_devices(&USB.repeat(1 + n % 3)));
    }
    let one = folder.virtc(&["check", "--format", "json", "-j", "1", "d"]);
    let eight = folder.virtc(&["check", "--format", "json", "-j", "8", "d"]);
    assert_eq!((one.code, &one.out), (1, &eight.out));
    let mut files: Vec<String> = one.json().iter().map(|found| found["file"].as_str().unwrap().to_owned()).collect();
    files.dedup();
    assert_eq!(files, names);
    assert_eq!(folder.virtc(&["check", "-j", "0", "d"]).code, 2);
}

#[test]
fn only_what_is_asked_for_is_reported() {
    let folder = Folder::with("bad.xml", format!("{MISSPELT}{}", with_devices(USB)));
    let findings = |only: &str| folder.virtc(&["check", "--format", "json", "--only", only, "bad.xml"]).findings();
    assert_eq!(findings("hostdev-net-usb"), ["bad.xml 12 9 error hostdev-net-usb"]);
    assert_eq!(findings("useless-allow,hostdev-net-not-vf"), ["bad.xml 1 19 warning useless-allow"]);
    assert_eq!(findings("schema"), Vec::<String>::new());
    let unknown = folder.virtc(&["check", "--only", "hostdev-net-ubs", "bad.xml"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("did you mean `hostdev-net-usb`?"), "{}", unknown.err);
    // What is no XML cannot be silent.
    folder.write("bad.xml", "<domain><name></domain>");
    assert!(findings("hostdev-net-usb").iter().all(|found| found.ends_with("error xml-syntax")));
    assert_eq!(folder.virtc(&["check", "--only", "hostdev-net-usb", "bad.xml"]).code, 1);
}

#[test]
fn a_lint_without_facts_is_told_in_the_summary() {
    let vf = "<interface type='hostdev'><source><address type='pci' bus='4'/></source></interface>\n";
    let folder = Folder::with("vf.xml", with_devices(vf));
    let host = r#"{"format": 1, "hardware": {"pci": {"0000:04:00.0":
        {"vendor": "0x8086", "device": "0x10d3", "class": "0x020000", "bus": "express"}}}}"#;
    folder.write("host.json", host);
    let blind = folder.virtc(&["check", "vf.xml"]);
    let summary = "1 file: 0 errors, 0 warnings; 1 lint skipped for want of host facts (give `--host FILE`): hostdev-net-not-vf\n";
    assert_eq!((blind.code, blind.err.as_str()), (0, summary));
    let seeing = folder.virtc(&["check", "vf.xml", "--host", "host.json", "--format", "json"]);
    assert_eq!(seeing.findings(), ["vf.xml 9 35 error hostdev-net-not-vf"]);
    let other = folder.virtc(&["check", "vf.xml", "--only", "hostdev-net-usb"]);
    assert_eq!(other.err, "1 file: 0 errors, 0 warnings\n");
}

#[test]
fn safe_fixes_are_made_and_others_are_not() {
    let text = format!("{MISSPELT}{GOOD}");
    let folder = Folder::with("a.xml", &text);
    std::fs::set_permissions(folder.path("a.xml"), PermissionsExt::from_mode(0o640)).unwrap();

    let diff = folder.virtc(&["check", "--diff", "a.xml"]);
    let lines: Vec<&str> = diff.out.lines().filter(|line| line.starts_with(['+', '-'])).collect();
    let (minus, plus) = (format!("-{}", MISSPELT.trim_end()), "+<!-- virtc: allow(hostdev-net-usb) -->");
    assert_eq!(lines, ["--- a.xml", "+++ a.xml", &minus, plus]);
    assert_eq!((diff.code, folder.read("a.xml")), (0, text.clone()));

    let fix = folder.virtc(&["check", "--fix", "a.xml"]);
    assert_eq!((fix.code, fix.err.as_str()), (0, "1 file: 0 errors, 0 warnings; 1 fix made\n"));
    assert_eq!(folder.read("a.xml"), text.replace("ubs", "usb"));
    let mode = std::fs::metadata(folder.path("a.xml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let files = std::fs::read_dir(folder.path("")).unwrap().count();
    assert_eq!(files, 1, "nothing is left beside the file");

    folder.write("b.xml", with_devices(USB));
    let unsafe_fix = folder.virtc(&["check", "--fix", "b.xml"]);
    assert_eq!((unsafe_fix.code, folder.read("b.xml")), (1, with_devices(USB)));
}

#[test]
fn what_cannot_be_mended_is_refused() {
    let folder = Folder::new();
    let ran = folder.virtc_with(&["check", "--fix", "-"], &format!("{MISSPELT}{GOOD}"));
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("`--fix` cannot change standard input"), "{}", ran.err);
    let ran = folder.virtc_with(&["check", "--diff", "-"], &format!("{MISSPELT}{GOOD}"));
    assert!(ran.out.contains("+<!-- virtc: allow(hostdev-net-usb) -->"), "{}", ran.out);
    assert_eq!(folder.virtc(&["check", "--fix", "--diff", "-"]).code, 2);
}
