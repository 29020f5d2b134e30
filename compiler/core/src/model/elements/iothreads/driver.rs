//! `iothread` and `<iothreads>` of a device's `<driver>`.

use virtc_diag::Diagnostics;

use super::{Iothreads, MOST};
use crate::codes::Report as _;
use crate::ir::{CpuSet, Leaf, Opt, Origin, Spanned};
use crate::qemu::{Props, Value};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// `iothread` and `<iothreads>` of a `<driver>`: the I/O threads that serve a device.
#[derive(Debug, Clone, Default)]
pub struct DriverIothreads {
    /// `iothread`: the id of the one thread, from 1.
    pub one: Opt<u32>,
    /// `<iothreads>`: ids of threads, each with the numbers of the virtqueues that it serves, from 0.
    pub mapping: Vec<(Spanned<u32>, Vec<Spanned<u32>>)>,
}

impl DriverIothreads {
    /// Reads both from `<driver>`.
    pub fn lower(driver: &Fields<'_, '_>) -> Self {
        let one = |t: &Fields<'_, '_>| {
            Some((t.attr("id")?, t.children("queue").iter().filter_map(|q| q.attr("id")).collect()))
        };
        let mapping = driver.child("iothreads").map(|f| f.children("iothread").iter().filter_map(one).collect());
        Self { one: driver.attr("iothread"), mapping: mapping.unwrap_or_default() }
    }

    /// The origin of the first thread, where there is one.
    pub fn origin(&self) -> Option<Origin> {
        self.one.map(|o| o.origin).or_else(|| self.mapping.first().map(|(id, _)| id.origin))
    }

    /// Writes `<iothreads>`; the attribute is written by [`DriverIothreads::one`].
    pub fn write(&self, w: &mut XmlWriter) {
        if self.mapping.is_empty() {
            return;
        }
        w.tag("iothreads").children(|w| {
            for (id, queues) in &self.mapping {
                w.tag("iothread").attr("id", &id.show()).children(|w| {
                    for queue in queues {
                        w.tag("queue").attr("id", &queue.show()).end();
                    }
                });
            }
        });
    }

    /// QEMU's properties.
    pub fn props(&self) -> Props {
        let name = |id: u32| format!("iothread{id}");
        let props = Props::new().opt("iothread", self.one.map(|id| name(id.value)));
        if self.mapping.is_empty() {
            return props;
        }
        let one = |(id, queues): &(Spanned<u32>, Vec<Spanned<u32>>)| {
            let entry = Props::new().with("iothread", name(id.value));
            let queues: Vec<Value> = queues.iter().map(|q| Value::from(q.value)).collect();
            Value::from(if queues.is_empty() { entry } else { entry.with("vqs", queues) })
        };
        props.with("iothread-vq-mapping", self.mapping.iter().map(one).collect::<Vec<_>>())
    }

    /// What libvirt refuses (`qemuDomainValidateIothreadMapping` in its `src/qemu/qemu_validate.c`).
    pub fn check(&self, threads: &Iothreads, queues: Opt<u32>, faults: &mut Diagnostics) {
        for id in self.one.iter().chain(self.mapping.iter().map(|(id, _)| id)) {
            if !threads.has(id.value) {
                faults.push(threads.lacks(id.value, id.origin));
            }
        }
        if let (Some(one), false) = (self.one, self.mapping.is_empty()) {
            faults.conflict(one.origin, "`iothread` cannot be combined with `<iothreads>`");
        }
        let mut served = CpuSet::default();
        let some = self.mapping.iter().any(|(_, queues)| !queues.is_empty());
        for (at, (id, list)) in self.mapping.iter().enumerate() {
            if self.mapping.iter().take(at).any(|(other, _)| other == id) {
                faults.conflict(id.origin, format!("IOThread {} is listed twice", id.value));
            }
            if some && list.is_empty() {
                faults.conflict(id.origin, "either all IOThreads list their queues, or none of them");
            }
            for queue in list {
                if served.contains(queue.value) {
                    faults.conflict(queue.origin, format!("queue {} is assigned to two IOThreads", queue.value));
                }
                served.insert(queue.value);
                match queues {
                    None => faults.conflict(queue.origin, "`<queue>` needs the attribute `queues` of `<driver>`"),
                    Some(count) if queue.value >= count.value => {
                        faults.conflict(queue.origin, format!("queue {} does not exist", queue.value));
                    }
                    Some(_) => {}
                }
            }
        }
        if let Some(count) = queues.filter(|_| some)
            && let Some(missing) = (0..count.value.min(MOST)).find(|q| !served.contains(*q))
        {
            faults.conflict(count.origin, format!("queue {missing} is assigned to no IOThread"));
        }
    }
}
