//! `<iothreads>`, `<iothreadids>` and `<defaultiothread>`.

mod driver;

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes::{self, Report as _};
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned};
use crate::model::Element;
use crate::model::EmitContext;
use crate::qemu::{ArgSection, Props, QemuOptions};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

pub use driver::DriverIothreads;

/// The size of the thread pool of an I/O thread, or of the main loop.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    /// The smallest number of threads.
    pub min: Opt<u32>,
    /// The largest number of threads, from 1.
    pub max: Opt<u32>,
}

/// `<iothread>` of `<iothreadids>`.
#[derive(Debug, Clone)]
pub struct Iothread {
    /// Its number, from 1.
    pub id: Spanned<u32>,
    /// Its thread pool.
    pub pool: Pool,
    /// `<poll>`: `max` in ns, `grow` and `shrink` (QEMU's `poll-max-ns`, `poll-grow`, `poll-shrink`).
    pub poll: Option<[Opt<u64>; 3]>,
}

/// The I/O threads of a domain.
#[derive(Debug, Clone, Default)]
pub struct Iothreads {
    /// The number of I/O threads, at most 4096.
    pub count: Opt<u32>,
    /// Each of them; complete once defined.
    pub list: Vec<Iothread>,
    /// `<defaultiothread>`: the thread pool of the main loop.
    pub main: Option<(Pool, Origin)>,
}

static COUNTED: DefaultRule =
    DefaultRule { name: "iothread-id", text: "IOThreads without an id get the free ids from 1" };

impl Pool {
    fn lower(f: &Fields<'_, '_>) -> Self {
        Self { min: f.attr("thread_pool_min"), max: f.attr("thread_pool_max") }
    }

    fn any(&self) -> bool {
        self.min.is_some() || self.max.is_some()
    }

    fn check(&self, faults: &mut Diagnostics) {
        if let (Some(min), Some(max)) = (self.min, self.max)
            && min.value > max.value
        {
            faults.conflict(min.origin, "`thread_pool_min` is greater than `thread_pool_max`");
        }
        for count in [self.min, self.max].into_iter().flatten().filter(|n| i32::try_from(n.value).is_err()) {
            faults.conflict(count.origin, "the size of a thread pool is at most 2147483647");
        }
        if let Some(max) = self.max.filter(|max| max.value == 0) {
            faults.conflict(max.origin, "`thread_pool_max` must be at least 1");
        }
        if let (Some(min), None) = (self.min, self.max) {
            faults.conflict(min.origin, "`thread_pool_min` needs `thread_pool_max`");
        }
    }

    fn props(&self) -> Props {
        Props::new().opt("thread-pool-min", self.min.get()).opt("thread-pool-max", self.max.get())
    }
}

impl Iothreads {
    /// Gives ids to the threads without one (`virDomainDefIOThreadIDParseXML` and `virDomainIOThreadIDArrayInit` in
    /// libvirt's `src/conf/domain_conf.c`).
    pub fn define(&mut self, origin: Origin, faults: &mut Diagnostics) {
        for (at, thread) in self.list.iter().enumerate() {
            if thread.id.value == 0 {
                faults.conflict(thread.id.origin, "the id of an IOThread is at least 1");
            }
            if self.list.iter().take(at).any(|t| t.id == thread.id) {
                faults.conflict(thread.id.origin, format!("two IOThreads have the id {}", thread.id.value));
            }
            thread.pool.check(faults);
        }
        if let Some((main, _)) = &self.main {
            main.check(faults);
        }
        let given = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        let wanted = self.count.get().unwrap_or(0).min(MOST).max(given);
        if let Some(count) = self.count.filter(|c| c.value > MOST) {
            faults.conflict(count.origin, format!("a domain can have at most {MOST} IOThreads"));
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
        // `<iothreadids>` with more entries than `<iothreads>` says gives the number.
        if self.count.get().unwrap_or(0) < given {
            self.count = self.list.first().map(|t| Spanned { value: wanted, origin: t.id.origin });
        }
    }

    /// The first one whose thread pool has a given size.
    pub fn pools(&self) -> Option<Origin> {
        let main = self.main.as_ref().filter(|(pool, _)| pool.any()).map(|(_, origin)| *origin);
        self.list.iter().find(|t| t.pool.any()).map(|t| t.id.origin).or(main)
    }

    /// The error that there is no I/O thread with this id, to which something at `origin` refers.
    pub fn lacks(&self, id: u32, origin: Origin) -> Diagnostic {
        let is_numbered = (1..).zip(&self.list).all(|(number, thread)| thread.id.value == number);
        let help = if is_numbered {
            let word = if self.list.is_empty() { "add" } else { "write" };
            format!("{word} `<iothreads>{}</iothreads>`, a child of `<domain>`", id.max(1))
        } else {
            format!("add `<iothread id='{id}'/>` to `<iothreadids>`, and raise `<iothreads>` by one")
        };
        Diagnostic::at(&codes::CONFLICT, origin, format!("there is no IOThread {id}")).help(help).shared()
    }

    /// Whether there is a thread with this id.
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
        // Threads with only the ids that they would get anyway are not listed.
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

/// The largest number of I/O threads: a limit of virtc's, so that a typing error does not fill the memory.
const MOST: u32 = 4096;

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
        assert_eq!(missing.faults, ["there is no IOThread 2"]);
        for (pool, fault) in [
            ("thread_pool_min='1'", "`thread_pool_min` needs `thread_pool_max`"),
            ("thread_pool_max='0'", "`thread_pool_max` must be at least 1"),
            ("thread_pool_min='3' thread_pool_max='2'", "`thread_pool_min` is greater than `thread_pool_max`"),
        ] {
            let t = trial(&format!("<memory>1024</memory><defaultiothread {pool}/>"), "", &[]);
            assert_eq!(t.faults, [fault]);
        }
    }
}
