//! One device that comes to a running domain, goes from it, or changes.

mod attach;
mod detach;
mod differ;
mod place;
mod policy;
mod settings;
mod update;

use virtc_diag::{Diagnostic, Diagnostics, Outcome, Span};
use virtc_plan::{Action, QmpCall};

use crate::codes;
use crate::define::{define, usb_ports};
use crate::ir::Origin;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::Facts;
use crate::model::devices::{Device, Devices, Kind, chardev};
use crate::model::storage;
use crate::prepare::finish_start;
use crate::qemu::{HostRequirements, QemuOption, QemuOptions};
use crate::target::Target;
use crate::valid::Valid;

pub(crate) use attach::attach;
pub use detach::MissingDevice;
pub(crate) use detach::detach;
pub(crate) use update::update;

/// One thing that a running QEMU is told.
#[derive(Debug, Clone, PartialEq)]
pub enum QmpAction {
    /// It gets this.
    Add(QemuOption),
    /// It loses this.
    Remove(QemuOption),
    /// A command of its own.
    Call {
        /// The command.
        call: QmpCall,
        /// What takes it back.
        undo: Option<QmpCall>,
    },
}

/// A device with all that its coming, going or changing needs.
#[derive(Debug)]
pub struct DeviceChange {
    /// What happens to it.
    pub action: Action,
    /// Its name in QEMU.
    pub alias: String,
    /// The domain afterwards.
    pub domain: Domain,
    /// What QEMU is told, in order.
    pub moves: Vec<QmpAction>,
    /// From where on the moves are for the device itself, not for what came with it.
    own_from: usize,
    /// Where the device is in its document.
    pub origin: Origin,
    pub(crate) needs: HostRequirements,
    /// The limit on locked memory, where the device needs one.
    pub(crate) memlock: Option<u64>,
}

/// What was found, by the document that it is about.
#[derive(Debug, Default)]
pub struct ChangeFindings {
    /// About the running domain. Where it is in error, the device is not looked at.
    pub running: Diagnostics,
    /// About the device.
    pub device: Diagnostics,
}

impl ChangeFindings {
    pub(crate) fn device(device: Diagnostics) -> Self {
        Self { device, ..Self::default() }
    }

    fn one(fault: Diagnostic) -> Self {
        Self::device(std::iter::once(fault).collect())
    }
}

/// What came of a change, and what was found: a change is there only when nothing is in error.
#[must_use]
#[derive(Debug)]
pub struct Changed {
    change: Option<Valid<DeviceChange>>,
    findings: ChangeFindings,
}

impl Changed {
    /// A change, with what was found about the device.
    fn new(change: DeviceChange, device: Diagnostics) -> Self {
        let is_valid = change.domain.unread == 0 && !device.has_errors();
        Self { change: is_valid.then(|| Valid::new(change)), findings: ChangeFindings::device(device) }
    }

    /// No change, and why.
    pub(crate) fn none(findings: ChangeFindings) -> Self {
        Self { change: None, findings }
    }

    /// The same after other findings about the device, none of which is an error.
    pub(crate) fn after(mut self, device: Diagnostics) -> Self {
        let mut all = device;
        all.extend(std::mem::take(&mut self.findings.device));
        Self { findings: ChangeFindings { device: all, ..self.findings }, ..self }
    }

    /// The change, where nothing is in error, and what was found.
    pub fn into_parts(self) -> (Option<Valid<DeviceChange>>, ChangeFindings) {
        (self.change, self.findings)
    }
}

/// The running domain with all that a start fills in. What is only worth a warning was said when it was started.
fn complete(running: Domain, facts: Facts<'_>) -> Result<Domain, ChangeFindings> {
    let mut found = Diagnostics::new();
    let defined = define(Box::new(running), facts).map(|definition| *definition.into_domain()).move_into(&mut found);
    let completed = defined.map(|mut domain| {
        storage::detect(&mut domain, facts);
        // A start adds the hubs that the definition lacks; what comes later brings none.
        usb_ports::add_hubs(&mut domain);
        found.extend(finish_start(&mut domain));
        // Of a domain that a record describes the numbers are known; otherwise they are those of a start.
        if domain.fd_sets.is_empty() {
            domain.fd_sets = chardev::fd_sets(&domain);
        }
        domain
    });
    let running = found;
    match completed.filter(|_| !running.has_errors()) {
        Some(domain) => Ok(domain),
        None => Err(ChangeFindings { running, ..ChangeFindings::default() }),
    }
}

/// The domain with a device in it that is not yet complete; what is found is about the device at `span`.
fn complete_with(domain: Domain, facts: Facts<'_>, span: Span) -> Outcome<Domain> {
    let mut found = Diagnostics::new();
    let defined = define(Box::new(domain), facts).map(|definition| *definition.into_domain()).move_into(&mut found);
    let found = about_device(found, span);
    match defined {
        Some(mut domain) => {
            storage::detect(&mut domain, facts);
            Outcome::new(domain, found)
        }
        None => Outcome::none(found),
    }
}

/// The kind of the one device, and its place.
fn the_one_device(devices: &Devices) -> Option<(Kind, Span)> {
    let (kind, _, device) = devices.iter().next()?;
    Some((kind, device.origin().span()))
}

/// The alias of a device, where it has one.
fn alias_of(domain: &Domain, kind: Kind, index: usize) -> Option<String> {
    domain.devices.info(kind, index).and_then(|i| i.alias.as_ref().map(|a| a.value.clone()))
}

/// What QEMU gets for a device: the front end comes when all that it needs is there, wherever it is on a command line.
fn options_of(device: &dyn Device, cx: &EmitContext<'_>) -> Vec<QemuOption> {
    let mut options = QemuOptions::new();
    device.all_options(cx, &mut options);
    let mut options = options.sorted();
    options.sort_by_key(|item| item.option == "device");
    options
}

/// The limit on locked memory of the running QEMU, where the device of this kind makes another one necessary.
fn memlock(domain: &Domain, kind: Kind, own: &HostRequirements, target: &Target, facts: Facts<'_>) -> Option<u64> {
    let pinned = || {
        let (cx, mut all) = (EmitContext::new(domain, target, facts), HostRequirements::new(domain.origin));
        domain.devices.host(&cx, &mut all);
        all.pinned
    };
    (own.pinned || kind == Kind::Memory && pinned()).then(|| domain.locked_bytes())
}

/// `<memory>` counts the memory devices; the balloon counts those that the guest sees as a whole.
fn count_memory(domain: &mut Domain, kind: Kind, index: usize, count: fn(u64, u64) -> u64) {
    let Some(device) = domain.devices.memories.get(index).filter(|_| kind == Kind::Memory) else { return };
    let kib = device.kib();
    let memory = &mut domain.memory;
    let sizes = [memory.total.as_mut(), memory.current.as_mut().filter(|_| device.has_slot())];
    sizes.into_iter().flatten().for_each(|size| size.value = count(size.value, kib));
}

/// Findings about the two documents as findings about the device, whose document has its root at `root`: a second place may be in the
/// other one.
fn about_device(findings: Diagnostics, root: Span) -> Diagnostics {
    let place = |span: Span| if span.start >= root.start && span.end <= root.end { span } else { root };
    findings.into_iter().map(|d| Diagnostic { labels: Vec::new(), span: d.span.map(place), ..d }).collect()
}

fn unsupported(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message)
}
