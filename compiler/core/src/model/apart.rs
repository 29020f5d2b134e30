//! Which faults of the grammar leave the rest of a domain to be checked: those in parts on which no other part depends.
//!
//! A part with a fault is left out of the model, so that it has no other finding than the grammar's. Where another part
//! may need it, as a disk needs its controller, no rule across parts is checked: what is missing would be missed by the
//! rest.

use virtc_rng::Validated;
use virtc_xml::Element;

use crate::model::devices::Kind;

/// Children of `<domain>` that no other part needs.
const ELEMENTS: [&str; 14] = [
    "name",
    "uuid",
    "genid",
    "title",
    "description",
    "metadata",
    "on_poweroff",
    "on_reboot",
    "on_crash",
    "on_lockfailure",
    "pm",
    "perf",
    "resource",
    "seclabel",
];

/// Whether a device with a fault in it can be left out, so that the rest can be checked. One with an alias may be named by others.
pub(super) fn is_apart(device: Element<'_>) -> bool {
    let kind = Kind::of_element(device.name());
    kind.is_some_and(|kind| !kind.is_needed_by_others()) && device.child("alias").is_none()
}

/// Whether all faults are in parts that no other part needs.
pub(super) fn leaves_rest(checked: &Validated<'_>, root: Element<'_>) -> bool {
    if !checked.document().is_complete() {
        return false;
    }
    // A name is what a domain cannot do without, and nothing is checked by it.
    let is_short = checked.is_lacking(root) && root.child("name").is_some();
    let is_misnamed = root.attributes().any(|attribute| checked.is_faulty_attribute(attribute));
    if is_short || is_misnamed {
        return false;
    }
    root.children().filter(|part| checked.is_touched(*part)).all(|part| match part.name() {
        "devices" => {
            let devices = || part.children().filter(|device| checked.is_touched(*device));
            let is_known = !checked.is_faulty(part) && !checked.is_lacking(part);
            is_known && part.attributes().next().is_none() && devices().all(|d| !checked.is_faulty(d) && is_apart(d))
        }
        name => ELEMENTS.contains(&name),
    })
}
