//! For a plan with every step: the run stops at every single write, and whatever it leaves behind is taken back to the last byte.

use std::path::Path;

use serde_json::json;
use virtc_plan::{
    Access, Action, Arg, Await, Content, DeviceKind, DevicePlan, DeviceRule, DomainId, FORMAT, Limit, Node, OpenMode,
    Origin, Owner, Part, Placeholder, Plan, PlannedStep, QmpCall, QmpCommand, QmpScript, Quote, SocketPlace, Step,
    UserPolicy,
};

use crate::change::Op;
use crate::config::RunConfig;
use crate::engine::Engine;
use crate::error::Failure;
use crate::host::fake::{Fake, Fault};
use crate::host::{Kind, holds};
use crate::journal::Journal;
use crate::recover::{Recovered, take_back};

const DIR: &str = "/run/virtc/vm";
const VF: &str = "0000:03:10.0";

fn planned(step: Step) -> PlannedStep {
    PlannedStep { step, origin: Origin::Rule("test".into()), device: None }
}

fn call(text: serde_json::Value) -> QmpCall {
    serde_json::from_value(text).unwrap()
}

/// What is made and stays: the firmware's variables.
const VARS: &str = "/vars.fd";

fn open(fd: &str, path: &str, create: bool, content: Content) -> Step {
    Step::Open { fd: fd.into(), path: path.into(), mode: OpenMode::ReadWrite, create, content }
}

fn listen(fd: &str, at: SocketPlace) -> Step {
    Step::Listen { fd: fd.into(), at }
}

fn bind() -> Vec<Step> {
    let group = || Node::VfioGroup(VF.parse().unwrap());
    let rule = DeviceRule::Node { node: group(), access: Access::RW, optional: false };
    vec![
        Step::VfioBind { device: VF.parse().unwrap(), managed: true },
        Step::Allow { rules: vec![rule] },
        Step::Own { node: group(), owner: Owner::Qemu },
    ]
}

fn plan() -> Plan {
    let pts = DeviceRule::Number { kind: DeviceKind::Block, major: Some(8), minor: None, access: Access::R };
    let fd = |name: &str| Part::Placeholder { name: Placeholder::Fd(name.into()), quote: Quote::None };
    let script = QmpScript {
        commands: vec![QmpCommand {
            call: call(json!({"execute": "set_link", "arguments": {"name": "net0", "up": false}})),
            awaits: None,
            revert: Some(call(json!({"execute": "set_link", "arguments": {"name": "net0", "up": true}}))),
        }],
    };
    let mut steps = vec![
        Step::StateDir { directories: vec!["channel".into(), "channel/a".into()] },
        Step::Cgroup { rules: vec![pts] },
    ];
    steps.extend(bind());
    steps.extend([
        Step::Own { node: Node::Path("/disk.img".into()), owner: Owner::Ids { uid: 1, gid: 2 } },
        open("disk", "/disk.img", false, Content::Keep),
        open("log", "/vm.log", true, Content::Append),
        Step::CopyFile { from: Some("/template.fd".into()), to: VARS.into(), owner: Owner::Qemu },
        listen("agent", SocketPlace::Private("channel-agent.0".into())),
        listen("serial", SocketPlace::Path("/serial.sock".into())),
        Step::Tap {
            fds: vec!["tap0".into(), "tap1".into()],
            vhost_fds: vec!["vhost0".into()],
            name: "vnet%d".into(),
            bridge: Some("br0".into()),
            mac: Some("fe:54:00:00:00:09".into()),
            mtu: Some(1400),
            vnet_hdr: true,
        },
        listen("monitor", SocketPlace::Private("monitor.sock".into())),
        Step::Spawn {
            argv: vec![Arg::text("/bin/qemu"), Arg::from(vec![Part::Text("fd=".into()), fd("monitor")])],
            env: vec![],
            fds: ["monitor", "disk", "log", "agent", "serial", "tap0", "tap1"].map(String::from).to_vec(),
            user: UserPolicy::Qemu,
            memlock: Some(Limit::Bytes(1 << 20)),
        },
        Step::Memlock { limit: Limit::Unlimited },
        Step::QmpRun { script },
        Step::Cont {},
    ]);
    let domain = DomainId { name: "vm".into(), uuid: "u".into() };
    let steps = steps.into_iter().map(planned).collect();
    Plan { format: FORMAT, producer: "test".into(), digest: "d".into(), domain, steps }
}

fn device_plan(action: Action) -> DevicePlan {
    let Plan { format, producer, digest, domain, .. } = plan();
    let (steps, command) = match action {
        Action::Attach | Action::Update => (
            bind().into_iter().map(planned).collect(),
            QmpCommand {
                call: call(json!({"execute": "device_add", "arguments": {"driver": "vfio-pci", "host": VF}})),
                awaits: None,
                revert: Some(call(json!({"execute": "device_del", "arguments": {"id": "hostdev0"}}))),
            },
        ),
        Action::Detach => (
            vec![],
            QmpCommand {
                call: call(json!({"execute": "device_del", "arguments": {"id": "hostdev0"}})),
                awaits: Some(Await {
                    event: "DEVICE_DELETED".into(),
                    matching: serde_json::Map::default(),
                    deadline_ms: 1,
                }),
                revert: None,
            },
        ),
    };
    let script = QmpScript { commands: vec![command] };
    DevicePlan { format, producer, digest, domain, device: "hostdev0".into(), action, steps, script }
}

/// The plan without its PCI function, which comes later.
fn plan_without_device() -> Plan {
    let mut plan = plan();
    let is_bind = |step: &Step| bind().contains(step);
    plan.steps.retain(|planned| !is_bind(&planned.step));
    plan
}

fn with_engine<T>(host: &mut Fake, body: impl FnOnce(&mut Engine<'_>) -> T) -> Result<T, Failure> {
    let setting = RunConfig::default().setting(Path::new(DIR), &plan().domain, host)?;
    let journal = match Journal::read(host)? {
        Some(journal) => journal,
        None => Journal::begin(host, &plan().domain, "d")?,
    };
    let mut engine = Engine { host, journal, setting, tell: &mut |_| {}, is_interrupted: &mut || false };
    Ok(body(&mut engine))
}

fn perform(host: &mut Fake, plan: &Plan) -> Result<(), Failure> {
    with_engine(host, |engine| {
        engine.perform(&plan.steps).map_err(|failure| Failure { stuck: engine.undo_all(), ..failure })
    })?
}

fn undo_all(engine: &mut Engine<'_>) -> Vec<crate::Stuck> {
    engine.undo_all()
}

/// The host, but for what is to stay.
fn bytes(host: &Fake) -> String {
    let mut world = host.world.clone();
    world.paths.remove(Path::new(VARS));
    serde_json::to_string(&world).unwrap()
}

/// How many writes the plan needs, those of the journal included.
fn count(run: impl Fn(&mut Fake) -> Result<(), Failure>) -> usize {
    let mut host = Fake::new();
    run(&mut host).unwrap();
    host.writes.get()
}

fn recovers(host: &mut Fake, what: &str) {
    host.die();
    let found = take_back(host, Path::new(DIR), true, &mut |_| {}).unwrap();
    assert!(matches!(found, Recovered::Undone | Recovered::Nothing), "{what}: {found:?}");
    assert!(host.finished, "{what}");
    assert_eq!(bytes(host), bytes(&Fake::new()), "{what}");
}

#[test]
fn every_step_is_in_the_plan() {
    let text = serde_json::to_string(&plan()).unwrap();
    let unknown = serde_json::from_str::<Step>("{\"\":{}}").unwrap_err().to_string();
    let names: Vec<&str> = unknown.split('`').skip(3).step_by(2).collect();
    assert!(names.len() >= 12, "{unknown}");
    for name in names {
        assert!(text.contains(&format!("\"{name}\":")), "{name} is missing");
    }
}

#[test]
fn a_refused_write_takes_everything_back() {
    let writes = count(|host| perform(host, &plan()));
    assert!(writes > 60, "{writes}");
    for at in 0..writes {
        let mut host = Fake::new();
        host.fault = Some(Fault::Refuse(at));
        let failure = perform(&mut host, &plan()).unwrap_err();
        assert_eq!((failure.exit_code(), failure.stuck), (3, vec![]), "write {at}");
        assert_eq!(bytes(&host), bytes(&Fake::new()), "write {at}");
    }
}

#[test]
fn a_crash_at_every_write_is_recovered() {
    for at in 0..count(|host| perform(host, &plan())) {
        for fault in [Fault::DieBefore(at), Fault::DieAfter(at)] {
            let mut host = Fake::new();
            host.fault = Some(fault);
            perform(&mut host, &plan()).unwrap_err();
            recovers(&mut host, &format!("{fault:?}"));
        }
    }
}

#[test]
fn a_crash_while_taking_back_is_recovered() {
    let mut ran = Fake::new();
    perform(&mut ran, &plan()).unwrap();
    let first = ran.writes.get();
    let undo = |host: &mut Fake| with_engine(host, undo_all);
    let mut clean = Fake::new();
    perform(&mut clean, &plan()).unwrap();
    assert_eq!(undo(&mut clean), Ok(vec![]));
    for at in first..clean.writes.get() {
        for fault in [Fault::DieBefore(at), Fault::DieAfter(at)] {
            let mut host = Fake::new();
            perform(&mut host, &plan()).unwrap();
            host.fault = Some(fault);
            assert_ne!(undo(&mut host), Ok(vec![]), "{fault:?}");
            recovers(&mut host, &format!("{fault:?}"));
        }
    }
}

#[test]
fn one_failed_undo_is_named_and_the_rest_goes_on() {
    let mut host = Fake::new();
    perform(&mut host, &plan()).unwrap();
    // The former driver is gone: the function cannot go back, and all else does.
    host.world.pci.get_mut(VF).unwrap().group = None;
    let vf = host.world.pci.remove(VF).unwrap();
    let stuck = with_engine(&mut host, undo_all).unwrap();
    let named: Vec<&str> = stuck.iter().map(|s| s.what.as_str()).collect();
    assert_eq!(named.len(), 3, "{named:?}");
    assert!(named.contains(&"bind 0000:03:10.0 to igbvf"), "{named:?}");
    assert!(host.world.groups.is_empty() && host.world.processes.is_empty() && host.world.said.is_empty());
    assert_eq!(host.world.paths.get(Path::new("/disk.img")), Fake::new().world.paths.get(Path::new("/disk.img")));
    // Later it is there again: a second try takes back the rest.
    host.world.pci.insert(VF.into(), vf);
    let group = Some("12".to_owned());
    host.world.pci.get_mut(VF).unwrap().group = group;
    recovers(&mut host, "second try");
}

#[test]
fn attach_and_detach_leave_the_host_as_it_was() {
    let mut host = Fake::new();
    perform(&mut host, &plan_without_device()).unwrap();
    let before = bytes(&host);
    let attach = |host: &mut Fake| with_engine(host, |engine| engine.attach(&device_plan(Action::Attach)))?;
    let detach = |host: &mut Fake| with_engine(host, |engine| engine.detach(&device_plan(Action::Detach)))?;
    attach(&mut host).unwrap();
    assert_eq!(host.world.pci[VF].driver.as_deref(), Some("vfio-pci"));
    assert!(host.world.groups["/cg/virtc-vm"].as_ref().unwrap().contains(&"c 240:12 rw".to_owned()));
    let twice = attach(&mut host).unwrap_err();
    assert_eq!(twice.to_string(), "the VM has a device `hostdev0` already");
    // The fake's QEMU does not forget what it was told; a real one did, when it said DEVICE_DELETED.
    let said = host.world.said.clone();
    host.world.said.truncate(said.len() - 1);
    let writes = host.writes.get();
    detach(&mut host).unwrap();
    host.world.said.pop();
    assert_eq!(bytes(&host), before);
    assert!(host.writes.get() > writes);
    attach(&mut host).unwrap();
    recovers(&mut host, "attached twice");
}

#[test]
fn a_failed_attach_or_update_is_taken_back_and_the_vm_goes_on() {
    let start = count(|host| perform(host, &plan_without_device()));
    for action in [Action::Attach, Action::Update] {
        let plan = device_plan(action);
        let change = |host: &mut Fake| {
            with_engine(
                host,
                |engine| if action == Action::Attach { engine.attach(&plan) } else { engine.update(&plan) },
            )?
        };
        let all = count(|host| {
            perform(host, &plan_without_device())?;
            change(host)
        });
        for at in start..all {
            let mut host = Fake::new();
            perform(&mut host, &plan_without_device()).unwrap();
            let before = bytes(&host);
            host.fault = Some(Fault::Refuse(at));
            assert_eq!(change(&mut host).unwrap_err().stuck, vec![], "write {at}");
            assert_eq!(bytes(&host), before, "write {at}");
            for fault in [Fault::DieBefore(at), Fault::DieAfter(at)] {
                let mut host = Fake::new();
                perform(&mut host, &plan_without_device()).unwrap();
                host.fault = Some(fault);
                change(&mut host).unwrap_err();
                recovers(&mut host, &format!("{fault:?}"));
            }
        }
    }
}

#[test]
fn a_device_of_the_start_is_detached_and_takes_its_own_back() {
    let mut without = Fake::new();
    perform(&mut without, &plan_without_device()).unwrap();
    let mut host = Fake::new();
    let mut plan = plan();
    for planned in plan.steps.iter_mut().filter(|planned| bind().contains(&planned.step)) {
        planned.device = Some("hostdev0".into());
    }
    perform(&mut host, &plan).unwrap();
    assert_eq!(host.world.pci[VF].driver.as_deref(), Some("vfio-pci"));
    with_engine(&mut host, |engine| engine.detach(&device_plan(Action::Detach))).unwrap().unwrap();
    // The fake's QEMU remembers what it was told.
    host.world.said.clone_from(&without.world.said);
    assert_eq!(bytes(&host), bytes(&without));
    assert_eq!(with_engine(&mut host, undo_all), Ok(vec![]));
    assert_eq!(bytes(&host), bytes(&Fake::new()));
}

#[test]
fn what_two_devices_share_goes_back_with_the_last() {
    let mut host = Fake::new();
    let mut plan = plan();
    plan.steps.retain(|planned| !matches!(planned.step, Step::Memlock { .. } | Step::Own { .. }));
    perform(&mut host, &plan).unwrap();
    let before = bytes(&host);
    let change = |host: &mut Fake, device: &str, action| {
        let mut plan = device_plan(action);
        plan.device = device.into();
        plan.script.commands.clear();
        let shared = [
            Step::Memlock { limit: Limit::Unlimited },
            Step::Own { node: Node::Path("/disk.img".into()), owner: Owner::Qemu },
        ];
        plan.steps = if action == Action::Attach { shared.map(planned).to_vec() } else { vec![] };
        with_engine(host, |engine| if action == Action::Attach { engine.attach(&plan) } else { engine.detach(&plan) })?
    };
    for order in [["a", "b", "c"], ["c", "b", "a"], ["b", "a", "c"]] {
        for device in ["a", "b", "c"] {
            change(&mut host, device, Action::Attach).unwrap();
        }
        let shared = bytes(&host);
        assert_ne!(shared, before);
        for (nth, device) in order.into_iter().enumerate() {
            change(&mut host, device, Action::Detach).unwrap();
            assert_eq!(bytes(&host), if nth == 2 { before.clone() } else { shared.clone() }, "{order:?} {device}");
        }
    }
    // Wherever a detach ends, all leads back.
    let attached = || {
        let mut host = Fake::new();
        perform(&mut host, &plan).unwrap();
        for device in ["a", "b", "c"] {
            change(&mut host, device, Action::Attach).unwrap();
        }
        host
    };
    let mut clean = attached();
    let first = clean.writes.get();
    change(&mut clean, "a", Action::Detach).unwrap();
    let last = clean.writes.get();
    recovers(&mut clean, "detached");
    for fault in (first..last).flat_map(|at| [Fault::DieBefore(at), Fault::DieAfter(at)]) {
        let mut host = attached();
        host.fault = Some(fault);
        change(&mut host, "a", Action::Detach).unwrap_err();
        recovers(&mut host, &format!("{fault:?}"));
    }
}

#[test]
fn a_group_stays_in_the_acl_until_its_last_device_leaves() {
    let mut host = Fake::new();
    let mut plan = plan();
    for planned in plan.steps.iter_mut().filter(|planned| bind().contains(&planned.step)) {
        planned.device = Some("hostdev9".into());
    }
    perform(&mut host, &plan).unwrap();
    let rule = "c 240:12 rw".to_owned();
    let has_rule = |host: &Fake| host.world.groups["/cg/virtc-vm"].as_ref().unwrap().contains(&rule);
    let mut more = device_plan(Action::Attach);
    more.script.commands.clear();
    more.steps.retain(|planned| matches!(planned.step, Step::Allow { .. }));
    with_engine(&mut host, |engine| engine.attach(&more)).unwrap().unwrap();
    more.action = Action::Detach;
    more.steps.clear();
    with_engine(&mut host, |engine| engine.detach(&more)).unwrap().unwrap();
    assert!(has_rule(&host));
}

#[test]
fn what_the_guest_wrote_stays() {
    let mut host = Fake::new();
    perform(&mut host, &plan()).unwrap();
    let vars = host.world.paths[Path::new(VARS)];
    assert_eq!((vars.uid, vars.gid, vars.mode), (64, 65, 0o600), "they are QEMU's user's");
    host.world.paths.get_mut(Path::new("/vm.log")).unwrap().kind = Kind::File;
    assert_eq!(with_engine(&mut host, undo_all), Ok(vec![]));
    assert!(host.world.paths.contains_key(Path::new("/vm.log")) && host.world.paths.contains_key(Path::new(VARS)));
    host.world.paths.remove(Path::new("/vm.log"));
    assert_eq!(bytes(&host), bytes(&Fake::new()));
}

#[test]
fn what_is_in_the_way_is_refused_and_stays() {
    let copy =
        |from: Option<&str>| Step::CopyFile { from: from.map(Into::into), to: "/other.fd".into(), owner: Owner::Qemu };
    let refused = [
        (listen("a", SocketPlace::Path("/run/busy.sock".into())), "somebody listens at /run/busy.sock already"),
        (listen("a", SocketPlace::Path("/disk.img".into())), "/disk.img is there already, and is no socket"),
        (listen("a", SocketPlace::Private("journal".into())), "`journal` cannot be a file name in the VM's directory"),
        (listen("a", SocketPlace::Private("../b".into())), "`../b` cannot be a file name in the VM's directory"),
        (copy(None), "/other.fd does not exist, and there is no template for it"),
        (copy(Some("/no.fd")), "/other.fd does not exist, and neither does its template /no.fd"),
    ];
    for (step, why) in refused {
        let mut host = Fake::new();
        let mut plan = plan();
        plan.steps.insert(3, planned(step));
        let failure = perform(&mut host, &plan).unwrap_err();
        assert_eq!((failure.cause.to_string().as_str(), failure.stuck), (why, vec![]));
        assert_eq!(bytes(&host), bytes(&Fake::new()));
    }
}

#[test]
fn a_living_qemu_is_left_alone() {
    let mut host = Fake::new();
    perform(&mut host, &plan()).unwrap();
    let before = bytes(&host);
    assert_eq!(take_back(&mut host, Path::new(DIR), false, &mut |_| {}), Ok(Recovered::Alive { pids: vec![42] }));
    assert_eq!(bytes(&host), before);
}

#[test]
fn a_dry_run_says_what_a_run_does_and_writes_nothing() {
    let mut host = Fake::new();
    let dry = crate::dry_run::over(&plan(), Path::new(DIR), &RunConfig::default(), &host).unwrap();
    assert_eq!((host.writes.get(), bytes(&host)), (0, bytes(&Fake::new())));
    perform(&mut host, &plan()).unwrap();
    let journal = Journal::read(&mut host).unwrap().unwrap();
    let mut made: Vec<Op> = journal.standing().map(|(_, recorded)| recorded.change.redo.clone()).collect();
    made.reverse();
    assert_eq!(made.len(), dry.len());
    let words: Vec<String> = dry.iter().map(|dry| dry.change.redo.describe()).collect();
    let differ: Vec<&String> =
        words.iter().zip(&made).filter(|(dry, made)| **dry != made.describe()).map(|(dry, _)| dry).collect();
    // What cannot be known yet, and nothing else, differs, and has a name.
    assert!(differ.iter().all(|words| words.contains('{')), "{differ:#?}");
    assert!(differ.iter().any(|words| words.contains("{numbers of /dev/vfio/12}")), "{differ:#?}");
    assert!(differ.iter().any(|words| words.contains("{fd:monitor}")), "{differ:#?}");
    for op in &made {
        // The cards are laid: what the plan made last is what the host shows, but for what a later step changed.
        let is_passed_on = matches!(
            op,
            Op::Driver { driver: None, .. } | Op::Acl { .. } | Op::Open { .. } | Op::Listen { .. } | Op::Tap { .. }
        );
        assert!(is_passed_on || holds(op, false, &host).unwrap(), "{op:?}");
    }
}
