//! The plan: the steps by which the runtime starts a machine.

use serde::Serialize;
use sha2::{Digest, Sha256};
use virtc_diag::{Diagnostics, SourceFile};
use virtc_plan::{
    Arg, DomainId, FORMAT, Limit, MONITOR_FD, MONITOR_SOCKET, Origin as PlanOrigin, Plan, PlannedStep, QmpCommand,
    QmpScript, SocketPlace, Step, UserPolicy,
};

use crate::emit::argv::argv;
use crate::ir::{DefaultRule, Leaf, Origin};
use crate::model::Domain;
use crate::prepare::Machine;
use crate::qemu::rules;
use crate::valid::Valid;

/// The producer of plans.
pub(crate) const PRODUCER: &str = concat!("virtc ", env!("CARGO_PKG_VERSION"));

static START: DefaultRule = DefaultRule { name: "start", text: "a step of every start of a VM" };

/// The plan of a machine.
///
/// # Errors
/// What the runtime does not support, at its place.
pub fn plan(machine: &Valid<Machine>, source: &SourceFile) -> Result<Plan, Diagnostics> {
    let m = machine.get();
    let needs = m.needs();
    let faults = needs.faults();
    if !faults.is_empty() {
        return Err(faults);
    }
    let start = m.domain().origin.with_rule(&START);
    let at = |origin| plan_origin(origin, source);
    let of = |device: Option<&str>, (step, origin): (Step, Origin)| PlannedStep {
        step,
        origin: at(origin),
        device: device.map(ToOwned::to_owned),
    };
    let step = |step| of(None, step);
    let mut steps = vec![step((Step::StateDir { directories: needs.directories.clone() }, start))];
    for turn in needs.turns() {
        steps.extend(turn.binds.iter().cloned().map(|step| of(turn.device.as_deref(), step)));
    }
    steps.push(step((Step::Cgroup { rules: needs.own_rules().to_vec() }, start)));
    for turn in needs.turns() {
        steps.extend(turn.late_steps().map(|step| of(turn.device.as_deref(), step)));
    }
    let at = SocketPlace::Private(MONITOR_SOCKET.to_owned());
    steps.push(step((Step::Listen { fd: MONITOR_FD.to_owned(), at }, start.with_rule(&rules::MONITOR))));
    let mut fds = vec![MONITOR_FD.to_owned()];
    fds.extend(needs.fds.iter().cloned());
    let args: Vec<Arg> = argv(machine).0.into_iter().map(|a| a.arg).collect();
    let digest = digest_of(&args, source);
    let memlock = memlock(m).map(Limit::Bytes);
    let spawn = Step::Spawn { argv: args, env: needs.env.clone(), fds, user: UserPolicy::Qemu, memlock };
    let binary = m.domain().emulator.as_ref().map_or(start, |e| e.origin);
    steps.push(step((spawn, binary)));
    for (call, origin) in needs.commands.iter().cloned() {
        let commands = vec![QmpCommand { call, awaits: None, revert: None }];
        steps.push(step((Step::QmpRun { script: QmpScript { commands } }, origin)));
    }
    steps.push(step((Step::Cont {}, start)));
    Ok(Plan { format: FORMAT, producer: PRODUCER.to_owned(), digest, domain: domain_id(m.domain()), steps })
}

/// The limit on locked memory in bytes: all of the guest's memory and 1 GiB, where a device of the host accesses it
/// (`qemuDomainGetMemLockLimitBytes` in libvirt's `src/qemu/qemu_domain.c`).
pub fn memlock(machine: &Machine) -> Option<u64> {
    machine.needs().pinned.then(|| machine.domain().locked_bytes())
}

/// The name and uuid of a VM.
pub(crate) fn domain_id(domain: &Domain) -> DomainId {
    let uuid = domain.general.uuid.as_ref().map(|u| u.show()).unwrap_or_default();
    DomainId { name: domain.name().to_owned(), uuid }
}

/// A digest of the source and of the arguments or commands for QEMU in their serialized form: the same for the same
/// input.
pub(crate) fn digest_of(told: &impl Serialize, source: &SourceFile) -> String {
    let mut hash = Sha256::new();
    hash.update(source.text().as_bytes());
    hash.update(serde_json::to_vec(told).unwrap_or_default());
    let hash = hash.finalize();
    hash.iter().fold(String::from("sha256:"), |text, byte| text + &format!("{byte:02x}"))
}

/// The origin of a step, as plans have it.
pub(crate) fn plan_origin(origin: Origin, source: &SourceFile) -> PlanOrigin {
    match origin {
        Origin::Rule(rule, _) => PlanOrigin::Rule(rule.name.to_owned()),
        Origin::Xml(span) => {
            let place = source.line_column(span.start);
            PlanOrigin::Place { file: source.name().to_owned(), line: place.line, column: place.column }
        }
    }
}
