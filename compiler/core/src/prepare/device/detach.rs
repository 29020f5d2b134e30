//! A device goes.

use virtc_diag::{Diagnostic, Span};
use virtc_plan::Action;

use super::{
    ChangeFindings, Changed, DeviceChange, QmpAction, attach, complete, count_memory, options_of, policy,
    the_one_device,
};
use crate::codes;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::Facts;
use crate::model::devices::{Devices, Kind, MatchBy};
use crate::qemu::{HostRequirements, QemuOption};
use crate::target::Target;

/// What it means that the running domain has no such device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingDevice {
    /// The definition shows all that runs, so there is none.
    Refuse,
    /// The definition may be older than the device: it is taken for one that `attach` added to it, which is said in a warning.
    AssumeAttached,
}

/// The device of `running` that `devices` describes goes.
pub(crate) fn detach(
    running: Domain,
    devices: Devices,
    absent: MissingDevice,
    target: &Target,
    facts: Facts<'_>,
) -> Changed {
    let Some((kind, span)) = the_one_device(&devices) else { return Changed::none(ChangeFindings::default()) };
    let domain = match complete(running, facts) {
        Ok(domain) => domain,
        Err(findings) => return Changed::none(findings),
    };
    if let Some(fault) = policy::kind(&devices, kind, Action::Detach, span) {
        return Changed::none(ChangeFindings::one(fault));
    }
    let matching = domain.devices.find(kind, &devices, MatchBy::Description);
    match matching.as_slice() {
        [index] => detach_from(domain, kind, *index, span, target, facts),
        [] => match absent {
            MissingDevice::Refuse => Changed::none(ChangeFindings::one(unknown(kind, span))),
            MissingDevice::AssumeAttached => newer(domain, devices, (kind, span), target, facts),
        },
        several => {
            let message = format!("{} devices of the domain fit this `<{}>`", several.len(), kind.element());
            let help = "say which: by MAC, target, source, address or alias";
            Changed::none(ChangeFindings::one(Diagnostic::at(&codes::CONFLICT, span, message).help(help)))
        }
    }
}

fn unknown(kind: Kind, span: Span) -> Diagnostic {
    let message = format!("the domain has no such `<{}>`", kind.element());
    let help = "give what tells it apart as the definition has it: MAC, target, source or alias";
    Diagnostic::at(&codes::CONFLICT, span, message).help(help)
}

fn detach_from(mut domain: Domain, kind: Kind, index: usize, span: Span, target: &Target, facts: Facts<'_>) -> Changed {
    let cx = EmitContext::new(&domain, target, facts);
    let mut needs = HostRequirements::new(domain.origin);
    let Some(device) = domain.devices.get(kind, index) else { return Changed::none(ChangeFindings::default()) };
    let moves = removed(options_of(device, &cx));
    device.all_requirements(&cx, &mut needs);
    let mut findings = cx.finish();
    let faults = [
        policy::device(device, Action::Detach, span),
        policy::busy(&domain, device, kind, span),
        policy::place(&domain, kind, index, span),
    ];
    findings.extend(faults.into_iter().flatten().take(1).collect());
    let (alias, origin) = (device.info().alias().to_owned(), device.origin());
    count_memory(&mut domain, kind, index, u64::saturating_sub);
    domain.devices.remove(&alias);
    let change =
        DeviceChange { action: Action::Detach, alias, domain, moves, own_from: 0, origin, needs, memlock: None };
    Changed::new(change, super::about_device(findings, span))
}

/// The inverse of what adds the options, newest first.
fn removed(options: Vec<QemuOption>) -> Vec<QmpAction> {
    let is_device = |item: &QemuOption| item.option == "device";
    let is_network = |item: &QemuOption| item.option == "netdev";
    // A network that forwards to a character device takes it along when it goes.
    let forwards = !options.iter().any(is_device) && options.iter().any(is_network);
    let kept = |item: &QemuOption| item.option != "watchdog-action" && !(forwards && item.option == "chardev");
    options.into_iter().rev().filter(kept).map(QmpAction::Remove).collect()
}

/// A device that the definition does not have yet.
fn newer(before: Domain, devices: Devices, (kind, span): (Kind, Span), target: &Target, facts: Facts<'_>) -> Changed {
    // What is wrong with it as a new device says only that it is none.
    let (Some(change), _) = attach::attach_to(before.clone(), devices, (kind, span), target, facts).into_parts() else {
        return Changed::none(ChangeFindings::one(unknown(kind, span)));
    };
    let change = change.into_inner();
    // Controllers that came with it stay.
    let options = change.moves.into_iter().skip(change.own_from).filter_map(|m| match m {
        QmpAction::Add(item) => Some(item),
        QmpAction::Remove(_) | QmpAction::Call { .. } => None,
    });
    let moves = removed(options.collect());
    let message = format!(
        "the definition has no such `<{}>`: it is taken for `{}`, which `attach` would add",
        kind.element(),
        change.alias
    );
    let warning = Diagnostic::at(&codes::NOT_IN_DEFINITION, span, message)
        .help("give the definition of the guest as it runs now, which `virtc hotplug attach --emit xml` prints");
    let change = DeviceChange { action: Action::Detach, domain: before, moves, own_from: 0, memlock: None, ..change };
    Changed::new(change, std::iter::once(warning).collect())
}
