//! `<iotune>` and `<throttlefilters>` of a disk.

use serde_json::{Map, Value as Json};
use virtc_diag::{Diagnostic, Diagnostics};
use virtc_plan::QmpCall;

use crate::codes;
use crate::ir::{OptExt, Spanned};
use crate::model::Domain;
use crate::model::devices::disk::{Disk, DiskBus, DiskDevice};
use crate::model::elements::throttle::IoLimits;
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// How the I/O of a disk is limited.
#[derive(Debug, Clone, Default)]
pub struct Throttling {
    /// `<iotune>`: limits that QEMU is told once it runs.
    pub limits: Option<IoLimits>,
    /// The throttle groups that a request passes, in order.
    pub filters: Vec<Spanned<String>>,
}

impl Throttling {
    /// Reads both from the disk `f`.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        let filters = f.child("throttlefilters").map(|list| {
            let list = list.children("throttlefilter");
            list.iter().filter_map(|filter| filter.attr("group")).collect()
        });
        Self { limits: f.child("iotune").map(|tune| IoLimits::lower(&tune)), filters: filters.unwrap_or_default() }
    }

    /// Writes both.
    pub fn write(&self, w: &mut XmlWriter) {
        if let Some(limits) = self.limits.as_ref().filter(|l| l.any() || l.group.is_some()) {
            w.tag("iotune").children(|w| limits.write(w));
        }
        if !self.filters.is_empty() {
            w.tag("throttlefilters").children(|w| {
                for filter in &self.filters {
                    w.tag("throttlefilter").attr("group", &filter.value).end();
                }
            });
        }
    }

    /// How many block nodes the filters are.
    pub fn nodes(&self) -> u32 {
        u32::try_from(self.filters.len()).unwrap_or(u32::MAX)
    }

    /// The name of the last filter's node, where there is one; the nodes of the filters are numbered from `first`.
    pub fn top(&self, first: u32) -> Option<String> {
        let more = self.nodes().checked_sub(1)?;
        Some(node_name(first.saturating_add(more)))
    }

    /// `-blockdev` for each filter, the first upon `node`; their nodes are numbered from `first`.
    pub fn options(&self, first: u32, node: &str, out: &mut QemuOptions) {
        let mut node = node.to_owned();
        for (filter, number) in self.filters.iter().zip(first..) {
            let name = node_name(number);
            let props = Props::new().with("driver", "throttle").with("node-name", &name);
            let props = props.with("throttle-group", format!("throttle-{}", filter.value)).with("file", node);
            out.json(ArgSection::Disks, "blockdev", props, filter.origin);
            node = name;
        }
    }
}

fn node_name(number: u32) -> String {
    format!("libvirt-{number}-filter")
}

/// QEMU learns the limits of `<iotune>` before the guest runs.
pub(super) fn host(disk: &Disk, out: &mut RequirementsOf<'_>) {
    let Some(limits) = disk.throttling.limits.as_ref().filter(|l| l.any()) else { return };
    if disk.bus.is(&DiskBus::Sd) || disk.storage.place().is_none() {
        return;
    }
    let mut arguments = Map::new();
    arguments.insert("id".to_owned(), Json::from(disk.drive_id()));
    for (key, value) in limits.command_props() {
        arguments.insert(key.to_owned(), Json::from(value));
    }
    if let Some(group) = &limits.group {
        arguments.insert("group".to_owned(), Json::from(group.value.clone()));
    }
    out.command(QmpCall::new("block_set_io_throttle", arguments), limits.origin);
}

/// What libvirt refuses of both (`qemuValidateDomainDeviceDefDisk` in its `src/qemu/qemu_validate.c`).
pub(super) fn check(disk: &Disk, domain: &Domain, faults: &mut Diagnostics) {
    let throttling = &disk.throttling;
    let mut refuse = |origin: crate::ir::Origin, message: String, help: &str| {
        faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, message).help(help));
    };
    if let Some(limits) = &throttling.limits {
        if let (Some(group), false) = (&limits.group, limits.any()) {
            refuse(
                group.origin,
                "`<iotune>` with a `group_name` has no limit".to_owned(),
                "add a limit such as `<total_iops_sec>`",
            );
        }
        if let Some(filter) = throttling.filters.first() {
            refuse(
                filter.origin,
                "a disk has either `<iotune>` or `<throttlefilters>`".to_owned(),
                "remove one of the two",
            );
        }
    }
    if let Some(filter) = throttling.filters.first() {
        if disk.device() != DiskDevice::Disk {
            refuse(
                filter.origin,
                format!("`<throttlefilters>` are not for `device='{}'`", disk.device().word()),
                "remove `<throttlefilters>`",
            );
        }
        if disk.bus.is(&DiskBus::Sd) {
            refuse(filter.origin, "`<throttlefilters>` are not for SD cards".to_owned(), "remove `<throttlefilters>`");
        }
    }
    for filter in throttling.filters.iter().filter(|f| !domain.throttles.has(&f.value)) {
        let message = format!("there is no throttle group `{}`", filter.value);
        let fault = Diagnostic::at(&codes::CONFLICT, filter.origin, message);
        faults.push(fault.help("add it to `<throttlegroups>`"));
    }
    if let Some(limits) = &throttling.limits {
        limits.check(faults);
    }
}

/// Disks of one group have the same limits.
pub fn check_groups(domain: &Domain, faults: &mut Diagnostics) {
    let mut seen: std::collections::BTreeMap<&str, &IoLimits> = std::collections::BTreeMap::new();
    for limits in domain.devices.disks.iter().filter_map(|d| d.throttling.limits.as_ref()) {
        let Some(group) = &limits.group else { continue };
        let first = *seen.entry(&group.value).or_insert(limits);
        if !first.equals(limits) {
            let message = format!("the disks of I/O throttling group `{}` have different limits", group.value);
            let fault = Diagnostic::at(&codes::CONFLICT, limits.origin, message);
            let other = first.origin.span();
            faults.push(fault.label(other, "the limits of another disk of the group"));
        }
    }
}
