//! `<vcpus>`: virtual CPUs one by one.

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
    /// Whether it can come and go.
    pub hotpluggable: Opt<YesNo>,
    /// Its place in the order of plugging.
    pub order: Opt<u32>,
    origin: Origin,
}

static REST: DefaultRule = DefaultRule {
    name: "vcpu-state",
    text: "a virtual CPU is hotpluggable when it is absent at boot, and present only when it is listed so",
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
    once(list, faults);
    let first = list.first().map_or(origin, |v| v.origin);
    if list.first().is_some_and(|v| v.id.value != 0) {
        faults.conflict(first, "virtual CPU 0 is not listed, and so not there");
    }
    for v in list.iter() {
        let id = v.id.value;
        if id >= max {
            faults.conflict(v.id.origin, format!("there is no virtual CPU {id}: `<vcpu>` says {max}"));
        }
        let (on, plug) = (v.enabled.is(&YesNo::Yes), v.hotpluggable.get());
        if id == 0 && (!on || plug == Some(YesNo::Yes)) {
            faults.conflict(v.origin, "virtual CPU 0 is there at boot and stays");
        } else if !on && plug == Some(YesNo::No) {
            let origin = v.hotpluggable.origin_or(v.origin);
            faults.conflict(origin, format!("virtual CPU {id} is neither there at boot nor hotpluggable"));
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

/// Sorts the list; of a CPU that is listed several times the last counts.
fn once(list: &mut Vec<Individual>, faults: &mut Diagnostics) {
    let mut kept: Vec<Individual> = Vec::new();
    for v in list.drain(..).rev() {
        if kept.iter().any(|later| later.id == v.id) {
            let message = format!("virtual CPU {} is listed again below", v.id.value);
            faults.add(&codes::WITHOUT_EFFECT, v.id.origin, message);
        } else {
            kept.push(Individual { order: v.order.filter(|order| order.value > 0), ..v });
        }
    }
    kept.sort_by_key(|v| v.id.value);
    *list = kept;
}

/// What order there can be, where the definition itself says what stays and what can go (`qemuDomainDefVcpusPostParse` in libvirt's
/// `src/qemu/qemu_postparse.c`).
fn order(list: &[Individual], faults: &mut Diagnostics) {
    let number = |v: &Individual| v.order.get().unwrap_or(0);
    let place = |v: &Individual| v.order.origin_or(v.origin);
    let mut before: Option<&Individual> = None;
    for v in list {
        let Some(former) = before.replace(v) else {
            if number(v) > 1 {
                faults.conflict(place(v), "virtual CPU 0 is not the first in the order");
            }
            continue;
        };
        let counts = list.first().is_some_and(|first| number(first) > 0);
        if v.enabled.is(&YesNo::Yes) && (number(v) > 0) != counts {
            faults.conflict(place(v), "some of the virtual CPUs have a place in the order, others none");
        }
        if v.hotpluggable.is(&YesNo::No) {
            if former.hotpluggable.is(&YesNo::Yes) {
                faults.conflict(v.origin, "a virtual CPU that stays is behind one that can go");
            }
            if number(former) > number(v) {
                faults.conflict(place(v), "virtual CPUs that stay are in the order of their numbers");
            }
        }
    }
}

/// More CPUs than any machine type has are not listed one by one.
const MOST: u32 = 16_384;

/// How many are there at boot: with those that are plugged before it, and without.
pub fn present(list: &[Individual]) -> (u32, u32) {
    let on = || list.iter().filter(|v| v.enabled.is(&YesNo::Yes));
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (count(on().count()), count(on().filter(|v| !v.hotpluggable.is(&YesNo::Yes)).count()))
}

/// The first one that is plugged before boot.
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
