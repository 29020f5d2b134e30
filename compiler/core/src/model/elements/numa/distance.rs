//! `<distances>` of NUMA cells.

use virtc_diag::Diagnostics;

use super::{Cell, Distances};
use crate::codes::Report as _;
use crate::ir::{DefaultRule, OptExt, Spanned};
use crate::xml_io::Fields;

/// The distance of a node to itself, as ACPI counts.
const LOCAL: u32 = 10;
/// The distance to any other node, unless it is given.
const REMOTE: u32 = 20;

static MIRRORED: DefaultRule = DefaultRule {
    name: "numa-distance",
    text: "a distance that is given in one direction holds in both; the distance of a NUMA cell to itself is 10",
};

/// Reads `<distances>` from `<cell>`.
pub(super) fn lower(cell: &Fields<'_, '_>) -> Distances {
    let Some(f) = cell.child("distances") else { return Vec::new() };
    f.children("sibling").iter().filter_map(|s| Some((s.attr("id")?, s.attr("value")?))).collect()
}

/// Completes the distances in both directions, in the order of the cells.
pub(super) fn define(cells: &mut [Cell], faults: &mut Diagnostics) {
    let given: Vec<(u32, Distances)> =
        cells.iter_mut().map(|c| (c.id.get().unwrap_or_default(), std::mem::take(&mut c.distances))).collect();
    for (from, list) in given {
        for (to, value) in list {
            if usize::try_from(to.value).map_or(true, |to| to >= cells.len()) {
                faults.conflict(to.origin, format!("NUMA cell {} does not exist", to.value));
                continue;
            }
            if (to.value == from) != (value.value == LOCAL) || value.value < LOCAL {
                let message = "the distance of a NUMA cell is 10 to itself, and more to every other cell";
                faults.conflict(value.origin, message);
                continue;
            }
            set(cells, from, from, Spanned::rule(LOCAL, &MIRRORED, value.origin), false);
            set(cells, from, to.value, value, true);
            set(cells, to.value, to.value, Spanned::rule(LOCAL, &MIRRORED, value.origin), false);
            set(cells, to.value, from, Spanned::rule(value.value, &MIRRORED, value.origin), false);
        }
    }
    for cell in cells {
        cell.distances.sort_by_key(|(to, _)| to.value);
    }
}

/// Sets one distance; one that is there is replaced only by a `given` one.
fn set(cells: &mut [Cell], from: u32, to: u32, value: Spanned<u32>, given: bool) {
    let Some(cell) = usize::try_from(from).ok().and_then(|at| cells.get_mut(at)) else { return };
    match cell.distances.iter_mut().find(|(known, _)| known.value == to) {
        Some((_, known)) if given => *known = value,
        Some(_) => {}
        None => cell.distances.push((Spanned { value: to, origin: value.origin }, value)),
    }
}

/// The distance from one cell to another.
pub(super) fn between(from: &Cell, to: &Cell) -> u32 {
    let known = from.distances.iter().find(|(id, _)| to.id.is(&id.value)).map(|(_, value)| value.value);
    known.unwrap_or_else(|| usual(from, to))
}

/// The distance where none is given.
pub(super) fn usual(from: &Cell, to: &Cell) -> u32 {
    if from.id == to.id { LOCAL } else { REMOTE }
}
