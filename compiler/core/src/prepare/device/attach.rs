//! A device comes.

use virtc_diag::{Diagnostic, Diagnostics, Span};
use virtc_plan::Action;

use super::{
    ChangeFindings, Changed, DeviceChange, QmpAction, about_device, alias_of, complete, complete_with, count_memory,
    memlock, options_of, rules, settings, the_one_device,
};
use crate::codes;
use crate::define::controllers::add_controller;
use crate::define::{mmio, pci};
use crate::ir::{DefaultRule, Mac, OptExt, Spanned};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::Facts;
use crate::model::devices::address::Address;
use crate::model::devices::controller::{Controller, ControllerType};
use crate::model::devices::disk::{DiskBus, drive_address};
use crate::model::devices::{Device, Devices, Kind, chardev};
use crate::prepare::{alias, all_options, capabilities, finish_start, ids};
use crate::qemu::HostRequirements;
use crate::target::Target;

static CONTROLLER: DefaultRule = DefaultRule {
    name: "scsi-controller-hotplug",
    text: "a SCSI disk that is plugged in brings the controllers up to the one that its address names, of the model that the guest has already",
};

static CONSOLE: DefaultRule = DefaultRule {
    name: "console-port-hotplug",
    text: "a console that is plugged in gets the first free virtio-serial port",
};

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
    mut domain: Domain,
    devices: Devices,
    (kind, span): (Kind, Span),
    target: &Target,
    facts: Facts<'_>,
) -> Changed {
    if let Some(fault) =
        rules::kind(kind, Action::Attach, span).or_else(|| rules::before(&domain, &devices, kind, span))
    {
        return Changed::none(ChangeFindings::one(fault));
    }
    let had: Vec<(ControllerType, u32)> = domain.devices.controllers.iter().map(place).collect();
    let taken = aliases(&domain);
    let running = all_options(&EmitContext::new(&domain, target, facts));
    let next_set = chardev::next_fd_set(&domain);
    let index = domain.devices.adopt(devices, kind);
    if kind == Kind::Disk {
        settings::count_from_shown(&mut domain, index);
    }
    let own = alias_of(&domain, kind, index);
    scsi_controllers(&mut domain, kind, index);
    count_memory(&mut domain, kind, index, u64::saturating_add);
    match kind {
        Kind::Interface => free_mac(&mut domain, index),
        Kind::Console => console_port(&mut domain, index),
        _ => {}
    }
    let mut findings = Diagnostics::new();
    let Some(mut domain) = complete_with(domain, facts, span).move_into(&mut findings) else {
        return Changed::none(ChangeFindings::device(findings));
    };
    if let Some(alias) = own.as_ref().filter(|own| taken.contains(own)) {
        let message = format!("the running domain has a device `{alias}` already");
        findings.push(Diagnostic::at(&codes::CONFLICT, span, message).help("give another `<alias>`, or none"));
        return Changed::none(ChangeFindings::device(findings));
    }
    // It may have got another place among the others, which have names all but for controllers that came with it.
    let unnamed = |at: &usize| alias_of(&domain, kind, *at) == own;
    let fresh = |at: &usize| {
        kind != Kind::Controller
            || domain
                .devices
                .controllers
                .get(*at)
                .is_some_and(|c| c.origin.by_rule().is_none() && c.origin.span() == span)
    };
    let index = (0..domain.devices.count(kind)).filter(unnamed).find(fresh).unwrap_or(index);
    if mmio::to_pci(&mut domain, kind, index) {
        let mut faults = Diagnostics::new();
        pci::assign(&mut domain, &mut |d| faults.push(d));
        findings.extend(about_device(faults, span));
    }
    let added: Vec<usize> = (0..domain.devices.controllers.len())
        .filter(|at| kind != Kind::Controller || *at != index)
        .filter(|at| domain.devices.controllers.get(*at).is_some_and(|c| !had.contains(&place(c))))
        .collect();
    let is_scsi = |at: &usize| domain.devices.controllers.get(*at).is_some_and(|c| c.kind() == ControllerType::Scsi);
    if !added.iter().all(is_scsi) {
        let message = "the running domain has no free place for the device: a controller would have to be added";
        let help = "define a spare `pcie-root-port`, or the controller, before the start";
        findings.push(Diagnostic::at(&codes::ADDRESS_CONFLICT, span, message).help(help));
    }
    alias::assign_new(&mut domain, kind, index);
    findings.extend(about_device(finish_start(&mut domain), span));
    // The boot order of `<os>` is settled at the start.
    if let Some(disk) = domain.devices.disks.get_mut(index).filter(|_| kind == Kind::Disk) {
        disk.bootindex = None;
        settings::show_node(disk);
    }
    if let Some(interface) = domain.devices.interfaces.get_mut(index).filter(|_| kind == Kind::Interface) {
        interface.bootindex = None;
    }
    let alias = alias_of(&domain, kind, index).unwrap_or_default();
    domain.fd_sets.insert(alias.clone(), next_set);

    let cx = EmitContext::new(&domain, target, facts);
    let mut needs = HostRequirements::new(domain.origin);
    let mut moves = Vec::new();
    let all = added.iter().map(|at| (Kind::Controller, *at)).chain([(kind, index)]);
    let mut own_from = 0;
    for (kind, at) in all.clone() {
        own_from = moves.len();
        let options = options_of(kind, at, &cx);
        capabilities::check(&cx, &options);
        moves.extend(options.into_iter().map(QmpAction::Add));
        domain.devices.host_of(kind, at, &cx, &mut needs);
    }
    // What is said to QEMU before the guest runs is said here when the device is there.
    moves.extend(needs.commands.iter().map(|(call, _)| QmpAction::Call { call: call.clone(), undo: None }));
    let faults = cx.finish();
    findings.extend(about_device(faults, span));
    if !findings.has_errors() {
        let fault = rules::after(&domain, kind, index, &moves, Action::Attach, span);
        let places = || all.filter_map(|(kind, at)| rules::place(&domain, kind, at, span)).collect();
        findings.extend(fault.map_or_else(places, |fault| std::iter::once(fault).collect()));
    }
    if !findings.has_errors() {
        let new = moves.iter().filter_map(|m| if let QmpAction::Add(option) = m { Some(option) } else { None });
        findings.extend(ids::check_new(&running, new, span));
    }
    let memlock = memlock(&domain, kind, &needs, target, facts);
    let origin = domain.devices.origin(kind, index).unwrap_or(domain.origin);
    let change = DeviceChange { action: Action::Attach, alias, domain, moves, own_from, origin, needs, memlock };
    Changed::new(change, findings)
}

fn place(controller: &Controller) -> (ControllerType, u32) {
    (controller.kind(), controller.index())
}

/// The controllers that a SCSI disk needs (`qemuDomainFindOrCreateSCSIDiskController` in libvirt's `src/qemu/qemu_hotplug.c`). Without one to
/// go by, `define` adds what is usual.
fn scsi_controllers(domain: &mut Domain, kind: Kind, index: usize) {
    let Some(disk) = domain.devices.disks.get(index).filter(|d| kind == Kind::Disk && d.bus.is(&DiskBus::Scsi)) else {
        return;
    };
    let address = disk.info.address.as_ref().map(|a| a.value.clone());
    let Some(Address::Drive { controller, .. }) = address.or_else(|| drive_address(DiskBus::Scsi, disk.target_index()))
    else {
        return;
    };
    let mut scsi = domain.devices.controllers.iter().filter(|c| c.kind() == ControllerType::Scsi);
    let Some(model) = scsi.next_back().and_then(|c| c.model.as_ref().map(|m| m.value.clone())) else { return };
    for number in 0..=controller.min(255) {
        let is_it = |c: &Controller| place(c) == (ControllerType::Scsi, number);
        if !domain.devices.controllers.iter().any(is_it) {
            let model = Some(Spanned::rule(model.clone(), &CONTROLLER, domain.origin));
            add_controller(
                domain,
                Controller {
                    model,
                    ..Controller::added(ControllerType::Scsi, number, domain.origin.with_rule(&CONTROLLER))
                },
            );
        }
    }
}

/// The first free port for a console, of which QEMU finds one at a start (`qemuDomainAttachChrDeviceAssignAddr` in libvirt's
/// `src/qemu/qemu_hotplug.c`).
fn console_port(domain: &mut Domain, index: usize) {
    let devices = &domain.devices;
    let infos = devices.channels.iter().map(Device::info).chain(devices.consoles.iter().map(Device::info));
    let taken: Vec<Address> = infos.filter_map(|i| i.address.as_ref().map(|a| a.value.clone())).collect();
    let controllers = devices.controllers.iter().filter(|c| c.kind() == ControllerType::VirtioSerial);
    let ports = controllers.flat_map(|c| (0..c.ports.get().unwrap_or(31)).map(|port| (c.index(), port)));
    let mut places = ports.map(|(controller, port)| Address::VirtioSerial { controller, bus: 0, port });
    let free = places.find(|place| !taken.contains(place));
    let own = domain.devices.consoles.get_mut(index).filter(|c| c.is_virtio() && c.info.address.is_none());
    if let Some((own, free)) = own.zip(free) {
        own.info.address = Some(Spanned::rule(free, &CONSOLE, domain.origin));
    }
}

/// A MAC that no other interface has: interfaces have come and gone, so that places say little.
fn free_mac(domain: &mut Domain, index: usize) {
    let uuid = domain.general.uuid.as_ref().map(|u| u.value.0).unwrap_or_default();
    let interfaces = &mut domain.devices.interfaces;
    let taken: Vec<Mac> = interfaces.iter().filter_map(|i| i.mac.get()).collect();
    let Some(own) = interfaces.get_mut(index).filter(|own| own.mac.is_none()) else { return };
    for place in index..=index + taken.len() {
        let mut trial = own.clone();
        trial.derive_ids(&uuid, place);
        if trial.mac.get().is_some_and(|mac| !taken.contains(&mac)) {
            *own = trial;
            return;
        }
    }
}

fn aliases(domain: &Domain) -> Vec<String> {
    let kinds = Kind::ALL.iter().flat_map(|k| (0..domain.devices.count(*k)).map(move |i| (*k, i)));
    kinds.filter_map(|(k, i)| alias_of(domain, k, i)).collect()
}
