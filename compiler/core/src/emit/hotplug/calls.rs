//! The QMP commands that add an option to a running QEMU and remove it.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use virtc_diag::{Diagnostic, Diagnostics};
use virtc_plan::{Arg, Part, Placeholder, QmpCall, QmpCommand};

use crate::codes;
use crate::qemu::render::{Placeholders, props_json};
use crate::qemu::{Opts, Payload, Props, QemuOption};

/// QEMU's default action of watchdogs.
const WATCHDOG_DEFAULT: &str = "reset";

/// The command that adds an option, and the one that removes it.
///
/// # Errors
/// The option has no QMP command.
pub(super) fn pair(option: &QemuOption) -> Result<(QmpCall, QmpCall), Diagnostics> {
    let (add, remove, key) = match option.option {
        "blockdev" => ("blockdev-add", "blockdev-del", "node-name"),
        "object" => ("object-add", "object-del", "id"),
        "netdev" => ("netdev_add", "netdev_del", "id"),
        "device" => ("device_add", "device_del", "id"),
        "chardev" => ("chardev-add", "chardev-remove", "id"),
        other => {
            let special = match (&option.payload, other) {
                (Payload::Opts(opts), "add-fd") => fd_set(opts),
                (Payload::Word(action), "watchdog-action") => action.plain().map(watchdog),
                _ => None,
            };
            return special.ok_or_else(|| refused(option));
        }
    };
    let (arguments, placeholders) = match &option.payload {
        Payload::Json(props) => props_json(props),
        Payload::Chardev(chardev) => {
            let props = Props::new().with("id", chardev.id()).with("backend", chardev.backend());
            props_json(&props)
        }
        Payload::None | Payload::Word(_) | Payload::Opts(_) => (Map::new(), Placeholders::new()),
    };
    // Without an id it could not be removed again.
    let Some(name) = arguments.get(key).cloned() else { return Err(refused(option)) };
    let named = Map::from_iter([(key.to_owned(), name)]);
    let placeholders: BTreeMap<String, Arg> = placeholders.into_iter().collect();
    Ok((QmpCall { placeholders, ..QmpCall::new(add, arguments) }, QmpCall::new(remove, named)))
}

fn refused(option: &QemuOption) -> Diagnostics {
    std::iter::once(Diagnostic::at(
        &codes::UNSUPPORTED_CONFIGURATION,
        option.origin,
        format!("this device cannot be hot-plugged: it needs `-{}`, which has no QMP command", option.option),
    ))
    .collect()
}

fn call(execute: &str, arguments: Json) -> QmpCall {
    let arguments = match arguments {
        Json::Object(map) => map,
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => Map::new(),
    };
    QmpCall::new(execute, arguments)
}

/// `add-fd`: the descriptor is sent with the command.
fn fd_set(opts: &Opts) -> Option<(QmpCall, QmpCall)> {
    let get = |name: &str| opts.iter().find(|(key, _)| *key == Some(name)).and_then(|(_, text)| text.plain());
    let (set, opaque) = (get("set")?.parse::<u32>().ok()?, get("opaque")?);
    let add = call("add-fd", json!({"fdset-id": set, "opaque": opaque}));
    Some((QmpCall { fd: Some(opaque.to_owned()), ..add }, call("remove-fd", json!({"fdset-id": set}))))
}

/// `set-action` for watchdogs.
fn watchdog(action: &str) -> (QmpCall, QmpCall) {
    let set = |action: &str| call("set-action", json!({"watchdog": action}));
    (set(action), set(WATCHDOG_DEFAULT))
}

/// `getfd` for each descriptor in a command, which then has their names in place of placeholders.
pub(super) fn descriptors(add: &mut QmpCall) -> Vec<QmpCommand> {
    let names = add.placeholders.values().flat_map(|arg| Vec::from(arg.clone())).filter_map(|part| match part {
        Part::Placeholder { name: Placeholder::Fd(name), .. } => Some(name),
        Part::Placeholder { name: Placeholder::State | Placeholder::Secret(_) | Placeholder::SecretIv(_), .. }
        | Part::Text(_) => None,
    });
    let get = |name: String| {
        let about = |execute| call(execute, json!({"fdname": name}));
        let (get, close) = (about("getfd"), about("closefd"));
        QmpCommand { call: QmpCall { fd: Some(name), ..get }, awaits: None, revert: Some(close) }
    };
    let out = names.map(get).collect();
    for (pointer, arg) in std::mem::take(&mut add.placeholders) {
        let parts: Vec<Part> = Vec::from(arg).into_iter().map(named_part).collect();
        let is_known = parts.iter().all(|part| matches!(part, Part::Text(_)));
        let arg = Arg::from(parts);
        if !is_known {
            add.placeholders.insert(pointer, arg);
        } else if let Some(place) = pointer_mut(&mut add.arguments, &pointer) {
            *place = Json::from(arg.display());
        }
    }
    out
}

fn named_part(part: Part) -> Part {
    match part {
        Part::Placeholder { name: Placeholder::Fd(name), .. } => Part::Text(name),
        other @ (Part::Text(_) | Part::Placeholder { .. }) => other,
    }
}

/// The place in the arguments at a JSON pointer.
fn pointer_mut<'a>(arguments: &'a mut Map<String, Json>, pointer: &str) -> Option<&'a mut Json> {
    let (first, rest) = pointer
        .strip_prefix('/')?
        .split_once('/')
        .map_or((pointer.strip_prefix('/')?, None), |(first, rest)| (first, Some(rest)));
    let value = arguments.get_mut(&first.replace("~1", "/").replace("~0", "~"))?;
    match rest {
        Some(rest) => value.pointer_mut(&format!("/{rest}")),
        None => Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Origin;
    use crate::qemu::{ArgSection, QemuOptions, fd};

    fn made(option: &'static str, payload: Payload) -> Result<(QmpCall, QmpCall), Diagnostics> {
        let mut options = QemuOptions::new();
        options.push(ArgSection::Disks, option, payload, Origin::Xml(virtc_diag::Span::at(0)));
        pair(options.sorted().first().unwrap())
    }

    #[test]
    fn sets_of_descriptors_have_their_number() {
        let opts = Opts::new().with("set", "3").with("fd", fd("serial1-log")).with("opaque", "serial1-log");
        let (add, remove) = made("add-fd", Payload::Opts(opts)).unwrap();
        assert_eq!(add.fd.as_deref(), Some("serial1-log"));
        assert_eq!(Json::from(add.arguments), json!({"fdset-id": 3, "opaque": "serial1-log"}));
        assert_eq!((remove.execute.as_str(), Json::from(remove.arguments)), ("remove-fd", json!({"fdset-id": 3})));
    }

    #[test]
    fn descriptors_are_sent_before_who_takes_them() {
        let props = Props::new().with("type", "tap").with("fds", fd("a").then(":").then(fd("b"))).with("id", "n");
        let (mut add, remove) = made("netdev", Payload::Json(props)).unwrap();
        let sent: Vec<_> =
            descriptors(&mut add).into_iter().map(|c| (c.call.fd, c.revert.map(|u| u.execute))).collect();
        let closed = || Some("closefd".to_owned());
        assert_eq!(sent, [(Some("a".to_owned()), closed()), (Some("b".to_owned()), closed())]);
        assert_eq!(Json::from(add.arguments), json!({"type": "tap", "fds": "a:b", "id": "n"}));
        assert!(add.placeholders.is_empty());
        assert_eq!((remove.execute.as_str(), Json::from(remove.arguments)), ("netdev_del", json!({"id": "n"})));
    }

    #[test]
    fn what_has_no_counterpart_or_no_name_is_refused() {
        assert!(made("global", Payload::Opts(Opts::new().with("a.b", "c"))).is_err());
        assert!(made("device", Payload::Json(Props::new().with("driver", "isa-fdc"))).is_err());
        assert!(made("device", Payload::Json(Props::new().with("driver", "x").with("id", "y"))).is_ok());
    }
}
