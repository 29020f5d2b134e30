//! Limits of disk I/O: `<throttlegroups>`, and `<iotune>` of a disk, which has the same content.

use virtc_diag::Diagnostics;

use crate::codes::{self, Report as _};
use crate::ir::{Opt, OptExt, Origin, Spanned};
use crate::model::Element;
use crate::model::EmitContext;
use crate::qemu::{ArgSection, Props, QemuOptions};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// A limit: its element in the XML, its name in a throttle group of QEMU, and its name in `block_set_io_throttle`.
type Limit = (&'static str, &'static str, &'static str);

/// The limits in the order of the format: six rates (bytes or operations per second), then their bursts in the same
/// order, then the lengths of the bursts in seconds.
const LIMITS: [Limit; 18] = [
    ("total_bytes_sec", "bps-total", "bps"),
    ("read_bytes_sec", "bps-read", "bps_rd"),
    ("write_bytes_sec", "bps-write", "bps_wr"),
    ("total_iops_sec", "iops-total", "iops"),
    ("read_iops_sec", "iops-read", "iops_rd"),
    ("write_iops_sec", "iops-write", "iops_wr"),
    ("total_bytes_sec_max", "bps-total-max", "bps_max"),
    ("read_bytes_sec_max", "bps-read-max", "bps_rd_max"),
    ("write_bytes_sec_max", "bps-write-max", "bps_wr_max"),
    ("total_iops_sec_max", "iops-total-max", "iops_max"),
    ("read_iops_sec_max", "iops-read-max", "iops_rd_max"),
    ("write_iops_sec_max", "iops-write-max", "iops_wr_max"),
    ("total_bytes_sec_max_length", "bps-total-max-length", "bps_max_length"),
    ("read_bytes_sec_max_length", "bps-read-max-length", "bps_rd_max_length"),
    ("write_bytes_sec_max_length", "bps-write-max-length", "bps_wr_max_length"),
    ("total_iops_sec_max_length", "iops-total-max-length", "iops_max_length"),
    ("read_iops_sec_max_length", "iops-read-max-length", "iops_rd_max_length"),
    ("write_iops_sec_max_length", "iops-write-max-length", "iops_wr_max_length"),
];

/// The largest limit (`THROTTLE_VALUE_MAX` in QEMU's `include/qemu/throttle.h`).
const MOST: u64 = 1_000_000_000_000_000;

/// Limits of I/O; a limit of 0 is absent.
#[derive(Debug, Clone)]
pub struct IoLimits {
    values: [Opt<u64>; 18],
    /// The size of one operation in bytes (`size_iops_sec`).
    size: Opt<u64>,
    /// The name of the throttle group that shares the limits.
    pub group: Opt<String>,
    /// Its place in the XML.
    pub origin: Origin,
}

impl IoLimits {
    /// Reads the limits in the element `f`.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        let value = |name| f.child_text::<u64>(name).filter(|n| n.value > 0);
        Self {
            values: LIMITS.map(|(name, ..)| value(name)),
            size: value("size_iops_sec"),
            group: f.child_text("group_name"),
            origin: f.origin(),
        }
    }

    fn named(&self) -> impl Iterator<Item = (Limit, Spanned<u64>)> {
        LIMITS.iter().zip(&self.values).filter_map(|(limit, value)| Some((*limit, (*value)?)))
    }

    /// Whether anything is limited.
    pub fn any(&self) -> bool {
        self.size.is_some() || self.named().next().is_some()
    }

    /// Whether both have the same limits.
    pub fn equals(&self, other: &Self) -> bool {
        self.values == other.values && self.size == other.size && self.group == other.group
    }

    /// Writes the limits of a disk.
    pub fn write(&self, w: &mut XmlWriter) {
        self.write_rates(w);
        w.opt_text("group_name", &self.group);
        self.write_lengths(w);
    }

    /// Writes the limits of a throttle group.
    fn write_group(&self, w: &mut XmlWriter) {
        self.write_rates(w);
        self.write_lengths(w);
        w.opt_text("group_name", &self.group);
    }

    fn write_rates(&self, w: &mut XmlWriter) {
        for ((name, ..), value) in LIMITS.iter().zip(&self.values).take(12) {
            w.opt_text(name, value);
        }
        w.opt_text("size_iops_sec", &self.size);
    }

    fn write_lengths(&self, w: &mut XmlWriter) {
        for ((name, ..), value) in LIMITS.iter().zip(&self.values).skip(12) {
            w.opt_text(name, value);
        }
    }

    /// The limits as properties of a throttle group: all rates and bursts, and the given lengths of bursts.
    pub fn group_props(&self) -> Props {
        let limits = LIMITS.iter().zip(&self.values).enumerate();
        let limits = limits.filter_map(|(at, ((_, key, _), value))| match value {
            Some(value) => Some((*key, value.value)),
            None => (at < 12).then_some((*key, 0)),
        });
        let limits = limits.fold(Props::new(), |props, (key, value)| props.with(key, value));
        limits.with("iops-size", self.size.get().unwrap_or(0))
    }

    /// The limits as parameters `throttling.…` of `-drive`.
    pub fn drive_opts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let limits = self.named().map(|((_, key, _), value)| (key, value.value));
        limits.chain(self.size.map(|size| ("iops-size", size.value)))
    }

    /// The limits as arguments of `block_set_io_throttle`: the six rates, and what else is given.
    pub fn command_props(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let limits = LIMITS.iter().zip(&self.values).enumerate();
        let limits = limits.filter_map(|(at, ((.., key), value))| match value {
            Some(value) => Some((*key, value.value)),
            None => (at < 6).then_some((*key, 0)),
        });
        limits.chain(self.size.map(|size| ("iops_size", size.value)))
    }

    /// What libvirt (`qemuValidateDomainDeviceDefDiskBlkdeviotune` in its `src/qemu/qemu_validate.c`) and QEMU
    /// (`throttle_is_valid` in its `util/throttle.c`) refuse.
    pub fn check(&self, faults: &mut Diagnostics) {
        let lengths = |name: &str| name.ends_with("_length");
        let named = self.named().filter(|((name, ..), _)| !lengths(name)).map(|((name, ..), value)| (name, value));
        for (name, value) in named.chain(self.size.map(|s| ("size_iops_sec", s))).filter(|(_, v)| v.value > MOST) {
            faults.refuse(value.origin, format!("`{name}` is at most {MOST}"));
        }
        let value = |at: usize| self.values.get(at).copied().flatten();
        let name = |at: usize| LIMITS.get(at).map_or("", |limit| limit.0);
        for total in [0, 3, 6, 9] {
            if let Some(part) = value(total + 1).or(value(total + 2)).filter(|_| value(total).is_some()) {
                faults.conflict(
                    part.origin,
                    format!("`{}` cannot be combined with separate limits for reads and writes", name(total)),
                );
            }
        }
        for rate in 0..6 {
            let (average, burst, length) = (value(rate), value(rate + 6), value(rate + 12));
            match (average, burst) {
                (None, Some(burst)) => {
                    let message = format!("`{}` needs `{}`", name(rate + 6), name(rate));
                    faults.add(&codes::REFUSED_BY_QEMU, burst.origin, message);
                }
                (Some(average), Some(burst)) if burst.value < average.value => {
                    let message = format!("`{}` is less than `{}`", name(rate + 6), name(rate));
                    faults.add(&codes::REFUSED_BY_QEMU, burst.origin, message);
                }
                _ => {}
            }
            if let Some(length) = length.filter(|l| l.value > 1 && burst.is_none()) {
                let message = format!("`{}` needs `{}`", name(rate + 12), name(rate + 6));
                faults.add(&codes::REFUSED_BY_QEMU, length.origin, message);
            }
        }
        if let (Some(size), false) = (self.size, (3..6).any(|at| value(at).is_some())) {
            faults.add(&codes::REFUSED_BY_QEMU, size.origin, "`size_iops_sec` needs an `…_iops_sec` limit");
        }
    }
}

/// `<throttlegroups>`.
#[derive(Debug, Clone, Default)]
pub struct ThrottleGroups(Vec<IoLimits>);

impl ThrottleGroups {
    /// Whether there is a group of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|group| group.group.as_ref().is_some_and(|g| g.value == name))
    }

    /// What libvirt refuses (`virDomainThrottleGroupDefParseXML` in its `src/conf/domain_conf.c`).
    pub fn check(&self, faults: &mut Diagnostics) {
        for (at, limits) in self.0.iter().enumerate() {
            limits.check(faults);
            let Some(name) = &limits.group else {
                faults.add_with(
                    &codes::MISSING,
                    limits.origin,
                    "`<throttlegroup>` needs a `<group_name>`",
                    "add `<group_name>…</group_name>`",
                );
                continue;
            };
            if self.0.iter().take(at).any(|other| other.group.is(&name.value)) {
                faults.conflict(name.origin, format!("two throttle groups are named `{}`", name.value));
            }
        }
    }
}

impl Element for ThrottleGroups {
    /// Reads them from `<domain>`.
    fn lower(domain: &Fields<'_, '_>) -> Self {
        let groups = domain.child("throttlegroups");
        Self(groups.map(|f| f.children("throttlegroup").iter().map(IoLimits::lower).collect()).unwrap_or_default())
    }

    /// Writes them.
    fn write(&self, w: &mut XmlWriter) {
        if !self.0.is_empty() {
            w.tag("throttlegroups").children(|w| {
                for group in &self.0 {
                    w.tag("throttlegroup").children(|w| group.write_group(w));
                }
            });
        }
    }

    /// `-object throttle-group` for each.
    fn options(&self, _cx: &EmitContext<'_>, out: &mut QemuOptions) {
        for group in self.0.iter().filter(|group| group.any()) {
            let name = group.group.as_ref().map_or("", |g| g.value.as_str());
            let props = Props::new().with("qom-type", "throttle-group").with("id", format!("throttle-{name}"));
            out.json(ArgSection::ThrottleGroups, "object", props.with("limits", group.group_props()), group.origin);
        }
    }
}
