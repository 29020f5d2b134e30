//! For a plan with every step: the run stops at every single write, and what it has done is reverted to the last byte.

mod crash;
mod devices;
mod host;
mod recipe;

use std::path::Path;

use serde_json::json;
use virtc_plan::{
    Access, Action, Arg, Await, Content, DeviceKind, DevicePlan, DeviceRule, DomainId, FORMAT, Limit, Node, OpenMode,
    Origin, Owner, Part, Placeholder, Plan, PlannedStep, QmpCall, QmpCommand, QmpScript, Quote, SocketPlace, Step,
    UserPolicy,
};

use crate::config::RunConfig;
use crate::engine::Engine;
use crate::error::Failure;
use crate::group::Group;
use crate::host::fake::Fake;
use crate::host::operations::HostOp;
use crate::host::resources::{FileAt, PciState, Stat};
use crate::host::states::Model;
use crate::journal::Journal;
use crate::recover::{Recovered, revert_run};

const DIR: &str = "/run/virtc/vm";
const VF: &str = "0000:03:10.0";

fn planned(step: Step) -> PlannedStep {
    PlannedStep { step, origin: Origin::Rule("test".into()), device: None }
}

fn call(text: serde_json::Value) -> QmpCall {
    serde_json::from_value(text).unwrap()
}

/// A file that is made and stays: the firmware's variables.
const VARS: &str = "/vars.fd";

fn open(fd: &str, path: &str, create: bool, content: Content) -> Step {
    Step::Open { fd: fd.into(), path: path.into(), mode: OpenMode::ReadWrite, create, content }
}

fn listen(fd: &str, at: SocketPlace) -> Step {
    Step::Listen { fd: fd.into(), at }
}

fn bind() -> Vec<Step> {
    let node = || Node::VfioGroup(VF.parse().unwrap());
    let rule = DeviceRule::Node { node: node(), access: Access::RW, optional: false };
    vec![
        Step::VfioBind { device: VF.parse().unwrap(), managed: true },
        Step::Allow { rules: vec![rule] },
        Step::Own { node: node(), owner: Owner::Qemu },
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
    let setting = RunConfig::default().setting(Path::new(DIR), &plan().domain, Model::read(host))?;
    let journal = match Journal::read(host)? {
        Some(journal) => journal,
        None => Journal::begin(host, &plan().domain, "d")?,
    };
    let mut engine = Engine { host, journal, setting, report: &mut |_| {}, is_interrupted: &mut || false };
    Ok(body(&mut engine))
}

fn perform(host: &mut Fake, plan: &Plan) -> Result<(), Failure> {
    with_engine(host, |engine| {
        engine.perform(&plan.steps).map_err(|failure| Failure { not_reverted: engine.revert_all(), ..failure })
    })?
}

fn revert_all(host: &mut Fake) -> Vec<crate::RevertFailed> {
    let mut failed = Vec::new();
    with_engine(host, |engine| failed = engine.revert_all()).unwrap();
    failed
}

/// The host, without the file that is to stay.
fn bytes(host: &Fake) -> String {
    let mut world = host.world.clone();
    world.states.set(&FileAt(Path::new(VARS)), None).unwrap();
    world.states.forget_absent();
    serde_json::to_string(&world).unwrap()
}

fn stat(host: &Fake, path: &str) -> Option<Stat> {
    Model::read(host).stat(Path::new(path)).unwrap()
}

fn vf(host: &Fake) -> Option<PciState> {
    Model::read(host).pci(VF.parse().unwrap()).unwrap()
}

/// The VM's control group.
fn group() -> Group {
    Group::V2("/cg/virtc-vm".into())
}

/// How many writes the plan needs, those of the journal included.
fn count(run: impl Fn(&mut Fake) -> Result<(), Failure>) -> usize {
    let mut host = Fake::new();
    run(&mut host).unwrap();
    host.writes.get()
}

fn recovers(host: &mut Fake, what: &str) {
    host.die();
    let found = revert_run(host, Path::new(DIR), true, &mut |_| {}).unwrap();
    assert!(matches!(found, Recovered::Reverted | Recovered::Nothing), "{what}: {found:?}");
    assert!(host.finished, "{what}");
    assert_eq!(bytes(host), bytes(&Fake::new()), "{what}");
}

/// The names of an enum's variants, as serde lists them in its error for an unknown one.
fn variants<T: serde::de::DeserializeOwned>() -> Vec<String> {
    let unknown = serde_json::from_str::<T>("{\"\":{}}").err().unwrap().to_string();
    unknown.split('`').skip(3).step_by(2).map(ToOwned::to_owned).collect()
}

/// The name of a value's variant.
fn variant(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap().as_object().unwrap().keys().next().unwrap().clone()
}

#[test]
fn every_step_is_in_the_plan() {
    let planned: Vec<String> = plan().steps.iter().map(|planned| variant(&planned.step)).collect();
    let names = variants::<Step>();
    assert!(names.len() >= 12, "{names:?}");
    for name in names {
        assert!(planned.contains(&name), "{name} is missing");
    }
}

#[test]
fn every_operation_is_made_by_the_plan() {
    let mut host = Fake::new();
    perform(&mut host, &plan()).unwrap();
    let journal = Journal::read(&mut host).unwrap().unwrap();
    let changes = journal.not_reverted().map(|(_, recorded)| &recorded.change);
    let made: Vec<String> =
        changes.flat_map(|change| std::iter::once(&change.apply).chain(&change.revert)).map(variant).collect();
    let names = variants::<HostOp>();
    assert!(names.len() >= 24, "{names:?}");
    for name in names {
        assert!(made.contains(&name), "{name} is missing");
    }
}
