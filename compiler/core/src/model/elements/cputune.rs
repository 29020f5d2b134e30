//! `<cputune>`: which of the host's CPUs the threads of a domain run on, and how much time they get.

mod sched;
mod share;

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{CpuSet, Leaf, Opt, OptExt, Origin, Spanned};
use crate::model::Domain;
use crate::model::Element;
use crate::model::EmitContext;
use crate::qemu::RequirementsOf;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

pub use sched::{Group, Sched, Scheduler};
pub use share::{CacheTune, Share};

/// `<vcpupin>` or `<iothreadpin>`: a thread and its CPUs.
#[derive(Debug, Clone)]
pub struct Pin {
    /// The number of the thread.
    pub thread: Spanned<u32>,
    /// Its CPUs.
    pub cpuset: Spanned<CpuSet>,
}

/// `<cputune>`.
#[derive(Debug, Clone, Default)]
pub struct Cputune {
    /// `<shares>`.
    pub shares: Opt<u64>,
    /// Periods and quotas, in the order of [`TIMES`].
    pub times: [Opt<i64>; TIMES.len()],
    /// Where virtual CPUs run.
    pub vcpus: Vec<Pin>,
    /// Where the emulator runs.
    pub emulator: Opt<CpuSet>,
    /// Where I/O threads run.
    pub iothreads: Vec<Pin>,
    /// How threads are scheduled.
    pub sched: Vec<Sched>,
    /// Parts of the host's caches and memory bandwidth.
    pub caches: Vec<CacheTune>,
}

/// The elements with a time, in libvirt's order.
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
        // The CPUs of a thread that does not exist are forgotten.
        self.vcpus.retain(|p| p.thread.value < vcpus);
        // So are groups of caches without a CPU (`virDomainResctrlParseVcpus` in libvirt's `src/conf/domain_conf.c`).
        for cpus in self.caches.iter_mut().filter_map(|c| c.vcpus.as_mut()) {
            cpus.value = CpuSet::new(cpus.value.iter().filter(|cpu| *cpu < vcpus));
        }
        self.caches.retain(|c| c.vcpus.as_ref().is_some_and(|cpus| !cpus.value.is_empty()));
        self.vcpus.sort_by_key(|p| p.thread.value);
        self.iothreads.sort_by_key(|p| p.thread.value);
    }

    /// Whether any thread has CPUs of its own.
    pub fn pins(&self) -> bool {
        !self.vcpus.is_empty() || self.emulator.is_some() || !self.iothreads.is_empty()
    }

    /// What libvirt refuses.
    pub fn check(&self, domain: &Domain, report: &mut dyn FnMut(Diagnostic)) {
        let mut fault = |origin: Origin, message: String| {
            report(Diagnostic::at(&codes::CONFLICT, origin, message));
        };
        for (what, list) in [("virtual CPU", &self.vcpus), ("I/O thread", &self.iothreads)] {
            for (at, pin) in list.iter().enumerate() {
                if list.iter().take(at).any(|p| p.thread == pin.thread) {
                    fault(pin.thread.origin, format!("{what} {} has its CPUs twice", pin.thread.value));
                }
                if pin.cpuset.value.is_empty() {
                    fault(pin.cpuset.origin, "a thread that may run on no CPU".to_owned());
                }
            }
        }
        // QEMU is not given less than a millisecond (`virDomainDefCputuneValidate` in libvirt's `src/conf/domain_validate.c`).
        for quota in self.times.iter().flatten().filter(|t| (1..1000).contains(&t.value)) {
            fault(quota.origin, "a period or quota of less than 1000 µs".to_owned());
        }
        let vcpus = domain.vcpus.max.get().unwrap_or(1);
        for sched in self.sched.iter().filter(|s| s.group == Group::Vcpus) {
            if let Some(id) = sched.threads.value.iter().find(|id| *id >= vcpus) {
                fault(sched.threads.origin, format!("there is no virtual CPU {id}"));
            }
        }
        if let Some(cache) = self.caches.first().filter(|_| !domain.general.is_kvm()) {
            fault(cache.origin, "only a domain that runs under KVM has a part of the host's caches".to_owned());
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
        sched::overlap(&self.sched, &mut fault);
        share::overlap(&self.caches, &mut fault);
        lacking.into_iter().for_each(report);
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
            out.refuse("the CPU time of the domain's cgroup", origin);
        }
        let pins = self.vcpus.iter().chain(&self.iothreads).map(|p| p.cpuset.origin);
        for origin in pins.chain(self.emulator.as_ref().map(|e| e.origin)) {
            out.refuse("the CPUs that a thread runs on", origin);
        }
        for sched in &self.sched {
            out.refuse("the scheduler of a thread", sched.origin);
        }
        for cache in &self.caches {
            out.refuse("parts of the host's caches or memory bandwidth", cache.origin);
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
        assert_eq!(t.faults, ["thread 1 in `vcpus` is scheduled twice"]);
    }
}
