//! A device changes while the guest runs.

use virtc_diag::{Diagnostic, Diagnostics, SourceFile, Span};
use virtc_plan::Action;

use super::differ::{self, Difference};
use super::{
    ChangeFindings, Changed, DeviceChange, QmpAction, about_device, alias_of, complete, complete_with, memlock, rules,
    settings, the_one_device, unsupported,
};
use crate::codes;
use crate::ir::OptExt;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::Facts;
use crate::model::devices::disk::DiskDevice;
use crate::model::devices::memory::Model as MemoryModel;
use crate::model::devices::{Device, Devices, Kind};
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
    if let Some(fault) = rules::kind(kind, Action::Update, span) {
        return Changed::none(ChangeFindings::one(fault));
    }
    match find_target(&domain, &devices, kind, span) {
        Ok(index) => update_to(&domain, devices, (kind, index, span), Some(source), target, facts),
        Err(fault) => Changed::none(ChangeFindings::one(*fault)),
    }
}

/// The device that is meant: by alias, else by what a device of its kind has for itself.
fn find_target(domain: &Domain, devices: &Devices, kind: Kind, span: Span) -> Result<usize, Box<Diagnostic>> {
    let all = &domain.devices;
    let alias = devices.info(kind, 0).and_then(|info| info.alias.as_ref());
    let fits = |at: usize| match alias {
        Some(alias) => alias_of(domain, kind, at).as_ref() == Some(&alias.value),
        None => match kind {
            Kind::Disk => {
                all.disks.get(at).zip(devices.disks.first()).is_some_and(|(own, new)| own.matches_description(new))
            }
            Kind::Graphics => {
                all.graphics.get(at).zip(devices.graphics.first()).is_some_and(|(own, new)| own.kind() == new.kind())
            }
            Kind::Interface => all
                .interfaces
                .get(at)
                .zip(devices.interfaces.first())
                .is_some_and(|(own, new)| new.mac.is_none_or(|mac| own.mac.is(&mac.value))),
            Kind::Memory => all.memories.get(at).zip(devices.memories.first()).is_some_and(|(own, new)| {
                own.model == new.model && new.info.address.as_ref().is_none_or(|a| own.info.address.is(&a.value))
            }),
            _ => false,
        },
    };
    let found: Vec<usize> = (0..all.count(kind)).filter(|at| fits(*at)).collect();
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

/// What may change.
struct Rules {
    /// Paths that may change.
    free: &'static [&'static str],
    /// Paths of what only a running domain has, which nobody needs to repeat.
    silent: &'static [&'static str],
    /// Whether all that is left out stays as it is.
    keeps: bool,
}

const ALWAYS_SILENT: &[&str] = &["alias", "address"];

fn rules_for(domain: &Domain, kind: Kind, index: usize) -> Rules {
    let devices = &domain.devices;
    match kind {
        Kind::Disk => {
            let is_drive = devices.disks.get(index).is_some_and(|d| d.device() != DiskDevice::Disk);
            let free: &[&str] = if is_drive {
                &["@type", "source", "driver/@name", "driver/@type"]
            } else {
                &["source/@startupPolicy"]
            };
            Rules { free, silent: &["target/@tray", "source/@index", "backingStore", "mirror"], keeps: false }
        }
        Kind::Interface => {
            let free: &[&str] = if devices.interfaces.get(index).is_some_and(|i| i.host_function().is_some()) {
                &[]
            } else {
                &[
                    "link",
                    "bandwidth",
                    "filterref",
                    "coalesce",
                    "@trustGuestRxFilters",
                    "source/@bridge",
                    "source/@portgroup",
                ]
            };
            Rules { free, silent: &["target/@dev", "source/@portid", "backend"], keeps: false }
        }
        Kind::Memory => {
            let has_size = devices.memories.get(index).is_some_and(|m| m.model.is(&MemoryModel::VirtioMem));
            let free: &[&str] = if has_size { &["target/requested"] } else { &[] };
            Rules { free, silent: &["target/current"], keeps: false }
        }
        _ => Rules { free: &["@passwd", "@passwdValidTo", "@connected"], silent: &[], keeps: true },
    }
}

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
    let rules = rules_for(before, kind, index);
    let mut after = before.clone();
    after.devices.replace(kind, index, devices);
    settings::carry_over(before, &mut after, kind, index);
    let mut findings = Diagnostics::new();
    let Some(mut after) = complete_with(after, facts, span).move_into(&mut findings) else {
        return Changed::none(ChangeFindings::device(findings));
    };
    findings.extend(about_device(finish_start(&mut after), span));
    let Some(now) = (0..after.devices.count(kind)).find(|at| alias_of(&after, kind, *at).as_ref() == Some(&alias))
    else {
        return Changed::none(ChangeFindings::device(findings));
    };
    let found = differ::differences(&before.devices.xml(kind, index), &after.devices.xml(kind, now));
    let found: Vec<Difference> = found
        .into_iter()
        .filter(|d| d.wanted.is_some() || !d.is_below(ALWAYS_SILENT) && !d.is_below(rules.silent))
        .filter(|d| !rules.keeps || source.is_none_or(|source| is_said(source, d)))
        .filter(|d| !d.is_below(&["source/@index"]))
        // The address of a `<listen>` stands in two places.
        .filter(|d| kind != Kind::Graphics || d.path != "@listen")
        .collect();
    // What cannot be is not looked at any further.
    if found.iter().any(|d| !d.is_below(rules.free)) {
        findings = Diagnostics::new();
    }
    for difference in found.iter().filter(|d| !d.is_below(rules.free)) {
        let span = source.and_then(|source| differ::place(source, &difference.path)).unwrap_or(span);
        let what = format!("`{}` of this `<{}>`", difference.path, kind.element());
        let message = format!("{what} cannot be changed while the guest runs: {}", difference.show());
        findings.push(unsupported(span, message));
    }
    let mut needs = HostRequirements::new(before.origin);
    let moves = changes(before, &mut after, (kind, index, now), &found, (target, facts), &mut needs, &mut findings);
    // What is said to QEMU before the guest runs is said of the new medium, too.
    let mut moves = moves;
    moves.extend(needs.commands.iter().map(|(call, _)| QmpAction::Call { call: call.clone(), undo: None }));
    findings.extend(
        rules::after(before, kind, index, &moves, Action::Update, span)
            .filter(|_| kind == Kind::Graphics)
            .into_iter()
            .collect(),
    );
    let memlock = memlock(&after, kind, &needs, target, facts);
    let origin = after.devices.origin(kind, now).unwrap_or(after.origin);
    let change =
        DeviceChange { action: Action::Update, alias, domain: after, moves, own_from: 0, origin, needs, memlock };
    Changed::new(change, findings)
}

/// What QEMU and the host have to do.
fn changes(
    before: &Domain,
    after: &mut Domain,
    (kind, index, now): (Kind, usize, usize),
    found: &[Difference],
    (target, facts): (&Target, Facts<'_>),
    needs: &mut HostRequirements,
    findings: &mut Diagnostics,
) -> Vec<QmpAction> {
    let is_changed = |paths: &[&str]| found.iter().any(|d| d.is_below(paths));
    match kind {
        Kind::Disk => {
            if !is_changed(&["@type", "source", "driver/@type"]) {
                return Vec::new();
            }
            settings::new_node(before, after, now);
            let (old, new) = (EmitContext::new(before, target, facts), EmitContext::new(after, target, facts));
            let moves = settings::medium(&old, index, &new, now);
            after.devices.host_of(kind, now, &new, needs);
            findings.extend(new.finish());
            moves
        }
        Kind::Interface => {
            let origin = after.devices.origin(kind, now).unwrap_or(after.origin);
            for difference in found.iter().filter(|d| !d.is_below(&["link"])) {
                needs.refuse(format!("changing `{}` of an interface", difference.path), origin);
            }
            if is_changed(&["link"]) { settings::link(before, index, after, now) } else { Vec::new() }
        }
        Kind::Memory => settings::memory(before, index, after, now).filter(|_| !found.is_empty()).into_iter().collect(),
        _ => {
            let moves = settings::password(before, index, after, now, facts);
            settings::keep_server(before, index, after, now);
            moves
        }
    }
}
