//! Attach and detach as QMP: the same items as on the command line, through QEMU's own pairs.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use virtc_diag::{Diagnostic, Diagnostics, SourceFile};
use virtc_plan::{Action, Arg, Await, DevicePlan, FORMAT, Hole, PlannedStep, QmpCall, QmpCommand, QmpScript, Step};

use crate::codes;
use crate::emit::needs::Turn;
use crate::emit::plan::{PRODUCER, digest_of, domain_id, plan_origin};
use crate::emit::render::{Holes, props_json};
use crate::emit::{HostNeeds, Item, Payload};
use crate::ir::Origin;
use crate::prepare::{DeviceChange, Sound};

/// How long a guest may take to let go of a device, in ms. libvirt gives up after 5 s and reports success; here it is an error.
pub const DETACH_DEADLINE_MS: u64 = 30_000;

/// What QEMU is told to add the device, or to remove it.
///
/// # Errors
/// What cannot be plugged into a running guest, at its place.
pub fn script(change: &Sound<DeviceChange>) -> Result<QmpScript, Diagnostics> {
    let change = change.get();
    let mut commands = Vec::new();
    // A device comes when all that it stands on is there, wherever it stands on a command line.
    let mut items: Vec<&Item> = change.items.iter().collect();
    items.sort_by_key(|item| item.option == "device");
    match change.action {
        Action::Attach => {
            for item in items {
                if let Some(call) = watchdog_action(item) {
                    commands.push(QmpCommand { call, awaits: None, undo: None });
                    continue;
                }
                let (add, remove) = pair(item)?;
                commands.extend(descriptors(&add));
                commands.push(QmpCommand { call: add, awaits: None, undo: Some(remove) });
            }
        }
        Action::Detach => {
            for item in items.into_iter().rev().filter(|i| watchdog_action(i).is_none()) {
                let (_, remove) = pair(item)?;
                let awaits = (item.option == "device").then(|| deleted(&remove));
                commands.push(QmpCommand { call: remove, awaits, undo: None });
            }
        }
    }
    Ok(QmpScript { commands })
}

/// The script with what the host must do for it.
///
/// # Errors
/// As [`script`].
pub fn plan(change: &Sound<DeviceChange>, source: &SourceFile) -> Result<DevicePlan, Diagnostics> {
    let script = script(change)?;
    let change = change.get();
    let steps = match change.action {
        Action::Attach => steps(&change.needs, change, source)?,
        Action::Detach => Vec::new(),
    };
    Ok(DevicePlan {
        format: FORMAT,
        producer: PRODUCER.to_owned(),
        digest: digest_of(&change.items, source),
        domain: domain_id(&change.domain),
        device: change.alias.clone(),
        action: change.action,
        steps,
        script,
    })
}

fn steps(needs: &HostNeeds, change: &DeviceChange, source: &SourceFile) -> Result<Vec<PlannedStep>, Diagnostics> {
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
    out.extend(needs.turns().flat_map(Turn::late_steps).map(step));
    if let Some(limit) = change.memlock {
        out.push(step((Step::Memlock { limit: virtc_plan::Limit::Bytes(limit) }, change.origin)));
    }
    Ok(out)
}

/// `getfd` for each descriptor that a command names.
fn descriptors(add: &QmpCall) -> Vec<QmpCommand> {
    let names = add.holes.values().flat_map(|arg| &arg.0).filter_map(|part| match part {
        virtc_plan::Part::Hole { name: Hole::Fd(name), .. } => Some(name.clone()),
        virtc_plan::Part::Hole { name: Hole::State | Hole::Secret(_) | Hole::SecretIv(_), .. }
        | virtc_plan::Part::Text(_) => None,
    });
    let call = |execute: &str, name: &str| {
        let mut arguments = Map::new();
        arguments.insert("fdname".to_owned(), Json::from(name));
        QmpCall::new(execute, arguments)
    };
    let get = |name: String| QmpCommand {
        call: QmpCall { fd: Some(name.clone()), ..call("getfd", &name) },
        awaits: None,
        undo: Some(call("closefd", &name)),
    };
    names.map(get).collect()
}

fn deleted(remove: &QmpCall) -> Await {
    let mut matching = Map::new();
    if let Some(id) = remove.arguments.get("id") {
        matching.insert("device".to_owned(), id.clone());
    }
    Await { event: "DEVICE_DELETED".to_owned(), matching, deadline_ms: DETACH_DEADLINE_MS }
}

/// What QEMU is told about all watchdogs, which stays so when one of them goes.
fn watchdog_action(item: &Item) -> Option<QmpCall> {
    let Payload::Word(action) = &item.payload else { return None };
    let mut arguments = Map::new();
    arguments.insert("watchdog".to_owned(), Json::from(action.plain()?));
    (item.option == "watchdog-action").then(|| QmpCall::new("set-action", arguments))
}

/// The commands that add an item and remove it.
fn pair(item: &Item) -> Result<(QmpCall, QmpCall), Diagnostics> {
    let (add, remove, key) = match item.option {
        "blockdev" => ("blockdev-add", "blockdev-del", "node-name"),
        "object" => ("object-add", "object-del", "id"),
        "netdev" => ("netdev_add", "netdev_del", "id"),
        "device" => ("device_add", "device_del", "id"),
        "chardev" => ("chardev-add", "chardev-remove", "id"),
        option => {
            let message = format!("this device cannot be plugged into a running guest: it needs `-{option}`");
            let span = item.origin.span().unwrap_or_default();
            return Err(std::iter::once(Diagnostic::new(&codes::UNSUPPORTED_CONFIGURATION, span, message)).collect());
        }
    };
    let (arguments, holes) = match &item.payload {
        Payload::Json(props) => props_json(props),
        Payload::Chardev(chardev) => {
            let props = crate::emit::Props::new().with("id", chardev.id()).with("backend", chardev.backend());
            props_json(&props)
        }
        Payload::None | Payload::Word(_) | Payload::Opts(_) => (Map::new(), Holes::new()),
    };
    let mut named = Map::new();
    named.insert(key.to_owned(), arguments.get(key).cloned().unwrap_or_default());
    let holes: BTreeMap<String, Arg> = holes.into_iter().collect();
    Ok((QmpCall { holes, ..QmpCall::new(add, arguments) }, QmpCall::new(remove, named)))
}

/// The calls of a script as QEMU takes them: a descriptor is named as `getfd` names it, `{state}` stays for the host.
pub fn qmp(script: &QmpScript) -> Vec<Json> {
    let calls = script.commands.iter().map(|command| {
        let call = &command.call;
        let mut arguments = Json::Object(call.arguments.clone());
        for (pointer, arg) in &call.holes {
            if let Some(place) = arguments.pointer_mut(pointer) {
                *place = Json::from(descriptor_names(arg));
            }
        }
        let mut out = Map::new();
        out.insert("execute".to_owned(), Json::from(call.execute.as_str()));
        out.insert("arguments".to_owned(), arguments);
        Json::Object(out)
    });
    calls.collect()
}

/// The text with each descriptor as the name under which QEMU knows it.
fn descriptor_names(arg: &Arg) -> String {
    let filled = arg.fill(|hole| {
        Ok::<_, std::convert::Infallible>(match hole {
            Hole::State => "{state}".to_owned(),
            Hole::Fd(name) => name.clone(),
            Hole::Secret(_) | Hole::SecretIv(_) => hole.display(),
        })
    });
    filled.unwrap_or_default()
}
