//! The ids that QEMU gets: each is given once. Ids follow from aliases, and most from what the user has written.

use virtc_diag::{Diagnostic, Diagnostics, Span};

use crate::codes;
use crate::ir::Origin;
use crate::qemu::{Payload, Props, QemuOption, Value};

/// Things of QEMU among which an id is given once.
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
    /// Block nodes and drives, which share their names (`bdrv_assign_node_name` in QEMU's `block.c`).
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

    fn noun(self) -> String {
        match self {
            Self::Device => "devices".to_owned(),
            Self::Object => "objects".to_owned(),
            Self::Netdev => "network back ends".to_owned(),
            Self::Chardev => "character devices".to_owned(),
            Self::Block => "block nodes".to_owned(),
            Self::Option(option) => format!("options `-{option}`"),
        }
    }
}

type Id<'o> = (Space, &'o str);

/// Reports every id that two of `options` have, at the second one.
pub(super) fn check(options: &[QemuOption]) -> Diagnostics {
    let mut all: Vec<(Id<'_>, Origin)> = Vec::with_capacity(2 * options.len());
    options.iter().for_each(|option| each(option, &mut |id| all.push((id, option.origin))));
    // The sort is stable: of two that are equal, the first comes first.
    all.sort_by_key(|(id, _)| *id);
    let neighbours = all.iter().zip(all.iter().skip(1));
    let twice = neighbours.filter(|((first, _), (second, _))| first == second);
    twice.map(|((_, first), (id, second))| fault(*id, *second).label(first.span(), "the other one")).collect()
}

/// Reports, at the device that is at `place`, every id of `new` that one of `running` has.
pub(super) fn check_new<'o>(
    running: &[QemuOption],
    new: impl Iterator<Item = &'o QemuOption>,
    place: Span,
) -> Diagnostics {
    let mut taken: Vec<Id<'_>> = Vec::with_capacity(2 * running.len());
    running.iter().for_each(|option| each(option, &mut |id| taken.push(id)));
    taken.sort_unstable();
    let mut faults = Diagnostics::new();
    for option in new {
        each(option, &mut |id| {
            if taken.binary_search(&id).is_ok() {
                let span = Some(option.origin.span()).filter(|own| place.contains(*own)).unwrap_or(place);
                faults.push(fault(id, Origin::Xml(span)));
            }
        });
    }
    faults
}

fn fault((space, id): Id<'_>, origin: Origin) -> Diagnostic {
    let message = format!("two {} of QEMU's have the id `{id}`", space.noun());
    Diagnostic::at(&codes::DUPLICATE_ID, origin, message).help("give one of them a name: `<alias name='ua-…'/>`")
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
