//! What can change: media, links, passwords, the size of virtio memory.

use serde_json::{Map, Value, json};
use virtc_diag::Span;
use virtc_plan::QmpCall;

use super::{Changed, QmpAction, options_of, update};
use crate::ir::{DefaultRule, OptExt, Spanned};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::Facts;
use crate::model::devices::disk::{Disk, DiskDevice};
use crate::model::devices::graphics::{Password, Server, Spice, Vnc};
use crate::model::devices::interface::LinkState;
use crate::model::devices::{DeviceElement, Devices, Kind};
use crate::prepare::next_node;
use crate::qemu::{Payload, QemuOption, Value as QemuValue};
use crate::target::Target;

static NODE: DefaultRule =
    DefaultRule { name: "block-node", text: "what is plugged in gets block nodes that nothing else has" };

fn call(execute: &str, arguments: Value) -> QmpCall {
    let arguments = match arguments {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    QmpCall::new(execute, arguments)
}

/// The drive of the domain into which a medium is to come, where `devices` describes one that is there.
pub(super) fn drive(domain: &Domain, devices: &Devices) -> Option<usize> {
    let new = devices.disks.first().filter(|d| d.device() != DiskDevice::Disk)?;
    domain.devices.disks.iter().position(|d| d.matches_description(new))
}

/// A medium comes into a drive.
pub(super) fn insert(
    domain: &Domain,
    devices: Devices,
    drive: usize,
    span: Span,
    target: &Target,
    facts: Facts<'_>,
) -> Changed {
    update::update_to(domain, devices, (Kind::Disk, drive, span), None, target, facts)
}

/// The nodes of a new medium exist next to those of the old one for a while.
pub(super) fn new_node(before: &Domain, after: &mut Domain, index: usize) {
    let next = shown_next(before).unwrap_or_else(|| next_node(&before.devices.disks));
    if let Some(disk) = after.devices.disks.get_mut(index) {
        disk.node = next;
        show_node(disk);
    }
}

/// libvirt shows the numbers of all nodes that it counts: where it shows a running domain (which has an id), the next number is the first
/// one after these, whatever the disks are that have none.
fn shown_next(domain: &Domain) -> Option<u32> {
    domain.general.id.as_ref()?;
    let shown = domain.devices.disks.iter().flat_map(|d| d.storage.sources()).filter_map(|s| s.index);
    Some(shown.map(|index| index.value + 1).max().unwrap_or(1))
}

/// A new disk gets the number that libvirt would give it next, where that is known.
pub(super) fn count_from_shown(domain: &mut Domain, index: usize) {
    let next = shown_next(domain);
    if let Some((disk, next)) = domain.devices.disks.get_mut(index).zip(next) {
        disk.node = next;
    }
}

/// A running domain shows the number of the node of a disk.
pub(super) fn show_node(disk: &mut Disk) {
    if let Some(source) = &mut disk.storage.source {
        source.index.get_or_insert(Spanned::rule(disk.node, &NODE, disk.origin));
    }
}

/// Numbers of nodes are what a running device has, not one that comes.
pub(super) fn forget_nodes(devices: &mut Devices) {
    for source in devices.disks.iter_mut().filter_map(|d| d.storage.source.as_mut()) {
        source.index = None;
    }
}

/// The options of the backend of a drive, without the drive, and the node that it gets.
fn behind(index: usize, cx: &EmitContext<'_>) -> (Vec<QemuOption>, Option<String>) {
    let Some(disk) = cx.domain.devices.disks.get(index) else { return (Vec::new(), None) };
    let mut options = options_of(disk, cx);
    let is_front = |item: &QemuOption| item.option == "device";
    let node = options.iter().filter(|item| is_front(item)).find_map(|item| match &item.payload {
        Payload::Json(props) => props.get("drive").and_then(QemuValue::plain).map(str::to_owned),
        Payload::None | Payload::Word(_) | Payload::Opts(_) | Payload::Chardev(_) => None,
    });
    options.retain(|item| !is_front(item));
    (options, node)
}

/// Another medium comes into a drive, or none (`qemuDomainChangeMediaBlockdev` in libvirt's `src/qemu/qemu_hotplug.c`).
pub(super) fn medium(old: &EmitContext<'_>, index: usize, new: &EmitContext<'_>, now: usize) -> Vec<QmpAction> {
    let Some(disk) = new.domain.devices.disks.get(now) else { return Vec::new() };
    let was = old.domain.devices.disks.get(index);
    let id = disk.drive_id();
    let on_drive = |execute: &str| call(execute, json!({"id": id}));
    let insert = |node: &str| call("blockdev-insert-medium", json!({"id": id, "node-name": node}));
    let open = call("blockdev-open-tray", json!({"id": id, "force": false}));
    let (old_options, old_node) = behind(index, old);
    let (new_options, new_node) = behind(now, new);
    let mut moves = Vec::new();
    let has_tray = disk.device() == DiskDevice::Cdrom;
    let is_open = was.is_some_and(|d| d.tray.is(&"open".to_owned()));
    if has_tray && !is_open {
        moves.push(QmpAction::Call { call: open.clone(), undo: Some(on_drive("blockdev-close-tray")) });
    }
    if let Some(node) = &old_node {
        moves.push(QmpAction::Call { call: on_drive("blockdev-remove-medium"), undo: Some(insert(node)) });
    }
    moves.extend(new_options.into_iter().map(QmpAction::Add));
    if let Some(node) = &new_node {
        moves.push(QmpAction::Call { call: insert(node), undo: Some(on_drive("blockdev-remove-medium")) });
    }
    if has_tray {
        moves.push(QmpAction::Call { call: on_drive("blockdev-close-tray"), undo: Some(open) });
    }
    moves.extend(old_options.into_iter().rev().map(QmpAction::Remove));
    moves
}

/// The link of an interface goes up or down.
pub(super) fn link(before: &Domain, index: usize, after: &Domain, now: usize) -> Vec<QmpAction> {
    let is_up = |domain: &Domain, at: usize| {
        domain.devices.interfaces.get(at).is_none_or(|interface| !interface.link.is(&LinkState::Down))
    };
    let Some(alias) = after.devices.interfaces.get(now).map(|i| i.info.alias()) else { return Vec::new() };
    let set = |up: bool| call("set_link", json!({"name": alias, "up": up}));
    let (was, is) = (is_up(before, index), is_up(after, now));
    if was == is { Vec::new() } else { vec![QmpAction::Call { call: set(is), undo: Some(set(was)) }] }
}

/// A virtio memory device is asked for another size.
pub(super) fn memory(before: &Domain, index: usize, after: &Domain, now: usize) -> Option<QmpAction> {
    let size = |domain: &Domain, at: usize| {
        domain.devices.memories.get(at)?.target.requested.get().map(|kib| kib.saturating_mul(1024))
    };
    let path = format!("/machine/peripheral/{}", after.devices.memories.get(now)?.info.alias());
    let set = |bytes: u64| call("qom-set", json!({"path": path, "property": "requested-size", "value": bytes}));
    Some(QmpAction::Call { call: set(size(after, now)?), undo: size(before, index).map(set) })
}

/// The display server is as before, but for its password.
pub(super) fn keep_server(before: &Domain, index: usize, after: &mut Domain, now: usize) {
    let (Some(old), Some(new)) = (before.devices.graphics.get(index), after.devices.graphics.get_mut(now)) else {
        return;
    };
    match (&old.server, &mut new.server) {
        (Server::Vnc(old), Server::Vnc(new)) => **new = Vnc { password: new.password.clone(), ..(**old).clone() },
        (Server::Spice(old), Server::Spice(new)) => **new = Spice { password: new.password.clone(), ..(**old).clone() },
        _ => {}
    }
}

/// The password of a display server, and until when it is valid (`qemuDomainChangeGraphics` in libvirt's `src/qemu/qemu_hotplug.c`).
pub(super) fn password(before: &Domain, index: usize, after: &Domain, now: usize, facts: Facts<'_>) -> Vec<QmpAction> {
    let (Some(old), Some(new)) = (before.devices.graphics.get(index), after.devices.graphics.get(now)) else {
        return Vec::new();
    };
    let config = facts.config();
    let (protocol, of_host, old, new): (_, _, &Password, &Password) = match (&old.server, &new.server) {
        (Server::Vnc(old), Server::Vnc(new)) => {
            ("vnc", config.and_then(|c| c.vnc_password.as_ref()), &old.password, &new.password)
        }
        (Server::Spice(old), Server::Spice(new)) => {
            ("spice", config.and_then(|c| c.spice_password.as_ref()), &old.password, &new.password)
        }
        _ => return Vec::new(),
    };
    let is_timed = old.valid_to.is_some() || new.valid_to.is_some();
    if !is_timed && old.text == new.text && old.connected == new.connected {
        return Vec::new();
    }
    let Some(text) = new.text.as_ref().map(|t| &t.value).or(of_host) else { return Vec::new() };
    let set = |text: &str| {
        let mut arguments = json!({"protocol": protocol, "password": text});
        if let (Some(connected), Some(map)) = (&new.connected, arguments.as_object_mut()) {
            map.insert("connected".to_owned(), Value::from(connected.word()));
        }
        call("set_password", arguments)
    };
    let expire = |until: Option<i64>| {
        let now = facts.now().and_then(|(seconds, _)| i64::try_from(seconds).ok());
        let time = match until {
            Some(until) if now.is_some_and(|now| until <= now) => "now".to_owned(),
            Some(until) => until.to_string(),
            None => "never".to_owned(),
        };
        let time = if text.is_empty() { "now".to_owned() } else { time };
        call("expire_password", json!({"protocol": protocol, "time": time}))
    };
    let of_old = old.text.as_ref().map(|t| set(&t.value));
    vec![
        QmpAction::Call { call: set(text), undo: of_old },
        QmpAction::Call {
            call: expire(new.valid_to.map(|m| m.seconds())),
            undo: Some(expire(old.valid_to.map(|m| m.seconds()))),
        },
    ]
}
