//! `virtc run`

use crate::program::Folder;

/// A plan that makes a state directory with a folder in it, and starts nothing.
const PLAN: &str = r#"{"format": 1, "producer": "test", "digest": "0", "domain": {"name": "vm", "uuid": "u"},
    "steps": [{"step": {"state-dir": {"directories": ["channel"]}}, "origin": {"rule": "state"}}]}"#;

#[test]
fn a_dry_run_prints_changes_and_makes_none() {
    let folder = Folder::with("plan.json", PLAN);
    let state = folder.path("state");
    let ran =
        folder.virtc(&["run", "--dry-run", "--device-acl", "off", "--state", state.to_str().unwrap(), "plan.json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let line = format!("rule state: make directory {}", state.join("qemu/channel").display());
    assert!(ran.out.lines().any(|found| found.starts_with(&line)), "{}", ran.out);
    assert!(!state.exists());
}

#[test]
fn what_is_no_plan_is_refused() {
    let folder = Folder::with("old.json", PLAN.replace("\"format\": 1", "\"format\": 99"));
    folder.write("step.json", PLAN.replace("state-dir", "reboot"));
    let says = |file: &str| {
        let ran = folder.virtc(&["run", "--state", "s", file]);
        assert_eq!(ran.code, 2, "{}", ran.err);
        ran.err
    };
    assert!(says("old.json").contains("old.json: the plan has format 99"));
    assert!(says("step.json").contains("unknown variant `reboot`"));
    assert!(says("none.json").contains("there is no file `none.json`"));
}
