//! `virtc run`

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::{Folder, GOOD, Ran, with_devices};

/// A definition that needs no KVM.
fn emulated() -> String {
    GOOD.replace("type='kvm'", "type='qemu'")
}

#[test]
fn a_dry_run_prints_changes_and_makes_none() {
    let folder = Folder::with("good.xml", emulated());
    folder.write("plan.json", folder.virtc(&["compile", "--emit", "plan", "--format", "json", "good.xml"]).out);
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
    let plan = folder.virtc(&["compile", "--emit", "plan", "--format", "json", "good.xml"]).out;
    folder.write("old.json", plan.replace("\"format\":2", "\"format\":99"));
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

/// `run` with the state directory `state` in the folder and without a device ACL.
fn run(folder: &Folder, file: &str) -> Ran {
    folder.virtc(&["run", "--device-acl", "off", "--state-dir", folder.path("state").to_str().unwrap(), file])
}

#[test]
fn a_host_that_refuses_is_left_as_it_was() {
    let disk = "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/nowhere/disk.img'/>\
        <target dev='vda' bus='virtio'/></disk>\n";
    let folder = Folder::with("disk.xml", with_devices(disk).replace("type='kvm'", "type='qemu'"));
    folder.write("false.xml", with_devices("<emulator>/bin/false</emulator>\n").replace("type='kvm'", "type='qemu'"));
    let disk = run(&folder, "disk.xml");
    assert_eq!(disk.code, 3, "{}", disk.err);
    assert!(disk.err.contains("/nowhere/disk.img") && disk.err.contains("disk.xml:9:"), "{}", disk.err);
    let gone = run(&folder, "false.xml");
    assert_eq!(gone.code, 3, "{}", gone.err);
    assert!(gone.err.contains("QEMU ended (exit status 1)"), "{}", gone.err);
    assert!(!folder.path("state/bad").exists(), "{}", gone.err);
}

#[test]
fn a_guest_runs_until_it_is_told_to_end() {
    if !Path::new("/usr/bin/qemu-system-x86_64").exists() {
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("skipped: there is no /usr/bin/qemu-system-x86_64\n"),
        )
        .unwrap();
        return;
    }
    let folder = Folder::with("good.xml", emulated());
    let state = folder.path("state");
    let mut command =
        folder.command(&["run", "--device-acl", "off", "--state-dir", state.to_str().unwrap(), "good.xml"]);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut said = Vec::new();
    // There is no system in the guest that could answer: the second signal asks QEMU itself.
    let signals = ["the guest runs", "the guest was asked to shut down"];
    let process = Pid::from_raw(i32::try_from(child.id()).unwrap());
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
        if signals.iter().any(|signal| line.contains(signal)) {
            kill(process, Signal::SIGTERM).unwrap();
        }
        said.push(line);
    }
    let said = said.join("\n");
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
    assert!(said.contains("QEMU was asked to quit") && !state.join("good").exists(), "{said}");
}
