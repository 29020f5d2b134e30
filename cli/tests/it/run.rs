//! `virtc run`

use crate::program::{Folder, GOOD};

/// A definition that needs no KVM.
fn emulated() -> String {
    GOOD.replace("type='kvm'", "type='qemu'")
}

#[test]
fn a_dry_run_prints_changes_and_makes_none() {
    let folder = Folder::with("good.xml", emulated());
    folder.write("plan.json", folder.virtc(&["compile", "--emit", "plan", "good.xml"]).out);
    let state = folder.path("state");
    let rehearse = |file: &str| {
        let args = ["run", "--dry-run", "--device-acl", "off", "--state-dir", state.to_str().unwrap(), file];
        let ran = folder.virtc(&args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    };
    let changes = rehearse("good.xml");
    let first = format!("rule start: make directory {}", state.join("good").display());
    assert!(changes.starts_with(&first) && changes.contains("qemu-system-x86_64"), "{changes}");
    assert_eq!(rehearse("plan.json"), changes);
    assert!(!state.exists());
}

#[test]
fn a_definition_that_is_refused_is_not_run() {
    let folder = Folder::with("bad.xml", GOOD.replace("<vcpu>1", "<vcpu>one"));
    let ran = folder.virtc(&["run", "--state-dir", "state", "bad.xml"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("bad.xml:4:9") && !folder.path("state").exists(), "{}", ran.err);
}

#[test]
fn what_is_no_plan_is_refused() {
    let folder = Folder::with("good.xml", emulated());
    let plan = folder.virtc(&["compile", "--emit", "plan", "good.xml"]).out;
    folder.write("old.json", plan.replace("\"format\": 1", "\"format\": 99"));
    folder.write("step.json", plan.replace("\"state-dir\"", "\"reboot\""));
    let says = |file: &str| {
        let ran = folder.virtc(&["run", "--state-dir", "s", file]);
        assert_eq!(ran.code, 2, "{}", ran.err);
        ran.err
    };
    assert!(says("old.json").contains("old.json: the plan has format 99"));
    assert!(says("step.json").contains("unknown variant `reboot`"));
    assert!(says("none.json").contains("there is no file `none.json`"));
}
