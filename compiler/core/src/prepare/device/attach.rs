//! A device is attached: it is placed in the running domain, named, and rendered as commands for QEMU and requirements of the host.

use virtc_diag::{Diagnostic, Diagnostics, Span};
use virtc_plan::Action;

use super::place::Placed;
use super::{
    ChangeFindings, Changed, DeviceChange, QmpAction, about_device, complete, memlock, options_of, policy, settings,
    the_one_device,
};
use crate::codes;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::Facts;
use crate::model::devices::{Device, Devices, Kind, chardev};
use crate::prepare::capabilities;
use crate::prepare::finish_start;
use crate::qemu::HostRequirements;
use crate::target::Target;

/// The device of `devices` comes to `running`. A medium for a drive that is there changes the medium.
pub fn attach(running: Domain, devices: Devices, target: &Target, facts: Facts<'_>) -> Changed {
    let Some((kind, span)) = the_one_device(&devices) else { return (None, ChangeFindings::default()) };
    let domain = match complete(running, facts) {
        Ok(domain) => domain,
        Err(findings) => return (None, findings),
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
        return (None, ChangeFindings::one(fault));
    }
    let taken = aliases(&domain);
    let next_set = chardev::next_fd_set(&domain);
    let own = devices.info(kind, 0).and_then(|info| info.alias.as_ref().map(|a| a.value.clone()));
    let mut placed = Placed::new(domain, devices, (kind, span), facts);
    if let Some(alias) = own.as_ref().filter(|own| taken.contains(own)) {
        let message = format!("the running domain has a device `{alias}` already");
        placed.fault(Diagnostic::at(&codes::CONFLICT, span, message).help("give another `<alias>`, or none"));
        return (None, ChangeFindings::device(placed.findings));
    }
    placed.to_pci();
    placed.check_controllers();
    let alias = finish(&mut placed, own, &taken);
    placed.domain.fd_sets.insert(alias.clone(), next_set);
    let (change, findings) = render(placed, alias, target, facts);
    (Some(change), ChangeFindings::device(findings))
}

/// Fills in what a start fills in, but for the boot order of `<os>`, and names the device. The result is its alias.
fn finish(placed: &mut Placed, own: Option<String>, taken: &[String]) -> String {
    let findings = finish_start(&mut placed.domain);
    placed.findings.extend(about_device(findings, placed.span));
    let (domain, kind, index) = (&mut placed.domain, placed.kind, placed.index);
    if let Some(disk) = domain.devices.disks.get_mut(index).filter(|_| kind == Kind::Disk) {
        disk.bootindex = None;
        settings::show_node(disk);
    }
    if let Some(interface) = domain.devices.interfaces.get_mut(index).filter(|_| kind == Kind::Interface) {
        interface.bootindex = None;
    }
    own.unwrap_or_else(|| free_alias(domain, kind, index, taken))
}

/// What QEMU is told, and what the host must do.
fn render(placed: Placed, alias: String, target: &Target, facts: Facts<'_>) -> (DeviceChange, Diagnostics) {
    let Placed { domain, kind, index, span, added, mut findings } = placed;
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
        let places = || ids().filter_map(|(kind, at)| policy::place(&domain, kind, at, span)).collect();
        findings.extend(fault.map_or_else(places, |fault| std::iter::once(fault).collect()));
    }
    let memlock = memlock(&domain, kind, &needs, target, facts);
    let origin = domain.devices.origin(kind, index).unwrap_or(domain.origin);
    let change = DeviceChange { action: Action::Attach, alias, domain, moves, own_from, origin, needs, memlock };
    (change, findings)
}

fn aliases(domain: &Domain) -> Vec<String> {
    let infos = domain.devices.iter().map(|(_, _, device)| device.info());
    infos.filter_map(|info| info.alias.as_ref().map(|alias| alias.value.clone())).collect()
}

/// A name that no device of the running domain has: where devices are numbered, one above the highest (libvirt's `src/qemu/qemu_alias.c`).
fn free_alias(domain: &mut Domain, kind: Kind, index: usize, taken: &[String]) -> String {
    // The console of a serial port has that port's name, and its number counts.
    let consoles = domain.devices.consoles.iter().filter(|c| kind == Kind::Console && c.is_mirror());
    let mirrors: Vec<String> = consoles.map(|c| c.info().alias().replace("serial", "console")).collect();
    let Some(device) = domain.devices.get_mut(kind, index) else { return String::new() };
    let is_numbered = !device.is_named_by_place();
    let info = device.info_mut();
    let alias = info.alias().to_owned();
    let stem = alias.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = |name: &str| name.strip_prefix(stem)?.parse::<u32>().ok();
    let above = taken
        .iter()
        .chain(&mirrors)
        .filter_map(|name| number(name))
        .max()
        .map_or(0, |highest| highest.saturating_add(1));
    let free = if is_numbered || taken.contains(&alias) { format!("{stem}{above}") } else { alias };
    if let Some(own) = &mut info.alias {
        own.value.clone_from(&free);
    }
    free
}
