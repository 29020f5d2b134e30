//! `<cputune>`: CPU pinning, CPU time and scheduling of a domain's threads.

mod sched;
mod share;

use virtc_diag::Diagnostics;

use crate::codes::Report as _;
use crate::ir::{CpuSet, Leaf, Opt, OptExt, Spanned};
use crate::model::Domain;
use crate::model::Element;
use crate::model::EmitContext;
use crate::qemu::RequirementsOf;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

pub use sched::{Group, Sched, Scheduler};
pub use share::{CacheTune, Share};

/// `<vcpupin>` or `<iothreadpin>`: a thread and the host CPUs that it may run on.
#[derive(Debug, Clone)]
pub struct Pin {
    /// The number of the thread.
    pub thread: Spanned<u32>,
    /// The host CPUs.
    pub cpuset: Spanned<CpuSet>,
}

/// `<cputune>`.
#[derive(Debug, Clone, Default)]
pub struct Cputune {
    /// `<shares>`: the weight of the domain's CPU time (`cpu.shares` or `cpu.weight` of the cgroup);
    /// 2–262144 or 1–10000, as the kernel's cgroup version has it.
    pub shares: Opt<u64>,
    /// Periods and quotas in µs, in the order of [`TIMES`]; 0 is absent, a negative quota is unlimited.
    pub times: [Opt<i64>; TIMES.len()],
    /// `<vcpupin>`.
    pub vcpus: Vec<Pin>,
    /// `<emulatorpin>`.
    pub emulator: Opt<CpuSet>,
    /// `<iothreadpin>`.
    pub iothreads: Vec<Pin>,
    /// `<vcpusched>`, `<iothreadsched>` and `<emulatorsched>`.
    pub sched: Vec<Sched>,
    /// `<cachetune>` and `<memorytune>`.
    pub caches: Vec<CacheTune>,
}

/// The elements with a time in µs, in libvirt's order.
const TIMES: [&str; 8] = [
    "period",
    "quota",
    "global_period",
    "global_quota",
    "emulator_period",
    "emulator_quota",
    "iothread_period",
    "iothread_quota",
];

impl Cputune {
    /// Sorts and completes it as libvirt stores it.
    pub fn define(&mut self, vcpus: u32) {
        // libvirt drops the pinning of virtual CPUs that do not exist.
        self.vcpus.retain(|p| p.thread.value < vcpus);
        // And cache allocations without a virtual CPU (`virDomainResctrlParseVcpus` in libvirt's
        // `src/conf/domain_conf.c`).
        for cpus in self.caches.iter_mut().filter_map(|c| c.vcpus.as_mut()) {
            cpus.value = CpuSet::new(cpus.value.iter().filter(|cpu| *cpu < vcpus));
        }
        self.caches.retain(|c| c.vcpus.as_ref().is_some_and(|cpus| !cpus.value.is_empty()));
        self.vcpus.sort_by_key(|p| p.thread.value);
        self.iothreads.sort_by_key(|p| p.thread.value);
    }

    /// Whether any thread is pinned.
    pub fn pins(&self) -> bool {
        !self.vcpus.is_empty() || self.emulator.is_some() || !self.iothreads.is_empty()
    }

    /// What libvirt refuses.
    pub fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        for (what, list) in [("vCPU", &self.vcpus), ("IOThread", &self.iothreads)] {
            for (at, pin) in list.iter().enumerate() {
                if list.iter().take(at).any(|p| p.thread == pin.thread) {
                    faults.conflict(pin.thread.origin, format!("{what} {} is pinned twice", pin.thread.value));
                }
                if pin.cpuset.value.is_empty() {
                    faults.conflict(pin.cpuset.origin, "the `cpuset` is empty");
                }
            }
        }
        // At least a millisecond (`virDomainDefCputuneValidate` in libvirt's `src/conf/domain_validate.c`).
        for quota in self.times.iter().flatten().filter(|t| (1..1000).contains(&t.value)) {
            faults.conflict(quota.origin, "a CPU period or quota is at least 1000 µs");
        }
        let vcpus = domain.vcpus.max.get().unwrap_or(1);
        for sched in self.sched.iter().filter(|s| s.group == Group::Vcpus) {
            if let Some(id) = sched.threads.value.iter().find(|id| *id >= vcpus) {
                faults.conflict(sched.threads.origin, format!("there is no vCPU {id}"));
            }
        }
        if let Some(cache) = self.caches.first().filter(|_| !domain.general.is_kvm()) {
            faults.conflict(cache.origin, "`<cachetune>` and `<memorytune>` need `<domain type='kvm'>`");
        }
        let mut lacking = Vec::new();
        for pin in self.iothreads.iter().filter(|p| !domain.iothreads.has(p.thread.value)) {
            lacking.push(domain.iothreads.lacks(pin.thread.value, pin.thread.origin));
        }
        for sched in self.sched.iter().filter(|s| s.group == Group::Iothreads) {
            if let Some(id) = sched.threads.value.iter().find(|id| !domain.iothreads.has(*id)) {
                lacking.push(domain.iothreads.lacks(id, sched.threads.origin));
            }
        }
        sched::overlap(&self.sched, faults);
        share::overlap(&self.caches, faults);
        faults.extend(lacking.into_iter().collect());
    }
}

impl Element for Cputune {
    /// Reads the element from `<domain>`.
    fn lower(domain: &Fields<'_, '_>) -> Self {
        let Some(f) = domain.child("cputune") else { return Self::default() };
        let pins = |element: &str, attribute: &str| -> Vec<Pin> {
            let pin = |p: &Fields<'_, '_>| Some(Pin { thread: p.attr(attribute)?, cpuset: p.attr("cpuset")? });
            f.children(element).iter().filter_map(pin).collect()
        };
        Self {
            shares: f.child_text("shares"),
            times: TIMES.map(|name| f.child_text(name).filter(|t: &Spanned<i64>| t.value != 0)),
            vcpus: pins("vcpupin", "vcpu"),
            emulator: f.child_attr("emulatorpin", "cpuset"),
            iothreads: pins("iothreadpin", "iothread"),
            sched: Sched::lower(&f),
            caches: CacheTune::lower(&f),
        }
    }

    /// Writes the element.
    fn write(&self, w: &mut XmlWriter) {
        let nothing = self.shares.is_none()
            && self.times.iter().all(Option::is_none)
            && !self.pins()
            && self.sched.is_empty()
            && self.caches.is_empty();
        if nothing {
            return;
        }
        w.tag("cputune").children(|w| {
            w.opt_text("shares", &self.shares);
            for (name, value) in TIMES.into_iter().zip(&self.times) {
                w.opt_text(name, value);
            }
            for pin in &self.vcpus {
                w.tag("vcpupin").attr("vcpu", &pin.thread.show()).attr("cpuset", &pin.cpuset.show()).end();
            }
            if self.emulator.is_some() {
                w.tag("emulatorpin").opt("cpuset", &self.emulator).end();
            }
            for pin in &self.iothreads {
                w.tag("iothreadpin").attr("iothread", &pin.thread.show()).attr("cpuset", &pin.cpuset.show()).end();
            }
            sched::write(&self.sched, w);
            share::write(&self.caches, w);
        });
    }

    /// What the runtime cannot do yet.
    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        let set = |value: &Opt<i64>| value.get().is_some_and(|v| v > 0);
        let times = self.times.iter().filter(|t| set(t)).flatten().map(|t| t.origin);
        for origin in times.chain(self.shares.map(|s| s.origin)) {
            out.refuse("CPU shares, periods and quotas of `<cputune>`", origin);
        }
        let pins = self.vcpus.iter().chain(&self.iothreads).map(|p| p.cpuset.origin);
        for origin in pins.chain(self.emulator.as_ref().map(|e| e.origin)) {
            out.refuse("CPU pinning (`<vcpupin>`, `<emulatorpin>`, `<iothreadpin>`)", origin);
        }
        for sched in &self.sched {
            out.refuse("thread scheduling (`<vcpusched>`, `<iothreadsched>`, `<emulatorsched>`)", sched.origin);
        }
        for cache in &self.caches {
            out.refuse("cache and memory bandwidth allocation (`<cachetune>`, `<memorytune>`)", cache.origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::elements::trial::trial;

    #[test]
    fn schedulers_are_kept_thread_by_thread() {
        let t = trial(
            "<memory>1024</memory><vcpu>3</vcpu><cputune><quota>-1</quota><vcpupin vcpu='2' cpuset='1,0'/>\
             <vcpupin vcpu='9' cpuset='1'/><vcpusched vcpus='0,2' scheduler='rr' priority='3'/></cputune>",
            "",
            &[],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        let expected = "<cputune><quota>-1</quota><vcpupin vcpu='2' cpuset='0-1'/><vcpusched vcpus='0' scheduler='rr' \
             priority='3'/><vcpusched vcpus='2' scheduler='rr' priority='3'/></cputune>";
        assert!(t.xml.contains(expected), "{}", t.xml);
        assert_eq!(t.refused.len(), 2, "{:?}", t.refused);
        let twice =
            "<cputune><vcpusched vcpus='0-1' scheduler='idle'/><vcpusched vcpus='1' scheduler='batch'/></cputune>";
        let t = trial(&format!("<memory>1024</memory><vcpu>3</vcpu>{twice}"), "", &[]);
        assert_eq!(t.faults, ["thread 1 in `vcpus` has two schedulers"]);
    }
}
