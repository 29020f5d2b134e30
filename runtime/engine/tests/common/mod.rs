//! A small VM for real runs.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "these are tests")]

mod bed;

use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use virtc_plan::{Action, Await, DevicePlan, Origin, Plan, PlannedStep, QmpCall, QmpCommand, Step};
use virtc_runtime::control::AttachArguments;
use virtc_runtime::{
    AclChoice, Ended, Event, Failure, Reply, Request, RequestSender, RunConfig, UserChoice, requests, run,
};

pub use bed::Bed;

pub const QEMU: &str = "/usr/bin/qemu-system-x86_64";

/// Whether the test can run here: as root, with QEMU. Says aloud why not.
#[track_caller]
pub fn can_run() -> bool {
    let has_qemu = Path::new(QEMU).exists();
    if !nix::unistd::geteuid().is_root() {
        skip("it needs root");
        false
    } else if has_qemu {
        true
    } else {
        skip(&format!("there is no {QEMU}"));
        false
    }
}

/// Says aloud, and in the summary of the tests, that the test at this place does not run.
#[track_caller]
pub fn skip(why: &str) {
    let place = std::panic::Location::caller();
    virtc_tests::tools::skipped(&format!("the test at {}:{} was not run: {why}", place.file(), place.line()));
}

pub fn planned(step: Step) -> PlannedStep {
    PlannedStep { step, origin: Origin::Rule("test".into()), device: None }
}

pub fn command(execute: &str, arguments: Value) -> QmpCommand {
    let Value::Object(arguments) = arguments else { unreachable!() };
    QmpCommand { call: QmpCall::new(execute, arguments), awaits: None, revert: None }
}

pub fn with_undo(mut of: QmpCommand, execute: &str, arguments: Value) -> QmpCommand {
    of.revert = Some(command(execute, arguments).call);
    of
}

pub fn released(mut of: QmpCommand, device: &str, deadline_ms: u64) -> QmpCommand {
    let Value::Object(matching) = json!({ "device": device }) else { unreachable!() };
    of.awaits = Some(Await { event: "DEVICE_DELETED".into(), matching, deadline_ms });
    of
}

pub fn config() -> RunConfig {
    RunConfig {
        user: UserChoice::Auto,
        acl: AclChoice::Auto,
        handshake: Duration::from_secs(60),
        power_down: Duration::from_millis(300),
        quit: Duration::from_secs(20),
        ..RunConfig::default()
    }
}

/// Runs the plan on a thread of its own; `body` gets the asking end and QEMU's process once the guest runs.
pub fn supervise(
    bed: &Bed,
    plan: &Plan,
    config: &RunConfig,
    body: impl FnOnce(&Asking, u32),
) -> Result<Ended, Failure> {
    let (sender, queue) = requests().unwrap();
    let (tell_running, running) = mpsc::channel();
    std::thread::scope(|scope| {
        let (dir, given) = (bed.dir(), sender.clone());
        let vm = scope.spawn(move || {
            run(plan, &dir, config, DEFINITION, Some((given, queue)), &mut |event| {
                if let Event::Running { pid } = event {
                    tell_running.send(*pid).unwrap();
                }
            })
        });
        // A VM that does not come to run closes the channel.
        if let Ok(pid) = running.recv() {
            let asking = Asking(sender);
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(&asking, pid)));
            if let Err(failed) = done {
                let _ = asking.0.ask(Request::Quit).recv();
                std::panic::resume_unwind(failed);
            }
        }
        vm.join().unwrap()
    })
}

/// The description of the VM.
pub const DEFINITION: &str = "a test";

pub fn attaching(plan: DevicePlan) -> AttachArguments {
    AttachArguments { plan, definition: None, generation: None }
}

pub struct Asking(RequestSender);

impl Asking {
    pub fn ask(&self, request: Request) -> Reply {
        self.0.ask(request).recv_timeout(Duration::from_secs(120)).unwrap()
    }

    pub fn device(&self, plan: DevicePlan) -> Reply {
        self.ask(match plan.action {
            Action::Attach => Request::Attach(Box::new(attaching(plan))),
            Action::Detach => Request::Detach(Box::new(plan)),
            Action::Update => Request::Update(Box::new(attaching(plan))),
        })
    }
}

#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
