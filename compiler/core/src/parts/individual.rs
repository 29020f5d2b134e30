//! `<vcpus>`: virtual CPUs one by one.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{Opt, OptExt, Origin, Rule, Spanned, YesNo};
use crate::lower::Fields;
use crate::write::XmlWriter;

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

static REST: Rule = Rule {
    name: "vcpu-state",
    text: "a virtual CPU is hotpluggable when it is absent at boot, and present only when it is listed so",
};

fn conflict(origin: Origin, message: String) -> Diagnostic {
    Diagnostic::new(&codes::CONFLICT, origin.span().unwrap_or_default(), message)
}

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
pub fn define(list: &mut Vec<Individual>, max: u32, report: &mut dyn FnMut(Diagnostic)) {
    if list.is_empty() {
        return;
    }
    list.sort_by_key(|v| v.id.value);
    for (at, v) in list.iter().enumerate() {
        let id = v.id.value;
        if id >= max {
            report(conflict(v.id.origin, format!("there is no virtual CPU {id}: `<vcpu>` says {max}")));
        }
        if list.iter().take(at).any(|o| o.id == v.id) {
            report(conflict(v.id.origin, format!("virtual CPU {id} is listed twice")));
        }
        if let Some(order) = v.order {
            if order.value == 0 || order.value > max {
                report(conflict(order.origin, format!("the order of virtual CPUs counts from 1 to {max}")));
            }
            if list.iter().take(at).any(|o| o.order.is(&order.value)) {
                report(conflict(order.origin, format!("two virtual CPUs are number {} in the order", order.value)));
            }
        }
        let (on, plug) = (v.enabled.is(&YesNo::Yes), v.hotpluggable.get());
        if id == 0 && (!on || plug == Some(YesNo::Yes)) {
            report(conflict(v.origin, "virtual CPU 0 is there at boot and stays".to_owned()));
        } else if !on && plug == Some(YesNo::No) {
            let origin = v.hotpluggable.origin_or(v.origin);
            report(conflict(origin, format!("virtual CPU {id} is neither there at boot nor hotpluggable")));
        }
    }
    if max > MOST {
        return;
    }
    for id in 0..max {
        if !list.iter().any(|v| v.id.value == id) {
            let by_rule = |value| Some(Spanned::rule(value, &REST));
            let origin = Origin::Rule(&REST);
            let state = if id == 0 { YesNo::Yes } else { YesNo::No };
            let id = Spanned::rule(id, &REST);
            list.push(Individual { id, enabled: by_rule(state), hotpluggable: None, order: None, origin });
        }
    }
    list.sort_by_key(|v| v.id.value);
    for v in list {
        let rest = if v.enabled.is(&YesNo::Yes) { YesNo::No } else { YesNo::Yes };
        v.hotpluggable.get_or_insert(Spanned::rule(rest, &REST));
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
    use crate::parts::trial::trial;

    #[test]
    fn the_list_is_completed_and_counts() {
        let list =
            "<vcpus><vcpu id='0' enabled='yes'/><vcpu id='2' enabled='yes' hotpluggable='yes' order='2'/></vcpus>";
        let t = trial(&format!("<memory>1024</memory><vcpu>3</vcpu>{list}"), "", &["-smp"]);
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(t.argv, ["-smp 1,maxcpus=3,sockets=3,cores=1,threads=1"]);
        assert!(t.xml.contains("current='2'>3</vcpu>"), "{}", t.xml);
        assert!(t.xml.contains("<vcpu id='1' enabled='no' hotpluggable='yes'/>"), "{}", t.xml);
        assert_eq!(t.refused.len(), 1, "{:?}", t.refused);
    }
}
