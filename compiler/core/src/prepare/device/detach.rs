//! A device goes.

use virtc_diag::{Diagnostic, Span};
use virtc_plan::Action;

use super::{ChangeFindings, Changed, DeviceChange, Move, attach, count_memory, items_of, only, rules, settle};
use crate::codes;
use crate::devices::{Devices, Kind};
use crate::domain::Domain;
use crate::emit::{Cx, HostNeeds, Item};
use crate::facts::Facts;
use crate::target::Target;

/// What it means that the running domain has no such device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// The definition shows all that runs, so there is none.
    Fault,
    /// The definition may be older than the device: it is taken for one that `attach` added to it, which is said in a warning.
    IsNewer,
}

/// The device of `running` that `devices` describes goes.
pub(crate) fn detach(running: Domain, devices: Devices, absent: Absent, target: &Target, facts: Facts<'_>) -> Changed {
    let Some((kind, span)) = only(&devices) else { return Changed::none(ChangeFindings::default()) };
    let domain = match settle(running, facts) {
        Ok(domain) => domain,
        Err(findings) => return Changed::none(findings),
    };
    if let Some(fault) = rules::kind(kind, Action::Detach, span) {
        return Changed::none(ChangeFindings::one(fault));
    }
    let matching = domain.devices.matching(kind, &devices);
    match matching.as_slice() {
        [index] => goes(domain, kind, *index, span, target, facts),
        [] => match absent {
            Absent::Fault => Changed::none(ChangeFindings::one(unknown(kind, span))),
            Absent::IsNewer => newer(domain, devices, (kind, span), target, facts),
        },
        several => {
            let message = format!("{} devices of the domain fit this `<{}>`", several.len(), kind.element());
            let help = "say which: by MAC, target, source, address or alias";
            Changed::none(ChangeFindings::one(Diagnostic::new(&codes::CONFLICT, span, message).help(help)))
        }
    }
}

fn unknown(kind: Kind, span: Span) -> Diagnostic {
    let message = format!("the domain has no such `<{}>`", kind.element());
    let help = "give what tells it apart as the definition has it: MAC, target, source or alias";
    Diagnostic::new(&codes::CONFLICT, span, message).help(help)
}

fn goes(mut domain: Domain, kind: Kind, index: usize, span: Span, target: &Target, facts: Facts<'_>) -> Changed {
    let cx = Cx::new(&domain, target, facts);
    let mut needs = HostNeeds::default();
    let moves = removed(items_of(kind, index, &cx));
    domain.devices.host_of(kind, index, &cx, &mut needs);
    let mut findings = cx.finish();
    let faults = [
        rules::after(&domain, kind, index, &moves, Action::Detach, span),
        rules::busy(&domain, kind, index, span),
        rules::place(&domain, kind, index, span),
    ];
    findings.extend(faults.into_iter().flatten().take(1).collect());
    let alias = domain.devices.info(kind, index).map(|i| i.alias().to_owned()).unwrap_or_default();
    let origin = domain.devices.origin(kind, index).unwrap_or(domain.origin);
    count_memory(&mut domain, kind, index, u64::saturating_sub);
    domain.devices.remove(&alias);
    let change =
        DeviceChange { action: Action::Detach, alias, domain, moves, own_from: 0, origin, needs, memlock: None };
    Changed::new(change, super::about_device(findings, span))
}

/// The inverse of what adds the items, newest first.
fn removed(items: Vec<Item>) -> Vec<Move> {
    let is_device = |item: &Item| item.option == "device";
    let is_network = |item: &Item| item.option == "netdev";
    // A network that forwards to a character device takes it along when it goes.
    let forwards = !items.iter().any(is_device) && items.iter().any(is_network);
    let kept = |item: &Item| item.option != "watchdog-action" && !(forwards && item.option == "chardev");
    items.into_iter().rev().filter(kept).map(Move::Remove).collect()
}

/// A device that the definition does not have yet.
fn newer(before: Domain, devices: Devices, (kind, span): (Kind, Span), target: &Target, facts: Facts<'_>) -> Changed {
    // What is wrong with it as a new device says only that it is none.
    let (Some(change), _) = attach::comes(before.clone(), devices, (kind, span), target, facts).into_parts() else {
        return Changed::none(ChangeFindings::one(unknown(kind, span)));
    };
    let change = change.into_inner();
    // Controllers that came with it stay.
    let items = change.moves.into_iter().skip(change.own_from).filter_map(|m| match m {
        Move::Add(item) => Some(item),
        Move::Remove(_) | Move::Say { .. } => None,
    });
    let moves = removed(items.collect());
    let message = format!(
        "the definition has no such `<{}>`: it is taken for `{}`, which `attach` would add",
        kind.element(),
        change.alias
    );
    let warning = Diagnostic::new(&codes::NOT_IN_DEFINITION, span, message)
        .help("give the definition of the guest as it runs now, which `virtc hotplug attach --emit xml` prints");
    let change = DeviceChange { action: Action::Detach, domain: before, moves, own_from: 0, memlock: None, ..change };
    Changed::new(change, std::iter::once(warning).collect())
}
