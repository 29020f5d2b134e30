//! The supervisor dies, or is ended by signals.
#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "these are tests")]

mod common;

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{Bed, can_run, config, eventually, planned};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use virtc_plan::{Node, Owner, Plan, Step};
use virtc_runtime::{Event, HostError, Recovered, recover, run};

/// Without the test harness, for signals go to the main thread: this program is the tests, and their supervisor as well.
fn main() {
    if let Ok(plan) = std::env::var("VIRTC_TEST_PLAN") {
        return supervisor(&plan, &std::env::var("VIRTC_TEST_DIR").unwrap());
    }
    let tests: [(&str, fn()); 7] = [
        ("a_start_that_hangs_can_be_interrupted", a_start_that_hangs_can_be_interrupted),
        ("a_supervisor_killed_after_each_write_is_recovered", a_supervisor_killed_after_each_write_is_recovered),
        ("a_caller_without_root_needs_none", a_caller_without_root_needs_none),
        ("a_killed_supervisor_is_recovered", a_killed_supervisor_is_recovered),
        (
            "a_supervisor_and_its_qemu_that_both_died_are_recovered",
            a_supervisor_and_its_qemu_that_both_died_are_recovered,
        ),
        ("signals_end_the_vm_step_by_step", signals_end_the_vm_step_by_step),
        ("a_qemu_that_dies_by_itself_ends_the_run", a_qemu_that_dies_by_itself_ends_the_run),
    ];
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, test) in tests {
        if wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())) {
            test();
            println!("test {name} ... ok");
        }
    }
}

fn supervisor(plan: &str, dir: &str) {
    let plan = Plan::from_json(plan).unwrap();
    let mut left: Option<usize> = std::env::var("VIRTC_TEST_WRITES").ok().map(|text| text.parse().unwrap());
    let ended = run(&plan, Path::new(dir), &config(), "", None, &mut |event| {
        if let (Event::Applied(_) | Event::Reverted(_), Some(left)) = (event, left.as_mut()) {
            if *left == 0 {
                kill(Pid::this(), Signal::SIGKILL).unwrap();
            }
            *left -= 1;
        }
        if let Event::Running { pid } = event {
            println!("QEMU: {pid}");
        } else {
            println!("event {event:?}");
        }
    });
    println!("ended {ended:?}");
}

/// A supervisor that ends with its test.
struct Supervisor(Child);

impl Drop for Supervisor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(bed: &Bed) -> Command {
    let mut plan = bed.plan();
    let owned = Step::Own { node: Node::Path(bed.image().display().to_string()), owner: Owner::Qemu };
    plan.steps.insert(2, planned(owned));
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .env("VIRTC_TEST_PLAN", serde_json::to_string(&plan).unwrap())
        .env("VIRTC_TEST_DIR", bed.dir())
        .stdout(Stdio::piped());
    command
}

fn start(bed: &Bed, uid: u32) -> (Supervisor, BufReader<std::process::ChildStdout>, i32) {
    let mut child = Supervisor(command(bed).uid(uid).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("QEMU: ") {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the supervisor ended");
    }
    let pid = line.trim_start_matches("QEMU: ").trim().parse().unwrap();
    (child, lines, pid)
}

/// Through the whole start, and while everything is reverted.
fn a_supervisor_killed_after_each_write_is_recovered() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("each");
    let mut killed = 0;
    loop {
        let mut command = command(&bed);
        let child = command.env("VIRTC_TEST_WRITES", killed.to_string()).spawn().unwrap();
        let mut supervisor = Supervisor(child);
        let mut lines = BufReader::new(supervisor.0.stdout.take().unwrap());
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 {
            if let Some(pid) = line.strip_prefix("QEMU: ") {
                kill(Pid::from_raw(pid.trim().parse().unwrap()), Signal::SIGTERM).unwrap();
            }
            line.clear();
        }
        if supervisor.0.wait().unwrap().success() {
            break;
        }
        assert_eq!(recover(&bed.dir(), true, &config(), &mut |_| {}), Ok(Recovered::Reverted), "after write {killed}");
        bed.is_as_before();
        killed += 1;
    }
    bed.is_as_before();
    // Nine changes are made, and all but `cont` are reverted.
    assert_eq!(killed, 9 + 8);
}

fn a_start_that_hangs_can_be_interrupted() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("hangs");
    let plan = serde_json::to_string(&bed.scripted("sleep 1000")).unwrap();
    let mut supervisor = Supervisor(command(&bed).env("VIRTC_TEST_PLAN", plan).spawn().unwrap());
    eventually("QEMU is started", || !bed.processes().is_empty());
    let begun = std::time::Instant::now();
    kill(Pid::from_raw(supervisor.0.id().cast_signed()), Signal::SIGINT).unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut supervisor.0.stdout.take().unwrap(), &mut said).unwrap();
    assert!(supervisor.0.wait().unwrap().success());
    assert!(said.contains("cause: Interrupted, not_reverted: []"), "{said}");
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    bed.is_as_before();
}

fn a_killed_supervisor_is_recovered() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("crash");
    let (mut supervisor, _lines, qemu) = start(&bed, 0);
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(bed.image()).unwrap());
    assert_ne!(owner, 0, "QEMU's user owns the image");
    let recovered = |kill| recover(&bed.dir(), kill, &config(), &mut |_| {});
    assert_eq!(recovered(false), Err(HostError::Locked(bed.dir())));
    assert_eq!(
        run(&bed.plan(), &bed.dir(), &config(), "", None, &mut |_| {}).unwrap_err().cause,
        HostError::Locked(bed.dir())
    );
    supervisor.0.kill().unwrap();
    supervisor.0.wait().unwrap();
    // QEMU runs on, and is not touched until it is to be killed.
    let alive = Recovered::Alive { pids: vec![qemu.cast_unsigned()] };
    assert_eq!(recovered(false), Ok(alive.clone()));
    assert_eq!(recovered(false), Ok(alive));
    assert_eq!(
        run(&bed.plan(), &bed.dir(), &config(), "", None, &mut |_| {}).unwrap_err().cause,
        HostError::Unfinished(bed.dir())
    );
    assert_eq!(recovered(true), Ok(Recovered::Reverted));
    bed.is_as_before();
    assert_eq!(recovered(true), Ok(Recovered::Nothing));
}

fn a_supervisor_and_its_qemu_that_both_died_are_recovered() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("both");
    let (mut supervisor, _lines, qemu) = start(&bed, 0);
    supervisor.0.kill().unwrap();
    supervisor.0.wait().unwrap();
    kill(Pid::from_raw(qemu), Signal::SIGKILL).unwrap();
    eventually("QEMU is gone", || bed.processes().is_empty());
    // The write that was under way when the power went.
    let journal = bed.dir().join("journal");
    let mut text = std::fs::read_to_string(&journal).unwrap();
    text.push_str("{\"change\":{\"n\":99,");
    std::fs::write(&journal, text).unwrap();
    assert_eq!(recover(&bed.dir(), false, &config(), &mut |_| {}), Ok(Recovered::Reverted));
    bed.is_as_before();
}

fn signals_end_the_vm_step_by_step() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("signal");
    let (mut supervisor, mut lines, _) = start(&bed, 0);
    // The guest has no driver for its power button; after the grace QEMU is asked to quit.
    kill(Pid::from_raw(supervisor.0.id().cast_signed()), Signal::SIGTERM).unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut lines, &mut said).unwrap();
    assert!(supervisor.0.wait().unwrap().success());
    let at = |what: &str| said.find(what).unwrap_or_else(|| unreachable!("{what} is not in {said}"));
    assert!(at("AskedToPowerDown") < at("AskedToQuit") && at("AskedToQuit") < at("ended Ok(Ended"), "{said}");
    assert!(said.contains("exit status 0"), "{said}");
    bed.is_as_before();
}

fn a_qemu_that_dies_by_itself_ends_the_run() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("killed");
    let ended = common::supervise(&bed, &bed.plan(), &config(), |_, pid| {
        kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
    })
    .unwrap();
    assert_eq!((ended.status.as_str(), ended.is_clean), ("signal 9", false));
    bed.is_as_before();
}

fn a_caller_without_root_needs_none() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("session");
    let run_dir = bed.dir().parent().unwrap().to_owned();
    std::fs::create_dir(&run_dir).unwrap();
    std::os::unix::fs::chown(&run_dir, Some(65534), None).unwrap();
    let (mut supervisor, _lines, qemu) = start(&bed, 65534);
    assert_eq!(bed.processes(), [qemu.cast_unsigned()]);
    assert!(!bed.group("v2").exists() && !bed.group("v1").exists());
    supervisor.0.kill().unwrap();
    supervisor.0.wait().unwrap();
    // Even root does not follow a journal that another user could write.
    let refused = recover(&bed.dir(), true, &config(), &mut |_| {}).unwrap_err();
    assert!(refused.to_string().ends_with("is not a directory that only user 0 can write to"), "{refused}");
    nix::unistd::seteuid(nix::unistd::Uid::from_raw(65534)).unwrap();
    let recovered = recover(&bed.dir(), true, &config(), &mut |_| {});
    nix::unistd::seteuid(nix::unistd::Uid::from_raw(0)).unwrap();
    assert_eq!(recovered, Ok(Recovered::Reverted));
    bed.is_as_before();
}
