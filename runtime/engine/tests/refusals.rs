//! A QEMU that cannot be started, or does not behave: a clear error each time, and the host as it was.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::path::Path;
use std::time::Duration;

use common::{Bed, can_run, config, supervise};
use virtc_plan::{Arg, MONITOR_FD, Plan, Step};
use virtc_runtime::{AclChoice, HostError, RunConfig};

fn add_argument(plan: &mut Plan, text: &str) {
    for planned in &mut plan.steps {
        if let Step::Spawn { argv, .. } = &mut planned.step {
            argv.push(Arg::text(text));
        }
    }
}

#[track_caller]
fn refused(bed: &Bed, plan: &Plan, config: &RunConfig) -> HostError {
    let failure = supervise(bed, plan, config, |_, _| unreachable!("it must not run")).unwrap_err();
    assert_eq!((failure.exit_code(), failure.not_reverted), (3, vec![]));
    assert_eq!(failure.at.as_deref(), Some("rule test"));
    bed.is_as_before();
    failure.cause
}

#[test]
fn a_program_that_cannot_start() {
    if !can_run() {
        return;
    }
    for acl in [AclChoice::V2, AclChoice::Off] {
        let config = RunConfig { acl, ..config() };
        let bed = Bed::new("start");
        let cause = refused(&bed, &bed.with_program(Path::new("/nowhere/qemu")), &config);
        assert_eq!(cause.to_string(), "start /nowhere/qemu: No such file or directory (os error 2)");
        let plain = bed.image();
        let cause = refused(&bed, &bed.with_program(&plain), &config);
        assert_eq!(cause.to_string(), format!("start {}: Permission denied (os error 13)", plain.display()));
        let cause = refused(&bed, &bed.with_program(Path::new("qemu")), &config);
        assert_eq!(cause.to_string(), "the program `qemu` is not an absolute path");
    }
}

#[test]
fn a_qemu_that_dies_at_its_start_is_heard() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("dies");
    let mut plan = bed.plan();
    add_argument(&mut plan, "-no-such-option");
    let cause = refused(&bed, &plan, &config());
    let HostError::QemuEnded { status, stderr } = &cause else { unreachable!("{cause:?}") };
    assert_eq!(status, "exit status 1");
    assert!(stderr.contains("-no-such-option: invalid option"), "{stderr}");
    assert!(cause.to_string().starts_with("QEMU ended (exit status 1); its stderr: "), "{cause}");
}

#[test]
fn a_qemu_that_does_not_answer() {
    if !can_run() {
        return;
    }
    let config = RunConfig { handshake: Duration::from_millis(400), ..config() };
    for acl in [AclChoice::V2, AclChoice::Off] {
        let config = RunConfig { acl, ..config.clone() };
        let bed = Bed::new("mute");
        // Not only the shell: its children are found as well.
        let cause = refused(&bed, &bed.scripted("echo here I am >&2; sleep 1000 & sleep 1000"), &config);
        assert_eq!(cause.to_string(), "QEMU has not answered `the greeting` after 400 ms; its stderr: here I am");
        let cause = refused(&bed, &bed.scripted("exit 7"), &config);
        assert_eq!(cause.to_string(), "QEMU ended (exit status 7)");
        let cause = refused(&bed, &bed.scripted("kill -9 $$"), &config);
        assert_eq!(cause.to_string(), "QEMU ended (signal 9)");
    }
}

#[test]
fn nothing_else_is_inherited() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("fds");
    // Open and inheritable here, and not in the plan.
    let leak = std::fs::File::open("/dev/null").unwrap();
    nix::fcntl::fcntl(&leak, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    let config = RunConfig { handshake: Duration::from_millis(400), ..config() };
    let cause = refused(&bed, &bed.scripted("ls -l /proc/$$/fd; env; sleep 1000"), &config);
    let HostError::NoAnswer { stderr, .. } = cause else { unreachable!("{cause:?}") };
    // Standard input, output and error, the monitor, the boot disk; and the script, which the shell reads.
    assert_eq!(stderr.lines().filter(|line| line.contains(" -> ")).count(), 6, "{stderr}");
    let names: Vec<&str> = stderr.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    // The shell adds the directory.
    assert!(names.contains(&"VIRTC_VM"), "{stderr}");
    assert!(names.iter().all(|name| ["LC_ALL", "VIRTC_VM", "PWD", "_", "OLDPWD"].contains(name)), "{names:?}");
}

#[test]
fn plans_that_make_no_sense() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("sense");
    let without = |wanted: fn(&Step) -> bool| {
        let mut plan = bed.plan();
        plan.steps.retain(|planned| !wanted(&planned.step));
        refused(&bed, &plan, &config()).to_string()
    };
    let words = without(|step| matches!(step, Step::Listen { .. }));
    assert_eq!(words, format!("the plan passes descriptor `{MONITOR_FD}` to QEMU before it is open"));
    let words = without(|step| matches!(step, Step::Cgroup { .. }));
    assert_eq!(words, "the plan starts QEMU before it makes the control group");
    let mut plan = bed.plan();
    plan.steps.retain(|planned| !matches!(planned.step, Step::Spawn { .. }));
    let failure = supervise(&bed, &plan, &config(), |_, _| unreachable!()).unwrap_err();
    assert_eq!(failure.to_string(), "a plan starts QEMU once, and this one 0 times");
    bed.is_as_before();
}

#[test]
fn a_directory_of_others_is_not_used() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("others");
    std::fs::create_dir_all(bed.dir()).unwrap();
    std::os::unix::fs::chown(bed.dir(), Some(12345), None).unwrap();
    let failure = supervise(&bed, &bed.plan(), &config(), |_, _| unreachable!()).unwrap_err();
    assert!(failure.to_string().ends_with("is not a directory that only user 0 can write to"), "{failure}");
    std::fs::remove_dir(bed.dir()).unwrap();
    bed.is_as_before();
}
