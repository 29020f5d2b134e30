//! `<vcpusched>`, `<iothreadsched>` and `<emulatorsched>`.

use virtc_diag::Diagnostics;

use crate::codes::Report as _;
use crate::ir::{CpuSet, Leaf, Opt, OptExt, Origin, Spanned, words};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// The kernel's scheduling policies.
    pub enum Scheduler { Batch = "batch", Idle = "idle", Fifo = "fifo", Rr = "rr" }
}

/// A kind of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Virtual CPUs.
    Vcpus,
    /// I/O threads.
    Iothreads,
    /// The emulator.
    Emulator,
}

/// How some threads are scheduled.
#[derive(Debug, Clone)]
pub struct Sched {
    /// The kind of threads.
    pub group: Group,
    /// Their numbers; empty for the emulator.
    pub threads: Spanned<CpuSet>,
    /// The policy.
    pub scheduler: Opt<Scheduler>,
    /// The priority of `fifo` and `rr`, 1–99.
    pub priority: Opt<u32>,
    /// Its place in the XML.
    pub origin: Origin,
}

impl Group {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Vcpus => ("vcpusched", "vcpus"),
            Self::Iothreads => ("iothreadsched", "iothreads"),
            Self::Emulator => ("emulatorsched", ""),
        }
    }
}

impl Sched {
    /// Reads all from `<cputune>`.
    pub(super) fn lower(f: &Fields<'_, '_>) -> Vec<Self> {
        let mut out = Vec::new();
        for group in [Group::Vcpus, Group::Iothreads, Group::Emulator] {
            let (element, attribute) = group.names();
            for s in f.children(element) {
                let threads = if attribute.is_empty() { None } else { s.attr(attribute) };
                out.push(Self {
                    group,
                    threads: threads.unwrap_or(Spanned { value: CpuSet::default(), origin: s.origin() }),
                    scheduler: s.attr("scheduler"),
                    priority: s.attr("priority"),
                    origin: s.origin(),
                });
            }
        }
        out
    }
}

/// Checks that no thread has two schedulers, and that real-time schedulers have a priority.
pub(super) fn overlap(all: &[Sched], faults: &mut Diagnostics) {
    for (at, sched) in all.iter().enumerate() {
        let (_, attribute) = sched.group.names();
        if sched.group != Group::Emulator && sched.threads.value.is_empty() {
            faults.conflict(sched.origin, format!("`{attribute}` of the scheduler is empty"));
        }
        let real_time = matches!(sched.scheduler.get(), Some(Scheduler::Fifo | Scheduler::Rr));
        if real_time && sched.priority.is_none() {
            faults.conflict(sched.origin, "a real-time scheduler (`fifo`, `rr`) needs a `priority`");
        }
        for other in all.iter().take(at).filter(|o| o.group == sched.group) {
            if let Some(thread) = sched.threads.value.common(&other.threads.value) {
                faults.conflict(sched.threads.origin, format!("thread {thread} in `{attribute}` has two schedulers"));
            }
        }
    }
}

/// Writes one element for each thread, as libvirt does.
pub(super) fn write(all: &[Sched], w: &mut XmlWriter) {
    for group in [Group::Vcpus, Group::Iothreads, Group::Emulator] {
        let (element, attribute) = group.names();
        let mut threads: Vec<(Option<u32>, &Sched)> = Vec::new();
        for sched in all.iter().filter(|s| s.group == group) {
            threads.extend(sched.threads.value.iter().map(|t| (Some(t), sched)));
            if group == Group::Emulator {
                threads.push((None, sched));
            }
        }
        threads.sort_by_key(|(thread, _)| *thread);
        for (thread, sched) in threads {
            let tag = w.tag(element);
            let tag = match thread {
                Some(thread) => tag.attr(attribute, &thread.show()),
                None => tag,
            };
            let real_time = matches!(sched.scheduler.get(), Some(Scheduler::Fifo | Scheduler::Rr));
            tag.opt("scheduler", &sched.scheduler).opt("priority", &sched.priority.filter(|_| real_time)).end();
        }
    }
}
