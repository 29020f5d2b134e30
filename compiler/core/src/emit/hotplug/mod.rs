//! Hotplug, unplug and update of a device as QMP: the options of the command line as commands that add and remove them.

mod calls;

use serde_json::{Map, Value as Json};
use virtc_diag::{Diagnostics, SourceFile};
use virtc_plan::{Action, Await, DevicePlan, FORMAT, PlannedStep, QmpCall, QmpCommand, QmpScript, Step};

use crate::emit::plan::{PRODUCER, digest_of, domain_id, plan_origin};
use crate::ir::Origin;
use crate::prepare::{DeviceChange, QmpAction};
use crate::qemu::HostRequirements;
use crate::qemu::requirements::DeviceRequirements;
use crate::valid::Valid;

use calls::{descriptors, pair};

/// How long a guest may take to release a device, in ms. libvirt gives up after 5 s and reports success; here it is an
/// error.
pub const DETACH_DEADLINE_MS: u64 = 30_000;

/// The QMP commands that add the device, remove it or change it.
///
/// # Errors
/// What cannot be hot-plugged, at its place.
pub fn script(change: &Valid<DeviceChange>) -> Result<QmpScript, Diagnostics> {
    let mut commands = Vec::new();
    for step in &change.get().moves {
        match step {
            QmpAction::Add(item) => {
                let (mut add, remove) = pair(item)?;
                if add.fd.is_none() {
                    commands.extend(descriptors(&mut add));
                }
                commands.push(QmpCommand { call: add, awaits: None, revert: Some(remove) });
            }
            QmpAction::Remove(item) => {
                let (_, remove) = pair(item)?;
                let awaits = (item.option == "device").then(|| deleted(&remove));
                commands.push(QmpCommand { call: remove, awaits, revert: None });
            }
            QmpAction::Call { call, undo } => {
                commands.push(QmpCommand { call: call.clone(), awaits: None, revert: undo.clone() });
            }
        }
    }
    Ok(QmpScript { commands })
}

/// The commands with the steps on the host that they need.
///
/// # Errors
/// As [`script`], and what the runtime does not support.
pub fn plan(change: &Valid<DeviceChange>, source: &SourceFile) -> Result<DevicePlan, Diagnostics> {
    let script = script(change)?;
    let change = change.get();
    let steps = match change.action {
        Action::Attach | Action::Update => steps(&change.needs, change, source)?,
        Action::Detach => Vec::new(),
    };
    Ok(DevicePlan {
        format: FORMAT,
        producer: PRODUCER.to_owned(),
        digest: digest_of(&script, source),
        domain: domain_id(&change.domain),
        device: change.alias.clone(),
        action: change.action,
        steps,
        script,
    })
}

fn steps(
    needs: &HostRequirements,
    change: &DeviceChange,
    source: &SourceFile,
) -> Result<Vec<PlannedStep>, Diagnostics> {
    let faults = needs.faults();
    if !faults.is_empty() {
        return Err(faults);
    }
    let step = |(step, origin): (Step, Origin)| PlannedStep {
        step,
        origin: plan_origin(origin, source),
        device: Some(change.alias.clone()),
    };
    let mut out: Vec<PlannedStep> = needs.turns().flat_map(|turn| turn.binds.clone()).map(step).collect();
    out.extend(needs.turns().flat_map(DeviceRequirements::late_steps).map(step));
    if let Some(limit) = change.memlock {
        out.push(step((Step::Memlock { limit: virtc_plan::Limit::Bytes(limit) }, change.origin)));
    }
    Ok(out)
}

fn deleted(remove: &QmpCall) -> Await {
    let mut matching = Map::new();
    if let Some(id) = remove.arguments.get("id") {
        matching.insert("device".to_owned(), id.clone());
    }
    Await { event: "DEVICE_DELETED".to_owned(), matching, deadline_ms: DETACH_DEADLINE_MS }
}

/// The commands of a script as JSON, with placeholders.
pub fn qmp(script: &QmpScript) -> Vec<Json> {
    let calls = script.commands.iter().map(|command| {
        let call = &command.call;
        let mut arguments = Json::Object(call.arguments.clone());
        for (pointer, arg) in &call.placeholders {
            if let Some(place) = arguments.pointer_mut(pointer) {
                *place = Json::from(arg.display());
            }
        }
        let mut out = Map::new();
        out.insert("execute".to_owned(), Json::from(call.execute.as_str()));
        out.insert("arguments".to_owned(), arguments);
        Json::Object(out)
    });
    calls.collect()
}
