//! One device that comes to a running domain, or goes from it.

use virtc_diag::{Diagnostic, Diagnostics};
use virtc_plan::Action;

use crate::codes;
use crate::define::define;
use crate::devices::{Devices, Kind};
use crate::domain::Domain;
use crate::emit::plan::locked_bytes;
use crate::emit::{Cx, HostNeeds, Item, Items};
use crate::facts::Facts;
use crate::ir::Origin;
use crate::prepare::{Sound, ready};
use crate::storage;
use crate::target::{self, Target};

/// A device with all that its coming or going needs.
#[derive(Debug)]
pub struct DeviceChange {
    /// Whether it comes or goes.
    pub action: Action,
    /// Its name in QEMU.
    pub alias: String,
    /// The domain, with the device.
    pub domain: Domain,
    /// What QEMU gets for it.
    pub items: Vec<Item>,
    /// Where the device stands in its document.
    pub origin: Origin,
    pub(crate) needs: HostNeeds,
    /// The limit on locked memory, where the device needs one.
    pub(crate) memlock: Option<u64>,
}

impl DeviceChange {
    /// The change as a sound one: none of `findings` may be an error.
    pub fn sound(self, findings: &Diagnostics) -> Option<Sound<Self>> {
        (self.domain.holes == 0 && !findings.has_errors()).then_some(Sound(self))
    }
}

/// What was found, by the document that it is about.
#[derive(Debug, Default)]
pub struct ChangeFindings {
    /// About the running domain. Where it is in error, the device is not looked at.
    pub running: Diagnostics,
    /// About the device.
    pub device: Diagnostics,
}

/// The running domain alone, with all that it has at its place.
fn settle(running: Domain, facts: Facts<'_>) -> Result<Domain, ChangeFindings> {
    let (definition, mut running) = define(running, facts);
    let mut domain = definition.into_domain();
    storage::detect(&mut domain, facts);
    running.extend(ready(&mut domain));
    if running.has_errors() { Err(ChangeFindings { running, ..ChangeFindings::default() }) } else { Ok(domain) }
}

/// The device of `devices` comes to `running`.
pub fn attach(
    running: Domain,
    devices: Devices,
    target: &Target,
    facts: Facts<'_>,
) -> (Option<DeviceChange>, ChangeFindings) {
    let Some((kind, span)) = only(&devices) else { return (None, ChangeFindings::default()) };
    let mut domain = match settle(running, facts) {
        Ok(domain) => domain,
        Err(findings) => return (None, findings),
    };
    let before = domain.devices.controllers.len();
    let taken = aliases(&domain);
    let index = domain.devices.adopt(devices, kind);
    let named =
        |domain: &Domain, at| domain.devices.info(kind, at).and_then(|i| i.alias.as_ref().map(|a| a.value.clone()));
    let own = named(&domain, index);
    let (definition, findings) = define(domain, facts);
    let mut domain = definition.into_domain();
    storage::detect(&mut domain, facts);
    // A second place may be in the other document.
    let mut findings: Diagnostics = findings.into_iter().map(|d| Diagnostic { labels: Vec::new(), ..d }).collect();
    if domain.devices.controllers.len() > before {
        let message = "the running domain has no free place for the device: a controller would have to be added";
        let help = "define a spare `pcie-root-port`, or the controller, before the start";
        findings.push(Diagnostic::new(&codes::ADDRESS_CONFLICT, span, message).help(help));
    }
    // It may have got another place among the others, which have names all.
    let index = (0..domain.devices.count(kind)).find(|at| named(&domain, *at) == own).unwrap_or(index);
    findings.extend(ready(&mut domain));
    // The boot order of `<os>` is settled at the start.
    if let Some(disk) = domain.devices.disks.get_mut(index).filter(|_| kind == Kind::Disk) {
        disk.bootindex = None;
    }
    if let Some(interface) = domain.devices.interfaces.get_mut(index).filter(|_| kind == Kind::Interface) {
        interface.bootindex = None;
    }
    let alias = free_alias(&mut domain, kind, index, &taken);
    let change = change(domain, kind, index, alias, Action::Attach, target, facts, &mut findings);
    (Some(change), ChangeFindings { device: findings, ..ChangeFindings::default() })
}

/// The device of `running` that `devices` describes goes.
pub fn detach(
    running: Domain,
    devices: &Devices,
    target: &Target,
    facts: Facts<'_>,
) -> (Option<DeviceChange>, ChangeFindings) {
    let Some((kind, span)) = only(devices) else { return (None, ChangeFindings::default()) };
    let domain = match settle(running, facts) {
        Ok(domain) => domain,
        Err(findings) => return (None, findings),
    };
    let mut findings = Diagnostics::new();
    let matching = domain.devices.matching(kind, devices);
    let [index] = matching.as_slice() else {
        let (message, help) = match matching.len() {
            0 => (
                format!("the domain has no such `<{}>`", kind.element()),
                "give what tells it apart as the definition has it: MAC, target, source or alias",
            ),
            several => (
                format!("{several} devices of the domain fit this `<{}>`", kind.element()),
                "say which: by MAC, target, source, address or alias",
            ),
        };
        findings.push(Diagnostic::new(&codes::CONFLICT, span, message).help(help));
        return (None, ChangeFindings { device: findings, ..ChangeFindings::default() });
    };
    let index = *index;
    let alias = domain.devices.info(kind, index).map(|i| i.alias().to_owned()).unwrap_or_default();
    let change = change(domain, kind, index, alias, Action::Detach, target, facts, &mut findings);
    (Some(change), ChangeFindings { device: findings, ..ChangeFindings::default() })
}

#[expect(clippy::too_many_arguments, reason = "the two callers share all of it")]
fn change(
    domain: Domain,
    kind: Kind,
    index: usize,
    alias: String,
    action: Action,
    target: &Target,
    facts: Facts<'_>,
    findings: &mut Diagnostics,
) -> DeviceChange {
    let cx = Cx::new(&domain, target, facts);
    let (mut items, mut needs) = (Items::new(), HostNeeds::default());
    domain.devices.items_of(kind, index, &cx, &mut items);
    domain.devices.host_of(kind, index, &cx, &mut needs);
    let items = items.sorted();
    if action == Action::Attach {
        target::check(&cx, &items);
    }
    findings.extend(cx.finish());
    let origin = items.last().map_or(domain.origin, |i| i.origin);
    let memlock = needs.pinned.then(|| locked_bytes(&domain));
    DeviceChange { action, alias, domain, items, origin, needs, memlock }
}

/// The kind of the one device, and where it stands.
fn only(devices: &Devices) -> Option<(Kind, virtc_diag::Span)> {
    let kind = Kind::ALL.iter().find(|k| devices.count(**k) > 0)?;
    Some((*kind, devices.origin(*kind, 0).and_then(Origin::span).unwrap_or_default()))
}

fn aliases(domain: &Domain) -> Vec<String> {
    let kinds = Kind::ALL.iter().flat_map(|k| (0..domain.devices.count(*k)).map(move |i| (*k, i)));
    kinds
        .filter_map(|(k, i)| domain.devices.info(k, i))
        .filter_map(|i| i.alias.as_ref().map(|a| a.value.clone()))
        .collect()
}

/// A name that no device of the running domain has: the number at the end of the usual one is raised.
fn free_alias(domain: &mut Domain, kind: Kind, index: usize, taken: &[String]) -> String {
    let Some(info) = domain.devices.info_mut(kind, index) else { return String::new() };
    let alias = info.alias().to_owned();
    let stem = alias.trim_end_matches(|c: char| c.is_ascii_digit());
    let first: u32 = alias.strip_prefix(stem).and_then(|n| n.parse().ok()).unwrap_or(0);
    let free = (first..u32::MAX).map(|n| format!("{stem}{n}")).find(|name| !taken.contains(name)).unwrap_or_default();
    let free = if taken.contains(&alias) { free } else { alias };
    if let Some(own) = &mut info.alias {
        own.value.clone_from(&free);
    }
    free
}
