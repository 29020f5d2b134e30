//! The ids in QEMU's options are unique. Ids are made from aliases, which the user can choose.

use virtc_diag::{Diagnostic, Diagnostics, Span};

use crate::codes;
use crate::ir::Origin;
use crate::qemu::{Payload, Props, QemuOption, Value};

/// The namespaces of ids in QEMU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Space {
    /// Children of `/machine/peripheral` (`qdev_set_id` in QEMU's `system/qdev-monitor.c`).
    Device,
    /// Children of `/objects` (`user_creatable_add_type` in QEMU's `qom/object_interfaces.c`).
    Object,
    /// Network back ends (`net_client_init1` in QEMU's `net/net.c`).
    Netdev,
    /// Children of `/chardevs` (`qemu_chardev_new` in QEMU's `chardev/char.c`).
    Chardev,
    /// Block nodes and drives, which share a namespace (`bdrv_assign_node_name` in QEMU's `block.c`).
    Block,
    /// The ids of one option that has a list of its own (`qemu_opts_create` in QEMU's `util/qemu-option.c`).
    Option(&'static str),
}

impl Space {
    fn of(option: &'static str) -> Self {
        match option {
            "device" => Self::Device,
            "object" => Self::Object,
            "netdev" => Self::Netdev,
            "chardev" => Self::Chardev,
            "blockdev" | "drive" => Self::Block,
            other => Self::Option(other),
        }
    }

    /// What has the id, in the words of QEMU's manual.
    fn noun(self) -> String {
        match self {
            Self::Device => "device".to_owned(),
            Self::Object => "object".to_owned(),
            Self::Netdev => "network backend".to_owned(),
            Self::Chardev => "character device".to_owned(),
            Self::Block => "block node".to_owned(),
            Self::Option(option) => format!("`-{option}`"),
        }
    }
}

type Id<'o> = (Space, &'o str);

/// Reports every id that two of `options` have, at the second one.
pub(super) fn check(options: &[QemuOption]) -> Diagnostics {
    let mut all: Vec<(Id<'_>, Origin)> = Vec::with_capacity(2 * options.len());
    for option in options {
        each(option, &mut |id| all.push((id, option.origin)));
    }
    // The sort is stable: equal ids stay in their order.
    all.sort_by_key(|(id, _)| *id);
    let neighbours = all.iter().zip(all.iter().skip(1));
    let twice = neighbours.filter(|((first, _), (second, _))| first == second);
    let fault = |((space, id), origin): &(Id<'_>, Origin), first: &Origin| {
        fault(*origin, format!("another {} has the id `{id}` in QEMU", space.noun()))
            .label(first.span(), "the other one")
    };
    twice.map(|((_, first), second)| fault(second, first)).collect()
}

/// Reports, at the device that is at `place`, every id of `new` that one of `running` has.
pub(super) fn check_new<'o>(
    running: &[QemuOption],
    new: impl Iterator<Item = &'o QemuOption>,
    place: Span,
) -> Diagnostics {
    let mut taken: Vec<Id<'_>> = Vec::with_capacity(2 * running.len());
    for option in running {
        each(option, &mut |id| taken.push(id));
    }
    taken.sort_unstable();
    let mut faults = Diagnostics::new();
    for option in new {
        each(option, &mut |(space, id)| {
            if taken.binary_search(&(space, id)).is_ok() {
                let span = Some(option.origin.span()).filter(|own| place.contains(*own)).unwrap_or(place);
                let message = format!("the running domain has a {} with the id `{id}`", space.noun());
                faults.push(fault(Origin::Xml(span), message));
            }
        });
    }
    faults
}

fn fault(origin: Origin, message: String) -> Diagnostic {
    let help = "give the device a name of its own, such as `<alias name='ua-second'/>`";
    Diagnostic::at(&codes::DUPLICATE_ID, origin, message).help(help)
}

/// Every id that an option gives. What the user has written for QEMU as it is, is not looked into.
fn each<'o>(option: &'o QemuOption, found: &mut dyn FnMut(Id<'o>)) {
    let space = Space::of(option.option);
    match &option.payload {
        Payload::Json(props) => members(props, space, found),
        Payload::Opts(opts) => {
            let is_id = |name: &str| name == "id" || space == Space::Block && name == "node-name";
            let ids = opts.iter().filter(|(name, _)| name.is_some_and(is_id));
            ids.filter_map(|(_, id)| id.plain()).for_each(|id| found((space, id)));
        }
        Payload::Chardev(chardev) => found((space, &chardev.id)),
        Payload::None | Payload::Word(_) => {}
    }
}

/// The ids of a JSON option; block nodes stand in each other.
fn members<'o>(props: &'o Props, space: Space, found: &mut dyn FnMut(Id<'o>)) {
    let key = if space == Space::Block { "node-name" } else { "id" };
    for (name, value) in props.iter() {
        match value {
            Value::Text(id) if name == key => {
                id.plain().into_iter().for_each(|id| found((space, id)));
            }
            Value::Object(inner) if space == Space::Block => members(inner, space, found),
            Value::Array(list) if space == Space::Block => list.iter().for_each(|inner| {
                if let Value::Object(inner) = inner {
                    members(inner, space, found);
                }
            }),
            Value::Text(_) | Value::Object(_) | Value::Array(_) | Value::Null | Value::Number(_) | Value::Bool(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qemu::{ArgSection, Opts, QemuOptions};

    fn at(place: usize) -> Origin {
        Origin::Xml(Span::at(place))
    }

    /// One option of each kind, all of them with the ids `a` and `b`.
    fn options() -> Vec<QemuOption> {
        let file = Props::new().with("driver", "file").with("node-name", "b");
        let disk = Props::new().with("driver", "raw").with("node-name", "a").with("file", file).with("backing", "c");
        let mut options = QemuOptions::new();
        let id = |id: &str| Props::new().with("id", id).with("netdev", "a");
        for (at_byte, option) in ["device", "object", "netdev", "audiodev"].into_iter().enumerate() {
            options.json(ArgSection::Interfaces, option, id("a"), at(at_byte));
            options.json(ArgSection::Interfaces, option, id("b"), at(at_byte));
        }
        options.json(ArgSection::Disks, "blockdev", disk, at(10));
        options.opts(ArgSection::Disks, "mon", Opts::new().with("chardev", "a").with("id", "a"), at(11));
        options.word(ArgSection::UserArguments, "device", "e1000,id=a", at(12));
        options.sorted()
    }

    fn found(options: &[QemuOption]) -> Vec<(String, u32, u32)> {
        let faults = check(options);
        let first = |fault: &Diagnostic| fault.labels.first().map_or(u32::MAX, |label| label.span.start);
        faults.iter().map(|d| (d.message.clone(), d.span.map_or(u32::MAX, |span| span.start), first(d))).collect()
    }

    #[test]
    fn things_of_different_kinds_share_their_ids() {
        assert_eq!(found(&options()), []);
    }

    #[test]
    fn each_kind_of_thing_has_an_id_once() {
        let node = |name: &str| Props::new().with("driver", "raw").with("node-name", name);
        let deep = node("c").with("children", vec![Value::Object(node("b"))]);
        let id = |id: &str| Props::new().with("id", id);
        let table = [
            ("device", Payload::Json(id("b")), "another device has the id `b` in QEMU", 0),
            ("object", Payload::Json(id("a")), "another object has the id `a` in QEMU", 1),
            ("netdev", Payload::Json(id("a")), "another network backend has the id `a` in QEMU", 2),
            ("audiodev", Payload::Json(id("b")), "another `-audiodev` has the id `b` in QEMU", 3),
            ("blockdev", Payload::Json(node("a")), "another block node has the id `a` in QEMU", 10),
            ("blockdev", Payload::Json(deep), "another block node has the id `b` in QEMU", 10),
            ("drive", Payload::Opts(Opts::new().with("id", "b")), "another block node has the id `b` in QEMU", 10),
            ("mon", Payload::Opts(Opts::first("x").with("id", "a")), "another `-mon` has the id `a` in QEMU", 11),
        ];
        for (option, payload, message, first) in table {
            let mut all = options();
            let new = QemuOption { option, payload, origin: at(20), section: ArgSection::Messages };
            assert_eq!(check_new(&all, std::iter::once(&new), Span::at(30)).iter().count(), 1, "{message}");
            all.push(new);
            assert_eq!(found(&all), [(message.to_owned(), 20, first)]);
        }
    }

    #[test]
    fn what_comes_is_checked_against_what_runs_at_its_own_place() {
        let all = options();
        let new = all.iter().filter(|option| option.option == "device");
        let faults = check_new(&all, new, Span::new(0..8));
        let shown: Vec<_> = faults.iter().map(|d| (d.message.as_str(), d.span.map(|span| span.start))).collect();
        let message = |id| format!("the running domain has a device with the id `{id}`");
        assert_eq!(shown, [(message("a").as_str(), Some(0)), (message("b").as_str(), Some(0))]);
    }
}
