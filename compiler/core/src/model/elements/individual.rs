//! `<vcpus>`: the state of each virtual CPU.

use virtc_diag::Diagnostics;

use crate::codes::{self, Report as _};
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, YesNo};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// `<vcpu>` of `<vcpus>`.
#[derive(Debug, Clone)]
pub struct Individual {
    /// Its number.
    pub id: Spanned<u32>,
    /// Whether it is there at boot.
    pub enabled: Opt<YesNo>,
    /// Whether it can be hot-plugged and unplugged.
    pub hotpluggable: Opt<YesNo>,
    /// The order in which it is enabled, from 1.
    pub order: Opt<u32>,
    origin: Origin,
}

static REST: DefaultRule = DefaultRule {
    name: "vcpu-state",
    text: "a vCPU that `<vcpus>` does not list is disabled; a vCPU that is disabled at boot is hotpluggable",
};

/// Reads `<vcpus>` from `<domain>`.
pub fn lower(domain: &Fields<'_, '_>) -> Vec<Individual> {
    let Some(f) = domain.child("vcpus") else { return Vec::new() };
    let one = |v: &Fields<'_, '_>| {
        let (enabled, hotpluggable, order) = (v.attr("enabled"), v.attr("hotpluggable"), v.attr("order"));
        Some(Individual { id: v.attr("id")?, enabled, hotpluggable, order, origin: v.origin() })
    };
    f.children("vcpu").iter().filter_map(one).collect()
}

/// Completes the list to `max` CPUs (`virDomainVcpuParse` in libvirt's `src/conf/domain_conf.c`).
pub fn define(list: &mut Vec<Individual>, max: u32, origin: Origin, faults: &mut Diagnostics) {
    if list.is_empty() {
        return;
    }
    merge(list, faults);
    let first = list.first().map_or(origin, |v| v.origin);
    if list.first().is_some_and(|v| v.id.value != 0) {
        faults.conflict(first, "`<vcpus>` does not list vCPU 0, which must be enabled");
    }
    for v in list.iter() {
        let id = v.id.value;
        if id >= max {
            faults.conflict(v.id.origin, format!("there is no vCPU {id}: `<vcpu>` has {max}"));
        }
        let (on, plug) = (v.enabled.is(&YesNo::Yes), v.hotpluggable.get());
        if id == 0 && (!on || plug == Some(YesNo::Yes)) {
            faults.conflict(v.origin, "vCPU 0 must be enabled and not hotpluggable");
        } else if !on && plug == Some(YesNo::No) {
            let origin = v.hotpluggable.origin_or(v.origin);
            faults.conflict(origin, format!("vCPU {id} is disabled and not hotpluggable"));
        }
    }
    if max > MOST {
        return;
    }
    for id in 0..max {
        if !list.iter().any(|v| v.id.value == id) {
            let by_rule = |value| Some(Spanned::rule(value, &REST, origin));
            let origin = Origin::Rule(&REST, origin.span());
            let id = Spanned::rule(id, &REST, origin);
            list.push(Individual { id, enabled: by_rule(YesNo::No), hotpluggable: None, order: None, origin });
        }
    }
    list.sort_by_key(|v| v.id.value);
    order(list, faults);
    for v in list.iter_mut() {
        let rest = if v.enabled.is(&YesNo::Yes) { YesNo::No } else { YesNo::Yes };
        v.hotpluggable.get_or_insert(Spanned::rule(rest, &REST, origin));
    }
}

/// Sorts the list; of a CPU that is listed several times the last entry counts.
fn merge(list: &mut Vec<Individual>, faults: &mut Diagnostics) {
    let mut kept: Vec<Individual> = Vec::new();
    for v in list.drain(..).rev() {
        if kept.iter().any(|later| later.id == v.id) {
            let message = format!("vCPU {} is listed again below, and only the last entry counts", v.id.value);
            faults.add(&codes::WITHOUT_EFFECT, v.id.origin, message);
        } else {
            kept.push(Individual { order: v.order.filter(|order| order.value > 0), ..v });
        }
    }
    kept.sort_by_key(|v| v.id.value);
    *list = kept;
}

/// Checks `order` and the places of hotpluggable CPUs (`qemuDomainDefVcpusPostParse` in libvirt's
/// `src/qemu/qemu_postparse.c`).
fn order(list: &[Individual], faults: &mut Diagnostics) {
    let number = |v: &Individual| v.order.get().unwrap_or(0);
    let place = |v: &Individual| v.order.origin_or(v.origin);
    let mut before: Option<&Individual> = None;
    for v in list {
        let Some(former) = before.replace(v) else {
            if number(v) > 1 {
                faults.conflict(place(v), "vCPU 0 must have `order='1'`");
            }
            continue;
        };
        let counts = list.first().is_some_and(|first| number(first) > 0);
        if v.enabled.is(&YesNo::Yes) && (number(v) > 0) != counts {
            faults.conflict(place(v), "either all enabled vCPUs have an `order`, or none of them");
        }
        if v.hotpluggable.is(&YesNo::No) {
            if former.hotpluggable.is(&YesNo::Yes) {
                faults.conflict(v.origin, "a vCPU that is not hotpluggable follows a hotpluggable one");
            }
            if number(former) > number(v) {
                faults.conflict(place(v), "the `order` of vCPUs that are not hotpluggable must follow their numbers");
            }
        }
    }
}

/// More CPUs than any machine type has: they are not listed one by one.
const MOST: u32 = 16_384;

/// The number of CPUs at boot: with those that are hot-plugged before the guest runs, and without them.
pub fn present(list: &[Individual]) -> (u32, u32) {
    let on = || list.iter().filter(|v| v.enabled.is(&YesNo::Yes));
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (count(on().count()), count(on().filter(|v| !v.hotpluggable.is(&YesNo::Yes)).count()))
}

/// The first one that is hot-plugged before the guest runs.
pub fn plugged(list: &[Individual]) -> Option<Origin> {
    let plugged = |v: &&Individual| v.enabled.is(&YesNo::Yes) && v.hotpluggable.is(&YesNo::Yes);
    list.iter().find(plugged).map(|v| v.origin)
}

/// Writes `<vcpus>`.
pub fn write(list: &[Individual], w: &mut XmlWriter) {
    if list.is_empty() {
        return;
    }
    w.tag("vcpus").children(|w| {
        for v in list {
            let tag = w.tag("vcpu").opt("id", &Some(v.id)).opt("enabled", &v.enabled);
            tag.opt("hotpluggable", &v.hotpluggable).opt("order", &v.order).end();
        }
    });
}

#[cfg(test)]
mod tests {
    use crate::model::elements::trial::trial;

    #[test]
    fn the_list_is_completed_and_counts() {
        let list = "<vcpus><vcpu id='0' enabled='yes' order='1'/><vcpu id='2' enabled='yes' hotpluggable='yes' order='2'/></vcpus>";
        let t = trial(&format!("<memory>1024</memory><vcpu>3</vcpu>{list}"), "", &["-smp"]);
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(t.argv, ["-smp 1,maxcpus=3,sockets=3,cores=1,threads=1"]);
        assert!(t.xml.contains("current='2'>3</vcpu>"), "{}", t.xml);
        assert!(t.xml.contains("<vcpu id='1' enabled='no' hotpluggable='yes'/>"), "{}", t.xml);
        assert_eq!(t.refused.len(), 1, "{:?}", t.refused);
    }
}
