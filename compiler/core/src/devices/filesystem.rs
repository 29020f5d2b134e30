//! `<filesystem>`: directories of the host in the guest.

use virtc_diag::{Diagnostic, Diagnostics};
use virtc_plan::Node;

use crate::codes;
use crate::define::Defaults;
use crate::define::pci::{PCI_DEVICE, PCIE_DEVICE};
use crate::devices::chardev::{Backend, Chardev};
use crate::devices::virtio::VirtioOptions;
use crate::devices::{Device, Info, Needs, common};
use crate::domain::Domain;
use crate::emit::{Cx, HostNeeds, Items, Opts, Payload, Props, Section, Text, state};
use crate::ir::{Leaf, Opt, OptExt, Origin, Rule, Spanned, Switch, words};
use crate::lower::Fields;
use crate::write::XmlWriter;

words! {
    /// What a file system is made of; QEMU has directories alone.
    pub enum FsType { Mount = "mount" }
}

words! {
    /// How owners and modes of files come about.
    pub enum AccessMode { Passthrough = "passthrough", Mapped = "mapped", Squash = "squash" }
}

words! {
    /// Models of the device.
    pub enum Model { Virtio = "virtio", Transitional = "virtio-transitional", NonTransitional = "virtio-non-transitional" }
}

words! {
    /// What becomes of files of several host devices under one directory.
    pub enum Multidevs { Default = "default", Remap = "remap", Forbid = "forbid", Warn = "warn" }
}

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

/// The bits of a mode, in octal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileMode(u32);

impl Leaf for FileMode {
    fn read(text: &str) -> Option<Self> {
        u32::from_str_radix(text, 8).ok().filter(|m| *m <= 0o777).map(Self)
    }
    fn show(&self) -> String {
        format!("{:04o}", self.0)
    }
}

/// `<driver>`.
#[derive(Debug, Clone, Default)]
pub struct Driver {
    kind: Opt<DriverType>,
    /// The format of an image, which a directory is not.
    format: Opt<String>,
    policy: Opt<WritePolicy>,
    queue: Opt<u32>,
    virtio: VirtioOptions,
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
    origin: Origin,
}

/// One line of `<idmap>`.
#[derive(Debug, Clone)]
pub struct IdRange {
    of: &'static str,
    start: Opt<u32>,
    target: Opt<u32>,
    count: Opt<u32>,
}

/// `<filesystem>`.
#[derive(Debug, Clone)]
pub struct Filesystem {
    /// How owners and modes come about.
    pub access: Opt<AccessMode>,
    /// The model.
    pub model: Opt<Model>,
    fmode: Opt<FileMode>,
    dmode: Opt<FileMode>,
    multidevs: Opt<Multidevs>,
    driver: Driver,
    binary: Option<Binary>,
    idmap: Vec<IdRange>,
    /// The directory.
    pub dir: Opt<String>,
    /// The socket of a virtiofsd of somebody else.
    pub socket: Opt<String>,
    /// The name by which the guest mounts it.
    pub target: Spanned<String>,
    readonly: Option<Origin>,
    info: Info,
    origin: Origin,
}

static ACCESS: Rule =
    Rule { name: "filesystem-access", text: "files keep the owners and modes that the guest gives them" };

impl Binary {
    fn lower(f: &Fields<'_, '_>) -> Self {
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
    fn says(&self) -> bool {
        let words = self.path.is_some() || self.cache.is_some() || self.sandbox.is_some();
        let switches = [&self.xattr, &self.posix, &self.flock].into_iter().any(Option::is_some);
        words || switches || self.threads.is_some() || self.openfiles.is_some()
    }

    fn write(&self, w: &mut XmlWriter) {
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

impl Filesystem {
    /// Whether virtiofsd serves it.
    pub fn is_virtiofs(&self) -> bool {
        self.driver.kind.is(&DriverType::Virtiofs)
    }

    fn ranges(f: &Fields<'_, '_>) -> Vec<IdRange> {
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

    fn virtiofs_items(&self, cx: &Cx<'_>, out: &mut Items) {
        let alias = self.info.alias();
        let id = format!("chr-vu-{alias}");
        let own = || state(&format!("/{alias}-fs.sock"));
        let path = self.socket.as_ref().map_or_else(own, |s| Text::from(&s.value));
        let chardev = Chardev { id: id.clone(), backend: Backend::Connect { path, again: None }, log: None };
        out.push(Section::Filesystems, "chardev", Payload::Chardev(chardev), self.origin);
        let props = Props::new().with("driver", "vhost-user-fs-pci").and(self.driver.virtio.props());
        let props = props.with("id", alias).with("chardev", id).opt("queue-size", self.driver.queue.get());
        let props = props.with("tag", &self.target.value).opt("bootindex", self.info.boot_order.get());
        out.device(Section::Filesystems, props.and(cx.pci_address(&self.info.address)), self.origin);
    }

    /// Whether the guest sees a media player on USB.
    fn is_mtp(&self) -> bool {
        self.driver.kind.is(&DriverType::Mtp)
    }

    /// What only one of the two drivers has (`qemuValidateDomainDeviceDefFS` in libvirt's `src/qemu/qemu_validate.c`).
    fn mismatches(&self) -> Vec<(&'static str, Origin)> {
        let mut out: Vec<(&'static str, Option<Origin>)> = Vec::new();
        if self.is_virtiofs() {
            let access = self.access.filter(|a| a.value != AccessMode::Passthrough && self.socket.is_none());
            out.push(("virtiofs has access mode `passthrough` alone", access.map(|a| a.origin)));
            let mode = self.fmode.as_ref().or(self.dmode.as_ref());
            out.push(("virtiofs has no `fmode` and no `dmode`", mode.map(|m| m.origin)));
            out.push(("virtiofs has no write policy", self.driver.policy.map(|p| p.origin)));
            out.push(("virtiofs has no choice of models", self.model.map(|m| m.origin)));
            out.push(("virtiofs has no `multidevs`", self.multidevs.map(|m| m.origin)));
        } else {
            out.push(("a socket is for virtiofs alone", self.socket.as_ref().map(|s| s.origin)));
            out.push(("a queue is for virtiofs alone", self.driver.queue.map(|q| q.origin)));
            out.push(("the guest cannot boot from 9p", self.info.boot_order.map(|b| b.origin)));
        }
        if self.is_mtp() {
            let access = self.access.filter(|a| a.value != AccessMode::Passthrough);
            out.push(("driver `mtp` has access mode `passthrough` alone", access.map(|a| a.origin)));
        }
        if self.driver.kind.is(&DriverType::Handle) {
            let access = self.access.filter(|a| a.value != AccessMode::Passthrough);
            out.push(("driver `handle` has access mode `passthrough` alone", access.map(|a| a.origin)));
        }
        if !self.access.is(&AccessMode::Mapped) {
            let mode = self.fmode.as_ref().or(self.dmode.as_ref());
            out.push(("`fmode` and `dmode` are for access mode `mapped` alone", mode.map(|m| m.origin)));
        }
        out.into_iter().filter_map(|(message, origin)| Some((message, origin?))).collect()
    }
}

impl Device for Filesystem {
    const ELEMENT: &'static str = "filesystem";

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let refused =
            crate::devices::chardev::foreign(f, "type", &["bind", "file", "block", "template", "ram", "volume"]);
        if refused {
            return None;
        }
        let _: Opt<FsType> = f.attr("type");
        let driver =
            f.child("driver").filter(|d| !crate::devices::chardev::foreign(d, "type", &["loop", "nbd", "ploop"]));
        let driver = driver.map(|d| Driver {
            kind: d.attr("type"),
            format: d.attr("format"),
            policy: d.attr("wrpolicy"),
            queue: d.attr::<u32>("queue").filter(|q| q.value > 0),
            virtio: VirtioOptions::lower(&d),
        });
        for limit in ["space_hard_limit", "space_soft_limit"] {
            if let Some(found) = f.child(limit) {
                let message = "QEMU has no limit for the space of a file system";
                f.report(Diagnostic::new(&codes::UNSUPPORTED_CONFIGURATION, found.keep(), message));
            }
        }
        let source = f.child("source");
        let target = f.child_attr("target", "dir");
        Some(Self {
            access: f.attr("accessmode"),
            model: f.attr("model"),
            fmode: f.attr("fmode"),
            dmode: f.attr("dmode"),
            multidevs: f.attr("multidevs").filter(|m: &Spanned<Multidevs>| m.value != Multidevs::Default),
            driver: driver.unwrap_or_default(),
            binary: f.child("binary").map(|b| Binary::lower(&b)).filter(Binary::says),
            idmap: Self::ranges(f),
            dir: source.as_ref().and_then(|s| s.attr("dir")),
            socket: source.and_then(|s| s.attr("socket")),
            readonly: f.child("readonly").map(|r| r.origin()),
            info: Info::lower(f),
            origin: f.origin(),
            target: target?,
        })
    }

    fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("filesystem").attr("type", "mount").opt("accessmode", &self.access).opt("model", &self.model);
        let tag = tag.opt("fmode", &self.fmode).opt("dmode", &self.dmode).opt("multidevs", &self.multidevs);
        tag.children(|w| {
            let driver = &self.driver;
            // Without a type libvirt writes what every virtio device has alone.
            if driver.kind.is_none() && driver.virtio.any() {
                driver.virtio.write(w.tag("driver")).end();
            } else if driver.kind.is_some() {
                let tag = w
                    .tag("driver")
                    .opt("type", &driver.kind)
                    .opt("format", &driver.format)
                    .opt("wrpolicy", &driver.policy);
                driver.virtio.write(tag.opt("queue", &driver.queue)).end();
            }
            if let Some(binary) = self.binary.as_ref().filter(|_| self.is_virtiofs()) {
                binary.write(w);
            }
            if !self.idmap.is_empty() && self.is_virtiofs() {
                w.tag("idmap").children(|w| {
                    for range in &self.idmap {
                        let tag = w.tag(range.of).opt("start", &range.start).opt("target", &range.target);
                        tag.opt("count", &range.count).end();
                    }
                });
            }
            w.tag("source").opt("dir", &self.dir).opt("socket", &self.socket).end();
            w.tag("target").attr("dir", &self.target).end();
            if self.readonly.is_some() {
                w.tag("readonly").end();
            }
            self.info.write(w);
        });
    }

    common!();

    fn is_meant_by(&self, other: &Self) -> bool {
        self.target == other.target
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        if self.socket.is_none() {
            self.access.get_or_insert(Spanned::rule(AccessMode::Passthrough, &ACCESS));
        }
        let span = self.origin.span().unwrap_or_default();
        if self.dir.is_none() && self.socket.is_none() {
            let message = "the file system names neither a directory nor a socket";
            defaults.report(Diagnostic::new(&codes::MISSING, span, message));
        }
        for (message, origin) in self.mismatches() {
            let span = origin.span().unwrap_or(span);
            defaults.report(Diagnostic::new(&codes::UNSUPPORTED_CONFIGURATION, span, message));
        }
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        if self.is_virtiofs() && !domain.shares_memory() {
            let message = "virtiofs needs guest memory that is shared";
            let help = "add `<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>`";
            let span = self.driver.kind.origin_or(self.origin).span().unwrap_or_default();
            faults.push(Diagnostic::new(&codes::UNSUPPORTED_CONFIGURATION, span, message).help(help));
        }
        let unused = [
            (
                "the virtiofsd behind a socket is not started here",
                self.binary.as_ref().map(|b| b.origin).filter(|_| self.socket.is_some()),
            ),
            (
                "`<binary>` is for virtiofs alone",
                self.binary.as_ref().map(|b| b.origin).filter(|_| !self.is_virtiofs()),
            ),
            (
                "`<idmap>` is for virtiofs alone",
                Some(self.origin).filter(|_| !self.is_virtiofs() && !self.idmap.is_empty()),
            ),
        ];
        for (message, origin) in unused {
            let Some(origin) = origin else { continue };
            faults.push(Diagnostic::new(&codes::WITHOUT_EFFECT, origin.span().unwrap_or_default(), message));
        }
        let mut served = domain.devices.filesystems.iter().filter(|f| f.is_virtiofs() && self.is_virtiofs());
        let first = served.find(|f| f.target == self.target);
        if first.is_some_and(|first| !std::ptr::eq(first, self)) {
            let message = format!("two file systems have the target `{}`", self.target.value);
            faults.push(Diagnostic::new(&codes::CONFLICT, self.target.origin.span().unwrap_or_default(), message));
        }
    }

    fn needs(&self, domain: &Domain) -> Needs {
        if self.is_mtp() {
            return Needs::Usb;
        }
        let express = domain.has_pcie() && !self.model.is(&Model::Transitional);
        Needs::Pci(if express { PCIE_DEVICE } else { PCI_DEVICE })
    }

    fn default_alias(&self, index: usize, _domain: &Domain) -> String {
        format!("fs{index}")
    }

    fn items(&self, cx: &Cx<'_>, out: &mut Items) {
        if self.is_virtiofs() {
            return self.virtiofs_items(cx, out);
        }
        let alias = self.info.alias();
        if self.is_mtp() {
            let props = Props::new().with("driver", "usb-mtp").with("id", alias);
            let props = props.opt("rootdir", self.dir.as_ref().map(|d| d.value.as_str()));
            let props = props.with("desc", &self.target.value).with("readonly", self.readonly.is_some());
            return out.device(Section::Filesystems, props.and(cx.usb_address(&self.info.address)), self.origin);
        }
        let id = format!("fsdev-{alias}");
        let opts = if self.driver.kind.is(&DriverType::Handle) {
            Opts::first("handle")
        } else {
            let security = match self.access.get() {
                Some(AccessMode::Passthrough) | None => "passthrough",
                Some(AccessMode::Mapped) => "mapped",
                Some(AccessMode::Squash) => "none",
            };
            let opts = Opts::first("local").with("security_model", security);
            let opts = opts.opt("multidevs", self.multidevs.get().map(Multidevs::word));
            let mode = |mode: &Opt<FileMode>| mode.as_ref().map(|m| m.show());
            opts.opt("fmode", mode(&self.fmode)).opt("dmode", mode(&self.dmode))
        };
        let opts = opts.opt("writeout", self.driver.policy.get().map(WritePolicy::word)).with("id", &id);
        let opts = opts.with("path", self.dir.as_ref().map_or("", |d| d.value.as_str()));
        let mut opts = opts;
        if self.readonly.is_some() {
            opts.bare("readonly");
        }
        out.opts(Section::Filesystems, "fsdev", opts, self.origin);
        let driver = match self.model.get() {
            Some(Model::Virtio) | None => "virtio-9p-pci",
            Some(Model::Transitional) => "virtio-9p-pci-transitional",
            Some(Model::NonTransitional) => "virtio-9p-pci-non-transitional",
        };
        let props = Props::new().with("driver", driver).and(self.driver.virtio.props()).with("id", alias);
        let props = props.with("fsdev", id).with("mount_tag", &self.target.value);
        out.device(Section::Filesystems, props.and(cx.pci_address(&self.info.address)), self.origin);
    }

    fn host(&self, _cx: &Cx<'_>, out: &mut HostNeeds) {
        match (&self.socket, self.is_virtiofs()) {
            (Some(socket), _) => out.own(Node::Path(socket.value.clone()), socket.origin),
            (None, true) => out.refuse("the runtime starts no virtiofsd", self.origin),
            (None, false) => out.refuse("the runtime opens no directories of the host to QEMU", self.origin),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::devices::chardev::trial::trial;

    #[test]
    fn both_drivers() {
        let t = trial(
            "<filesystem accessmode='mapped' fmode='0644' multidevs='remap'><source dir='/a,b'/><target dir='t'/><readonly/></filesystem>\
             <filesystem><driver type='virtiofs' queue='8'/><source dir='/c'/><target dir='u'/></filesystem>",
            &["fs0", "fs1"],
        );
        assert_eq!(t.faults, ["virtiofs needs guest memory that is shared"]);
        assert_eq!(
            t.argv,
            [
                "-fsdev local,security_model=mapped,multidevs=remap,fmode=0644,id=fsdev-fs0,path=/a,,b,readonly",
                r#"-device {"driver":"virtio-9p-pci","id":"fs0","fsdev":"fsdev-fs0","mount_tag":"t","bus":"pci.0","addr":"0x2"}"#,
                "-chardev socket,id=chr-vu-fs1,path={state}/fs1-fs.sock",
                r#"-device {"driver":"vhost-user-fs-pci","id":"fs1","chardev":"chr-vu-fs1","queue-size":8,"tag":"u","bus":"pci.0","addr":"0x3"}"#,
            ]
        );
    }

    #[test]
    fn what_does_not_fit() {
        let mtp = "<filesystem><driver type='mtp'/><source dir='/m'/><target dir='m'/></filesystem>";
        let device = r#"-device {"driver":"usb-mtp","id":"fs0","rootdir":"/m","desc":"m","readonly":false,"bus":"usb.0","port":"1"}"#;
        assert_eq!(trial(mtp, &["fs0"]).argv, [device]);
        for (given, fault) in [
            ("fmode='0600'><source dir='/a'/>", "`fmode` and `dmode` are for access mode `mapped` alone"),
            ("><source socket='/a'/>", "a socket is for virtiofs alone"),
            (
                "accessmode='squash'><driver type='virtiofs'/><source dir='/a'/>",
                "virtiofs has access mode `passthrough` alone",
            ),
        ] {
            assert_eq!(
                trial(&format!("<filesystem {given}<target dir='t'/></filesystem>"), &[]).faults.first().unwrap(),
                fault
            );
        }
    }
}
