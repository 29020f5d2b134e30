//! `<iothreads>`, `<iothreadids>` and `<defaultiothread>`, and which of them serve a device.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{CpuSet, DefaultRule, Leaf, Opt, OptExt, Origin, Spanned};
use crate::model::Element;
use crate::model::EmitContext;
use crate::qemu::{ArgSection, Props, QemuOptions, Value};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// How many threads work for an I/O thread, or for the main loop.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    /// At least.
    pub min: Opt<u32>,
    /// At most.
    pub max: Opt<u32>,
}

/// `<iothread>` of `<iothreadids>`.
#[derive(Debug, Clone)]
pub struct Iothread {
    /// Its number.
    pub id: Spanned<u32>,
    /// Its workers.
    pub pool: Pool,
    /// `<poll>`: longest time in ns, growth and shrinkage.
    pub poll: Option<[Opt<u64>; 3]>,
}

/// All I/O threads of a domain.
#[derive(Debug, Clone, Default)]
pub struct Iothreads {
    /// How many there are.
    pub count: Opt<u32>,
    /// Them, once defined.
    pub list: Vec<Iothread>,
    /// The workers of the main loop.
    pub main: Option<(Pool, Origin)>,
}

static COUNTED: DefaultRule =
    DefaultRule { name: "iothread-id", text: "I/O threads without a number get the free ones from 1" };

impl Pool {
    fn lower(f: &Fields<'_, '_>) -> Self {
        Self { min: f.attr("thread_pool_min"), max: f.attr("thread_pool_max") }
    }

    fn any(&self) -> bool {
        self.min.is_some() || self.max.is_some()
    }

    fn check(&self, report: &mut dyn FnMut(Diagnostic)) {
        if let (Some(min), Some(max)) = (self.min, self.max)
            && min.value > max.value
        {
            report(conflict(min.origin, "the least number of workers is above the greatest"));
        }
        for count in [self.min, self.max].into_iter().flatten().filter(|n| i32::try_from(n.value).is_err()) {
            report(conflict(count.origin, "more workers than can be counted"));
        }
        if let Some(max) = self.max.filter(|max| max.value == 0) {
            report(conflict(max.origin, "no worker at all"));
        }
        if let (Some(min), None) = (self.min, self.max) {
            report(conflict(min.origin, "a least number of workers without a greatest"));
        }
    }

    fn props(&self) -> Props {
        Props::new().opt("thread-pool-min", self.min.get()).opt("thread-pool-max", self.max.get())
    }
}

fn conflict(origin: Origin, message: impl Into<String>) -> Diagnostic {
    Diagnostic::at(&codes::CONFLICT, origin, message)
}

impl Iothreads {
    /// Numbers the threads that have no number (`virDomainDefIOThreadIDParseXML` and `virDomainIOThreadIDArrayInit` in libvirt's
    /// `src/conf/domain_conf.c`).
    pub fn define(&mut self, origin: Origin, report: &mut dyn FnMut(Diagnostic)) {
        for (at, thread) in self.list.iter().enumerate() {
            if thread.id.value == 0 {
                report(conflict(thread.id.origin, "I/O threads are numbered from 1"));
            }
            if self.list.iter().take(at).any(|t| t.id == thread.id) {
                report(conflict(thread.id.origin, format!("two I/O threads have the number {}", thread.id.value)));
            }
            thread.pool.check(report);
        }
        if let Some((main, _)) = &self.main {
            main.check(report);
        }
        let given = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        let wanted = self.count.get().unwrap_or(0).min(MOST).max(given);
        if let Some(count) = self.count.filter(|c| c.value > MOST) {
            report(conflict(count.origin, format!("a domain has at most {MOST} I/O threads")));
        }
        let mut free = 1..;
        for _ in given..wanted {
            let Some(id) = free.find(|id| !self.list.iter().any(|t| t.id.value == *id)) else { break };
            self.list.push(Iothread {
                id: Spanned::rule(id, &COUNTED, self.count.origin_or(origin)),
                pool: Pool::default(),
                poll: None,
            });
        }
        // A list that is longer than the count says how many there are.
        if self.count.get().unwrap_or(0) < given {
            self.count = self.list.first().map(|t| Spanned { value: wanted, origin: t.id.origin });
        }
    }

    /// The first one whose number of workers is given.
    pub fn pools(&self) -> Option<Origin> {
        let main = self.main.as_ref().filter(|(pool, _)| pool.any()).map(|(_, origin)| *origin);
        self.list.iter().find(|t| t.pool.any()).map(|t| t.id.origin).or(main)
    }

    /// That there is no I/O thread of this number, though something is to run on it.
    pub fn lacks(&self, id: u32, origin: Origin) -> Diagnostic {
        let is_numbered = (1..).zip(&self.list).all(|(number, thread)| thread.id.value == number);
        let help = if is_numbered {
            let word = if self.list.is_empty() { "add" } else { "write" };
            format!("{word} `<iothreads>{}</iothreads>`, a child of `<domain>`", id.max(1))
        } else {
            format!("add `<iothread id='{id}'/>` to `<iothreadids>`, and raise `<iothreads>` by one")
        };
        conflict(origin, format!("there is no I/O thread {id}")).help(help).shared()
    }

    /// Whether there is a thread with this number.
    pub fn has(&self, id: u32) -> bool {
        self.list.iter().any(|t| t.id.value == id)
    }
}

impl Element for Iothreads {
    /// Reads the elements from `<domain>`.
    fn lower(domain: &Fields<'_, '_>) -> Self {
        let one = |t: &Fields<'_, '_>| {
            let poll = t.child("poll").map(|p| [p.attr("max"), p.attr("grow"), p.attr("shrink")]);
            let poll = poll.filter(|poll| poll.iter().any(Option::is_some));
            Some(Iothread { id: t.attr("id")?, pool: Pool::lower(t), poll })
        };
        let list = domain.child("iothreadids").map(|f| f.children("iothread").iter().filter_map(one).collect());
        Self {
            count: domain.child_text("iothreads"),
            list: list.unwrap_or_default(),
            main: domain.child("defaultiothread").map(|f| (Pool::lower(&f), f.origin())),
        }
    }

    /// Writes the elements.
    fn write(&self, w: &mut XmlWriter) {
        if self.count.is_some_and(|c| c.value > 0) {
            w.opt_text("iothreads", &self.count);
        }
        // Threads that only have the numbers they would get anyway are not listed.
        let plain = |t: &Iothread| matches!(t.id.origin, Origin::Rule(..)) && !t.pool.any() && t.poll.is_none();
        if !self.list.iter().all(plain) {
            w.tag("iothreadids").children(|w| {
                for t in &self.list {
                    let tag = w.tag("iothread").opt("id", &Some(t.id));
                    tag.opt("thread_pool_min", &t.pool.min).opt("thread_pool_max", &t.pool.max).children(|w| {
                        if let Some([max, grow, shrink]) = &t.poll {
                            w.tag("poll").opt("max", max).opt("grow", grow).opt("shrink", shrink).end();
                        }
                    });
                }
            });
        }
        if let Some((pool, _)) = self.main.as_ref().filter(|(pool, _)| pool.any()) {
            let tag = w.tag("defaultiothread").opt("thread_pool_min", &pool.min);
            tag.opt("thread_pool_max", &pool.max).end();
        }
    }

    /// `-object iothread` and `-object main-loop`.
    fn options(&self, _cx: &EmitContext<'_>, out: &mut QemuOptions) {
        for t in &self.list {
            let props = Props::new().with("qom-type", "iothread").with("id", format!("iothread{}", t.id.value));
            let mut props = props.and(t.pool.props());
            if let Some([max, grow, shrink]) = &t.poll {
                props = props.opt("poll-max-ns", max.get()).opt("poll-grow", grow.get());
                props = props.opt("poll-shrink", shrink.get());
            }
            out.json(ArgSection::Iothreads, "object", props, t.id.origin);
        }
        if let Some((pool, origin)) = self.main.as_ref().filter(|(pool, _)| pool.any()) {
            let props = Props::new().with("qom-type", "main-loop").with("id", "main-loop");
            out.json(ArgSection::Iothreads, "object", props.and(pool.props()), *origin);
        }
    }
}

/// More threads than any host serves, so that a typing error does not fill the memory.
const MOST: u32 = 4096;

/// `iothread` and `<iothreads>` of a `<driver>`: the threads that serve a device.
#[derive(Debug, Clone, Default)]
pub struct Served {
    /// The one thread.
    pub one: Opt<u32>,
    /// The threads with the queues that each serves.
    pub mapping: Vec<(Spanned<u32>, Vec<Spanned<u32>>)>,
}

impl Served {
    /// Reads both from `<driver>`.
    pub fn lower(driver: &Fields<'_, '_>) -> Self {
        let one = |t: &Fields<'_, '_>| {
            Some((t.attr("id")?, t.children("queue").iter().filter_map(|q| q.attr("id")).collect()))
        };
        let mapping = driver.child("iothreads").map(|f| f.children("iothread").iter().filter_map(one).collect());
        Self { one: driver.attr("iothread"), mapping: mapping.unwrap_or_default() }
    }

    /// Where it stands, where there is one.
    pub fn origin(&self) -> Option<Origin> {
        self.one.map(|o| o.origin).or_else(|| self.mapping.first().map(|(id, _)| id.origin))
    }

    /// Writes `<iothreads>`; the attribute is written by [`Served::one`].
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
    pub fn check(&self, threads: &Iothreads, queues: Opt<u32>, report: &mut dyn FnMut(Diagnostic)) {
        for id in self.one.iter().chain(self.mapping.iter().map(|(id, _)| id)) {
            if !threads.has(id.value) {
                report(threads.lacks(id.value, id.origin));
            }
        }
        if let (Some(one), false) = (self.one, self.mapping.is_empty()) {
            report(conflict(one.origin, "one I/O thread, and a list of them"));
        }
        let mut served = CpuSet::default();
        let some = self.mapping.iter().any(|(_, queues)| !queues.is_empty());
        for (at, (id, list)) in self.mapping.iter().enumerate() {
            if self.mapping.iter().take(at).any(|(other, _)| other == id) {
                report(conflict(id.origin, format!("I/O thread {} is listed twice", id.value)));
            }
            if some && list.is_empty() {
                report(conflict(id.origin, "this I/O thread serves no queue, though others have theirs"));
            }
            for queue in list {
                if served.contains(queue.value) {
                    report(conflict(queue.origin, format!("two I/O threads serve queue {}", queue.value)));
                }
                served.insert(queue.value);
                match queues {
                    None => report(conflict(queue.origin, "queues are assigned, but `queues` does not say how many")),
                    Some(count) if queue.value >= count.value => {
                        report(conflict(queue.origin, format!("there is no queue {}", queue.value)));
                    }
                    Some(_) => {}
                }
            }
        }
        if let Some(count) = queues.filter(|_| some)
            && let Some(missing) = (0..count.value.min(MOST)).find(|q| !served.contains(*q))
        {
            report(conflict(count.origin, format!("no I/O thread serves queue {missing}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::elements::trial::trial;

    #[test]
    fn threads_are_numbered_and_serve() {
        let t = trial(
            "<memory>1024</memory><iothreads>3</iothreads><iothreadids><iothread id='2' thread_pool_min='1' thread_pool_max='4'/></iothreadids>",
            "<controller type='scsi' model='virtio-scsi'><driver queues='2'><iothreads><iothread id='2'><queue id='1'/>\
             </iothread><iothread id='3'><queue id='0'/></iothread></iothreads></driver></controller>",
            &["iothread"],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                r#"-object {"qom-type":"iothread","id":"iothread2","thread-pool-min":1,"thread-pool-max":4}"#,
                r#"-object {"qom-type":"iothread","id":"iothread1"}"#,
                r#"-object {"qom-type":"iothread","id":"iothread3"}"#,
                r#"-device {"driver":"virtio-scsi-pci","iothread-vq-mapping":[{"iothread":"iothread2","vqs":[1]},{"iothread":"iothread3","vqs":[0]}],"id":"scsi0","num_queues":2,"bus":"pci.0","addr":"0x2"}"#,
            ]
        );
        let missing = trial(
            "<memory>1024</memory><iothreads>1</iothreads>",
            "<controller type='scsi' model='virtio-scsi'><driver iothread='2'/></controller>",
            &[],
        );
        assert_eq!(missing.faults, ["there is no I/O thread 2"]);
        for (pool, fault) in [
            ("thread_pool_min='1'", "a least number of workers without a greatest"),
            ("thread_pool_max='0'", "no worker at all"),
            ("thread_pool_min='3' thread_pool_max='2'", "the least number of workers is above the greatest"),
        ] {
            let t = trial(&format!("<memory>1024</memory><defaultiothread {pool}/>"), "", &[]);
            assert_eq!(t.faults, [fault]);
        }
    }
}
