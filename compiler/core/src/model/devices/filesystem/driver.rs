//! What serves the files: `<driver>`, `<binary>` and `<idmap>`.

use crate::ir::{Opt, Origin, Switch, words};
use crate::model::devices::virtio::VirtioOptions;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Who serves the files.
    pub enum DriverType { Path = "path", Handle = "handle", Virtiofs = "virtiofs", Mtp = "mtp" }
}

words! {
    /// When writes reach the host.
    pub enum WritePolicy { Immediate = "immediate" }
}

words! {
    /// What virtiofsd caches.
    pub enum Cache { None = "none", Always = "always" }
}

words! {
    /// How virtiofsd is confined.
    pub enum Sandbox { Namespace = "namespace", Chroot = "chroot" }
}

/// `<driver>`.
#[derive(Debug, Clone, Default)]
pub struct Driver {
    pub(super) kind: Opt<DriverType>,
    /// The format of an image, which a directory is not.
    format: Opt<String>,
    pub(super) policy: Opt<WritePolicy>,
    pub(super) queue: Opt<u32>,
    pub(super) virtio: VirtioOptions,
}

/// `<binary>`: how virtiofsd is started.
#[derive(Debug, Clone)]
pub struct Binary {
    path: Opt<String>,
    xattr: Opt<Switch>,
    cache: Opt<Cache>,
    sandbox: Opt<Sandbox>,
    posix: Opt<Switch>,
    flock: Opt<Switch>,
    threads: Opt<i32>,
    openfiles: Opt<u64>,
    pub(super) origin: Origin,
}

/// One line of `<idmap>`.
#[derive(Debug, Clone)]
pub struct IdRange {
    of: &'static str,
    start: Opt<u32>,
    target: Opt<u32>,
    count: Opt<u32>,
}

impl Driver {
    /// The driver of the file system `f`.
    pub(super) fn lower(f: &Fields<'_, '_>) -> Self {
        let driver = f
            .child("driver")
            .filter(|d| !crate::model::devices::chardev::foreign(d, "type", &["loop", "nbd", "ploop"]));
        let driver = driver.map(|d| Self {
            kind: d.attr("type"),
            format: d.attr("format"),
            policy: d.attr("wrpolicy"),
            queue: d.attr::<u32>("queue").filter(|q| q.value > 0),
            virtio: VirtioOptions::lower(&d),
        });
        driver.unwrap_or_default()
    }

    pub(super) fn write(&self, w: &mut XmlWriter) {
        // Without a type libvirt writes what every virtio device has only.
        if self.kind.is_none() && self.virtio.any() {
            self.virtio.write(w.tag("driver")).end();
        } else if self.kind.is_some() {
            let tag = w.tag("driver").opt("type", &self.kind).opt("format", &self.format).opt("wrpolicy", &self.policy);
            self.virtio.write(tag.opt("queue", &self.queue)).end();
        }
    }
}

impl Binary {
    pub(super) fn lower(f: &Fields<'_, '_>) -> Self {
        let lock = f.child("lock");
        Self {
            path: f.attr("path"),
            xattr: f.attr("xattr"),
            cache: f.child_attr("cache", "mode"),
            sandbox: f.child_attr("sandbox", "mode"),
            posix: lock.as_ref().and_then(|l| l.attr("posix")),
            flock: lock.and_then(|l| l.attr("flock")),
            threads: f.child_attr("thread_pool", "size"),
            openfiles: f.child_attr("openfiles", "max"),
            origin: f.origin(),
        }
    }

    /// Whether it says anything.
    pub(super) fn says(&self) -> bool {
        let words = self.path.is_some() || self.cache.is_some() || self.sandbox.is_some();
        let switches = [&self.xattr, &self.posix, &self.flock].into_iter().any(Option::is_some);
        words || switches || self.threads.is_some() || self.openfiles.is_some()
    }

    pub(super) fn write(&self, w: &mut XmlWriter) {
        w.tag("binary").opt("path", &self.path).opt("xattr", &self.xattr).children(|w| {
            if self.cache.is_some() {
                w.tag("cache").opt("mode", &self.cache).end();
            }
            if self.sandbox.is_some() {
                w.tag("sandbox").opt("mode", &self.sandbox).end();
            }
            if self.posix.is_some() || self.flock.is_some() {
                w.tag("lock").opt("posix", &self.posix).opt("flock", &self.flock).end();
            }
            if self.threads.is_some() {
                w.tag("thread_pool").opt("size", &self.threads).end();
            }
            if self.openfiles.is_some() {
                w.tag("openfiles").opt("max", &self.openfiles).end();
            }
        });
    }
}

impl IdRange {
    /// The ranges of the file system `f`.
    pub(super) fn lower(f: &Fields<'_, '_>) -> Vec<Self> {
        let Some(map) = f.child("idmap") else { return Vec::new() };
        let of = |name: &'static str| {
            let range = move |r: Fields<'_, '_>| IdRange {
                of: name,
                start: r.attr("start"),
                target: r.attr("target"),
                count: r.attr("count"),
            };
            map.children(name).into_iter().map(range).collect::<Vec<_>>()
        };
        [of("uid"), of("gid")].concat()
    }

    pub(super) fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag(self.of).opt("start", &self.start).opt("target", &self.target);
        tag.opt("count", &self.count).end();
    }
}
