//! A device is attached: it is placed in the running domain, named, and rendered as commands for QEMU and requirements of the host.

use virtc_diag::{Diagnostic, Diagnostics, Span};
use virtc_plan::Action;

use super::place::Placed;
use super::{
    ChangeFindings, Changed, DeviceChange, QmpAction, about_device, alias_of, complete, memlock, options_of, policy,
    settings, the_one_device,
};
use crate::codes;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::Facts;
use crate::model::devices::{Devices, Kind, chardev};
use crate::prepare::{alias, all_options, capabilities, finish_start, ids};
use crate::qemu::HostRequirements;
use crate::target::Target;

/// The device of `devices` comes to `running`. A medium for a drive that is there changes the medium.
pub(crate) fn attach(running: Domain, devices: Devices, target: &Target, facts: Facts<'_>) -> Changed {
    let Some((kind, span)) = the_one_device(&devices) else { return Changed::none(ChangeFindings::default()) };
    let domain = match complete(running, facts) {
        Ok(domain) => domain,
        Err(findings) => return Changed::none(findings),
    };
    let mut devices = devices;
    settings::forget_nodes(&mut devices);
    // Only names that begin with `ua-` are the user's, as in a definition.
    if let Some(info) = devices.info_mut(kind, 0) {
        info.alias = info.alias.take().filter(|a| a.value.starts_with("ua-"));
    }
    if let Some(drive) = settings::drive(&domain, &devices) {
        return settings::insert(&domain, devices, drive, span, target, facts);
    }
    attach_to(domain, devices, (kind, span), target, facts)
}

/// As [`attach`], to a domain that has all at its place.
pub(super) fn attach_to(
    domain: Domain,
    devices: Devices,
    (kind, span): (Kind, Span),
    target: &Target,
    facts: Facts<'_>,
) -> Changed {
    let refused = policy::kind(&devices, kind, Action::Attach, span)
        .or_else(|| policy::already_there(&domain, &devices, kind, span));
    if let Some(fault) = refused {
        return Changed::none(ChangeFindings::one(fault));
    }
    let taken = aliases(&domain);
    let mut running = all_options(&EmitContext::new(&domain, target, facts));
    if domain.general.id.is_some() {
        // libvirt shows the numbers of the block nodes that are there, and a new one gets the next; for a disk without one none is known.
        running.retain(|option| option.option != "blockdev");
    }
    let next_set = chardev::next_fd_set(&domain);
    let own = devices.info(kind, 0).and_then(|info| info.alias.as_ref().map(|a| a.value.clone()));
    let mut findings = Diagnostics::new();
    let placed = Placed::put(domain, devices, (kind, span), facts).move_into(&mut findings);
    let Some(mut placed) = placed else { return Changed::none(ChangeFindings::device(findings)) };
    if let Some(alias) = own.as_ref().filter(|own| taken.contains(own)) {
        let message = format!("the running domain has a device `{alias}` already");
        findings.push(Diagnostic::at(&codes::CONFLICT, span, message).help("give another `<alias>`, or none"));
        return Changed::none(ChangeFindings::device(findings));
    }
    placed.move_to_pci(&mut findings);
    findings.extend(placed.fault().into_iter().collect());
    let alias = finish(&mut placed, &mut findings);
    placed.domain.fd_sets.insert(alias.clone(), next_set);
    let change = render(placed, alias, target, facts, &mut findings);
    if !findings.has_errors() {
        let new = change.moves.iter().filter_map(|m| if let QmpAction::Add(option) = m { Some(option) } else { None });
        findings.extend(ids::check_new(&running, new, span));
    }
    Changed::new(change, findings)
}

/// Names the device, and fills in what a start fills in but for the boot order of `<os>`. The result is the device's alias.
fn finish(placed: &mut Placed, findings: &mut Diagnostics) -> String {
    alias::assign_new(&mut placed.domain, placed.kind, placed.index);
    findings.extend(about_device(finish_start(&mut placed.domain), placed.span));
    let (domain, kind, index) = (&mut placed.domain, placed.kind, placed.index);
    if let Some(disk) = domain.devices.disks.get_mut(index).filter(|_| kind == Kind::Disk) {
        disk.bootindex = None;
        settings::show_node(disk);
    }
    if let Some(interface) = domain.devices.interfaces.get_mut(index).filter(|_| kind == Kind::Interface) {
        interface.bootindex = None;
    }
    alias_of(domain, kind, index).unwrap_or_default()
}

/// What QEMU is told, and what the host must do.
fn render(
    placed: Placed,
    alias: String,
    target: &Target,
    facts: Facts<'_>,
    findings: &mut Diagnostics,
) -> DeviceChange {
    let Placed { domain, kind, index, span, added } = placed;
    let cx = EmitContext::new(&domain, target, facts);
    let mut needs = HostRequirements::new(domain.origin);
    let mut moves = Vec::new();
    let mut own_from = 0;
    let ids = || added.iter().map(|at| (Kind::Controller, *at)).chain([(kind, index)]);
    for (kind, at) in ids() {
        let Some(device) = domain.devices.get(kind, at) else { continue };
        own_from = moves.len();
        let options = options_of(device, &cx);
        capabilities::check(&cx, &options);
        moves.extend(options.into_iter().map(QmpAction::Add));
        device.all_requirements(&cx, &mut needs);
    }
    // What is said to QEMU before the guest runs is said here when the device is there.
    moves.extend(needs.commands.iter().map(|(call, _)| QmpAction::Call { call: call.clone(), undo: None }));
    findings.extend(about_device(cx.finish(), span));
    if !findings.has_errors() {
        let fault = domain.devices.get(kind, index).and_then(|device| policy::device(device, Action::Attach, span));
        let at_places = || ids().filter_map(|(kind, at)| policy::place(&domain, kind, at, span)).collect();
        findings.extend(fault.map_or_else(at_places, |fault| std::iter::once(fault).collect()));
    }
    let memlock = memlock(&domain, kind, &needs, target, facts);
    let origin = domain.devices.origin(kind, index).unwrap_or(domain.origin);
    DeviceChange { action: Action::Attach, alias, domain, moves, own_from, origin, needs, memlock }
}

fn aliases(domain: &Domain) -> Vec<String> {
    let infos = domain.devices.iter().map(|(_, _, device)| device.info());
    infos.filter_map(|info| info.alias.as_ref().map(|alias| alias.value.clone())).collect()
}
