//! `Definition` to `Machine`: as it will run. Left of here names are libvirt's, right of here QEMU's and the kernel's.

mod alias;
mod boot;
pub(crate) mod capabilities;
mod denied;
mod device;
mod ids;

use virtc_diag::{Diagnostics, Outcome};

use crate::define::{Definition, usb_ports};
use crate::ir::OptExt;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::Facts;
use crate::model::devices::disk::{Disk, DiskBus, floppy_options};
use crate::model::devices::{chardev, console, hostdev::Hostdev};
use crate::model::storage;
use crate::qemu::{ArgSection, HostRequirements, Opts, QemuOption, QemuOptions, rules};
use crate::target::Target;

pub use device::{ChangeFindings, Changed, DeviceChange, MissingDevice, QmpAction};
pub(crate) use device::{attach, detach, update};

/// A domain as it will run: every option has its place in the XML, or the rule that added it.
#[derive(Debug)]
pub struct Machine {
    domain: Box<Domain>,
    options: Vec<QemuOption>,
    needs: HostRequirements,
}

impl Machine {
    /// The domain, with aliases and everything else that a start fills in.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// QEMU's options, in the order of the command line.
    pub fn options(&self) -> &[QemuOption] {
        &self.options
    }

    /// The host requirements.
    pub(crate) fn needs(&self) -> &HostRequirements {
        &self.needs
    }
}

/// Makes the machine that `definition` describes, for this QEMU and this host.
pub(crate) fn prepare(definition: Definition, target: &Target, facts: Facts<'_>) -> Outcome<Machine> {
    let mut domain = definition.into_domain();
    storage::detect(&mut domain, facts);
    usb_ports::add_hubs(&mut domain);
    let mut findings = finish_start(&mut domain);
    domain.fd_sets = chardev::fd_sets(&domain);
    let cx = EmitContext::new(&domain, target, facts);
    let options = all_options(&cx);
    let mut needs = HostRequirements::new(domain.origin);
    domain.element_requirements(&cx, &mut needs.for_vm());
    domain.devices.host(&cx, &mut needs);
    capabilities::check(&cx, &options);
    findings.extend(cx.finish());
    if !findings.has_errors() {
        findings.extend(ids::check(&options));
    }
    Outcome::new(Machine { domain, options, needs }, findings)
}

/// All that QEMU gets, in the order of the command line.
fn all_options(cx: &EmitContext<'_>) -> Vec<QemuOption> {
    let domain = cx.domain;
    let mut options = QemuOptions::new();
    binary(domain, &mut options);
    domain.element_options(cx, &mut options);
    floppy_options(cx, &mut options);
    domain.devices.options(cx, &mut options);
    storage::managed_helper(domain.devices.disks.iter().flat_map(|d| d.storage.sources()), &mut options);
    storage::master_key(domain.origin, &mut options);
    let mut options = options.sorted();
    domain.extensions.apply(&mut options);
    options
}

/// Fills in what libvirt fills in at a start: USB ports, aliases, boot indexes, numbers of block nodes.
///
/// libvirt stores a definition without USB ports unless all of them are given, and assigns them at each start.
pub(crate) fn finish_start(domain: &mut Domain) -> Diagnostics {
    let mut findings = Diagnostics::new();
    usb_ports::assign(domain, &mut findings);
    console::mirror(domain);
    alias::assign(domain);
    boot::assign(domain);
    number_nodes(domain);
    findings
}

/// Numbers the block nodes of the disks, starting with the last disk: its own nodes, then those of its throttle
/// filters.
fn number_nodes(domain: &mut Domain) {
    let disks = &mut domain.devices.disks;
    // The last disk has the lowest numbers; a hot-plugged one gets numbers that are not in use.
    let mut next = next_node(disks);
    for disk in disks.iter_mut().rev().filter(|d| d.node == 0 && !d.bus.is(&DiskBus::Sd)) {
        disk.node = next;
        next = disk.end_node();
    }
    // SCSI `<hostdev>`s come after the disks.
    let own = domain.devices.hostdevs.iter().filter_map(|h| h.scsi()).map(|s| s.node + 1);
    let first = own.max().unwrap_or_default().max(next);
    let scsi = domain.devices.hostdevs.iter_mut().filter_map(Hostdev::scsi_mut).filter(|s| s.node == 0);
    for (scsi, number) in scsi.zip(first..) {
        scsi.node = number;
    }
}

/// The first number of block nodes that is not in use.
pub(crate) fn next_node(disks: &[Disk]) -> u32 {
    let counted = disks.iter().filter(|d| d.node > 0).map(Disk::end_node);
    let named = disks.iter().flat_map(|d| d.storage.sources()).filter_map(|s| s.index).map(|index| index.value + 1);
    counted.chain(named).max().unwrap_or(1)
}

/// The binary, and that there is no display where no `<graphics>` is.
fn binary(domain: &Domain, out: &mut QemuOptions) {
    if let Some(emulator) = &domain.emulator {
        out.word(ArgSection::Binary, "", &emulator.value, emulator.origin);
    }
    if domain.devices.graphics.is_empty() {
        out.opts(ArgSection::Display, "display", Opts::first("none"), domain.origin.with_rule(&rules::NO_DISPLAY));
    }
}
