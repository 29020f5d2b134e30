//! A device changes while the guest runs.

use virtc_diag::{Diagnostic, Diagnostics, SourceFile, Span};
use virtc_plan::Action;

use super::differ::{self, Difference};
use super::{
    ChangeFindings, Changed, DeviceChange, QmpAction, about_device, alias_of, complete, complete_with, memlock, policy,
    settings, the_one_device, unsupported,
};
use crate::codes;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::Facts;
use crate::model::devices::{Change, Devices, Kind, MatchBy};
use crate::prepare::finish_start;
use crate::qemu::HostRequirements;
use crate::target::Target;

/// The device of `running` that the one of `devices` means becomes like it. What cannot change must be the same; `source` is the text of
/// the device, in which a difference is pointed at.
pub(crate) fn update(
    running: Domain,
    devices: Devices,
    source: &SourceFile,
    target: &Target,
    facts: Facts<'_>,
) -> Changed {
    let Some((kind, span)) = the_one_device(&devices) else { return Changed::none(ChangeFindings::default()) };
    let mut devices = devices;
    settings::forget_nodes(&mut devices);
    let domain = match complete(running, facts) {
        Ok(domain) => domain,
        Err(findings) => return Changed::none(findings),
    };
    if let Some(fault) = policy::kind(&devices, kind, Action::Update, span) {
        return Changed::none(ChangeFindings::one(fault));
    }
    match find_target(&domain, &devices, kind, span) {
        Ok(index) => update_to(&domain, devices, (kind, index, span), Some(source), target, facts),
        Err(fault) => Changed::none(ChangeFindings::one(*fault)),
    }
}

/// The device that is meant: by alias, else by what a device of its kind has for itself.
fn find_target(domain: &Domain, devices: &Devices, kind: Kind, span: Span) -> Result<usize, Box<Diagnostic>> {
    let found = domain.devices.find(kind, devices, MatchBy::Update);
    let conflict = |message: String, help| Box::new(Diagnostic::at(&codes::CONFLICT, span, message).help(help));
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(conflict(
            format!("the domain has no such `<{}>`", kind.element()),
            "give what tells it apart as the definition has it: MAC, target, type or alias",
        )),
        several => Err(conflict(
            format!("{} devices of the domain fit this `<{}>`", several.len(), kind.element()),
            "say which: by MAC, target, address or alias",
        )),
    }
}

/// Paths of what only a running domain has, which nobody needs to repeat.
const OF_RUNNING: &[&str] = &["alias", "address"];

/// Whether the user has said anything about what differs: what is filled in for somebody who says nothing does not count.
fn is_said(source: &SourceFile, difference: &Difference) -> bool {
    differ::says(source, &difference.path) || difference.path == "listen/@address" && differ::says(source, "@listen")
}

/// The device at `index` becomes like the one of `devices`.
pub(super) fn update_to(
    before: &Domain,
    devices: Devices,
    (kind, index, span): (Kind, usize, Span),
    source: Option<&SourceFile>,
    target: &Target,
    facts: Facts<'_>,
) -> Changed {
    let alias = alias_of(before, kind, index).unwrap_or_default();
    let Some(running) = before.devices.get(kind, index) else { return Changed::none(ChangeFindings::default()) };
    let leaves = running.live().leaves;
    let mut after = before.clone();
    after.devices.replace(kind, index, devices);
    let mut findings = Diagnostics::new();
    let Some(mut after) = complete_with(after, facts, span).move_into(&mut findings) else {
        return Changed::none(ChangeFindings::device(findings));
    };
    findings.extend(about_device(finish_start(&mut after), span));
    let Some(now) = (0..after.devices.count(kind)).find(|at| alias_of(&after, kind, *at).as_ref() == Some(&alias))
    else {
        return Changed::none(ChangeFindings::device(findings));
    };
    let Some(new) = after.devices.get(kind, now) else { return Changed::none(ChangeFindings::device(findings)) };
    let found = differ::differences(&running.to_xml(), &new.to_xml());
    let found: Vec<Difference> = found
        .into_iter()
        .filter(|d| d.wanted.is_some() || !d.is_below(OF_RUNNING) && !d.is_below(leaves.of_running))
        .filter(|d| !leaves.keeps || source.is_none_or(|source| is_said(source, d)))
        .filter(|d| !d.is_below(leaves.ignored))
        .collect();
    // What cannot be is not looked at any further.
    if found.iter().any(|d| !d.is_below(leaves.free)) {
        findings = Diagnostics::new();
    }
    for difference in found.iter().filter(|d| !d.is_below(leaves.free)) {
        let span = source.and_then(|source| differ::place(source, &difference.path)).unwrap_or(span);
        let what = format!("`{}` of this `<{}>`", difference.path, kind.element());
        let message = format!("{what} cannot be changed while the guest runs: {}", difference.show());
        findings.push(unsupported(span, message));
    }
    let mut needs = HostRequirements::new(before.origin);
    let mut moves =
        changes(leaves.change, before, &mut after, (index, now), &found, (target, facts), (&mut needs, &mut findings));
    // What is said to QEMU before the guest runs is said of the new medium, too.
    moves.extend(needs.commands.iter().map(|(call, _)| QmpAction::Call { call: call.clone(), undo: None }));
    findings.extend(policy::device(running, Action::Update, span).into_iter().collect());
    let memlock = memlock(&after, kind, &needs, target, facts);
    let origin = after.devices.origin(kind, now).unwrap_or(after.origin);
    let change =
        DeviceChange { action: Action::Update, alias, domain: after, moves, own_from: 0, origin, needs, memlock };
    Changed::new(change, findings)
}

/// What QEMU and the host have to do.
fn changes(
    change: Change,
    before: &Domain,
    after: &mut Domain,
    (index, now): (usize, usize),
    found: &[Difference],
    (target, facts): (&Target, Facts<'_>),
    (needs, findings): (&mut HostRequirements, &mut Diagnostics),
) -> Vec<QmpAction> {
    let is_changed = |paths: &[&str]| found.iter().any(|d| d.is_below(paths));
    match change {
        Change::Nothing => Vec::new(),
        Change::Medium => {
            if !is_changed(&["@type", "source", "driver/@type"]) {
                return Vec::new();
            }
            settings::new_node(before, after, now);
            let (old, new) = (EmitContext::new(before, target, facts), EmitContext::new(after, target, facts));
            let moves = settings::medium(&old, index, &new, now);
            if let Some(device) = after.devices.get(Kind::Disk, now) {
                device.all_requirements(&new, needs);
            }
            findings.extend(new.finish());
            moves
        }
        Change::Link => {
            let origin = after.devices.origin(Kind::Interface, now).unwrap_or(after.origin);
            for difference in found.iter().filter(|d| !d.is_below(&["link"])) {
                needs.for_vm().refuse(format!("changing `{}` of an interface", difference.path), origin);
            }
            if is_changed(&["link"]) { settings::link(before, index, after, now) } else { Vec::new() }
        }
        Change::RequestedSize => {
            settings::memory(before, index, after, now).filter(|_| !found.is_empty()).into_iter().collect()
        }
        Change::Password => {
            let moves = settings::password(before, index, after, now, facts);
            settings::keep_server(before, index, after, now);
            moves
        }
    }
}
