//! `Definition` to `Machine`: as it will run. Left of here names are libvirt's, right of here QEMU's and the kernel's.

mod alias;
mod boot;
mod device;

use virtc_diag::{Diagnostics, Outcome};

use crate::define::{Definition, ports};
use crate::devices::disk::{Disk, DiskBus, floppy_items};
use crate::devices::{chardev, console, hostdev::Hostdev};
use crate::domain::Domain;
use crate::emit::{Cx, HostNeeds, Item, Items, Opts, Section, rules};
use crate::facts::Facts;
use crate::ir::{OptExt, Origin};
use crate::parts::backend;
use crate::parts::features::Features;
use crate::parts::sysinfo::Sysinfo;
use crate::storage;
use crate::target::{self, Target};

pub use device::{Absent, ChangeFindings, Changed, DeviceChange, Move};
pub(crate) use device::{attach, detach, update};

/// A domain as it will run: every item knows the XML that it comes from, or the rule that added it.
#[derive(Debug)]
pub struct Machine {
    domain: Domain,
    items: Vec<Item>,
    needs: HostNeeds,
}

impl Machine {
    /// The domain, with aliases and everything that start fills in.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// What QEMU gets, in the order of the command line.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// What the host must do.
    pub(crate) fn needs(&self) -> &HostNeeds {
        &self.needs
    }
}

/// Makes the machine that `definition` describes, for this QEMU and this host.
pub(crate) fn prepare(definition: Definition, target: &Target, facts: Facts<'_>) -> Outcome<Machine> {
    let mut domain = definition.into_domain();
    storage::detect(&mut domain, facts);
    ports::usb_hubs(&mut domain);
    let mut findings = ready(&mut domain);
    domain.fd_sets = chardev::fd_sets(&domain);
    let cx = Cx::new(&domain, target, facts);
    let mut items = Items::new();
    let mut needs = HostNeeds::default();
    parts(&cx, &mut items);
    floppy_items(&cx, &mut items);
    domain.devices.items(&cx, &mut items);
    parts_host(&cx, &mut needs);
    domain.devices.host(&cx, &mut needs);
    domain.labels.iter().for_each(|l| l.host(&mut needs));
    domain.extensions.host(&mut needs);
    domain.extensions.items(&mut items);
    storage::managed_helper(domain.devices.disks.iter().flat_map(|d| d.storage.sources()), &mut items);
    storage::master_key(&mut items);
    let mut items = items.sorted();
    domain.extensions.apply(&mut items);
    target::check(&cx, &items);
    findings.extend(cx.finish());
    Outcome::new(Machine { domain, items, needs }, findings)
}

/// Fills in what only a start fills in: USB ports, aliases, boot indexes, numbers of block nodes.
///
/// libvirt stores a definition without USB ports unless all of them are given, and finds them at each start.
pub(crate) fn ready(domain: &mut Domain) -> Diagnostics {
    let mut findings = Diagnostics::new();
    ports::usb(domain, &mut |d| findings.push(d));
    console::mirror(domain);
    alias::assign(domain);
    boot::assign(domain);
    number_nodes(domain);
    findings
}

/// Numbers the block nodes of the disks, from the last disk on: first its own, then those of its throttle filters.
fn number_nodes(domain: &mut Domain) {
    let disks = &mut domain.devices.disks;
    // The last disk has the lowest numbers; where some run already, a new one gets numbers that none of them has.
    let mut next = next_node(disks);
    for disk in disks.iter_mut().rev().filter(|d| d.node == 0 && !d.bus.is(&DiskBus::Sd)) {
        disk.node = next;
        next = disk.end_node();
    }
    // SCSI devices of the host come behind the disks.
    let own = domain.devices.hostdevs.iter().filter_map(|h| h.scsi()).map(|s| s.node + 1);
    let first = own.max().unwrap_or_default().max(next);
    let scsi = domain.devices.hostdevs.iter_mut().filter_map(Hostdev::scsi_mut).filter(|s| s.node == 0);
    for (scsi, number) in scsi.zip(first..) {
        scsi.node = number;
    }
}

/// The first number of block nodes that no disk has.
pub(crate) fn next_node(disks: &[Disk]) -> u32 {
    let counted = disks.iter().filter(|d| d.node > 0).map(Disk::end_node);
    let named = disks.iter().flat_map(|d| d.storage.sources()).filter_map(|s| s.index).map(|index| index.value + 1);
    counted.chain(named).max().unwrap_or(1)
}

/// What the parts of the domain need of the host.
fn parts_host(cx: &Cx<'_>, out: &mut HostNeeds) {
    let domain = cx.domain;
    backend::machine_host(cx, out);
    domain.backing.host(out);
    domain.numatune.host(out);
    domain.vcpus.host(out);
    domain.cputune.host(out);
    domain.limits.host(out);
    domain.clock.host(out);
    domain.power.host(out);
    domain.os.host(out);
    domain.sysinfo.iter().for_each(|s| s.host(out));
    if let Some(security) = &domain.security {
        security.host(out);
    }
    domain.lifecycle.host(out);
}

fn parts(cx: &Cx<'_>, out: &mut Items) {
    let domain = cx.domain;
    domain.general.items(cx, out);
    Features::machine(cx, out);
    domain.memory.items(cx, out);
    domain.vcpus.items(cx, out);
    domain.iothreads.items(out);
    domain.throttles.items(out);
    domain.numatune.available(cx);
    if let Some(numa) = domain.numa() {
        numa.items(cx, out);
    }
    domain.os.items(cx, out);
    Sysinfo::items(cx, out);
    if let Some(security) = &domain.security {
        security.items(cx, out);
    }
    if let Some(cpu) = &domain.cpu {
        cpu.items(cx, out);
    }
    domain.clock.items(cx, out);
    domain.features.items(cx, out);
    domain.power.items(cx, out);
    let binary = domain.emulator.as_ref().map_or("/usr/bin/qemu-system-x86_64", |e| e.value.as_str());
    let origin = domain.emulator.as_ref().map_or(domain.origin, |e| e.origin);
    out.word(Section::Binary, "", binary, origin);
    if domain.devices.graphics.is_empty() {
        out.opts(Section::Display, "display", Opts::first("none"), Origin::Rule(&rules::NO_DISPLAY));
    }
}
