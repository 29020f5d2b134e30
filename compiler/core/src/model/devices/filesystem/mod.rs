//! `<filesystem>`: directories of the host in the guest.

mod check;
mod driver;

use virtc_diag::{Diagnostic, Diagnostics};
use virtc_plan::Node;

use crate::codes;
use crate::ir::{DefaultRule, Leaf, Opt, OptExt, Origin, Spanned, words};
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::chardev::{Backend, Chardev};
use crate::model::devices::{AliasStem, BusSlot, Can, Device, DeviceElement, Info, Live, common};
use crate::model::slot::{PCI_DEVICE, PCIE_DEVICE};
use crate::qemu::{ArgSection, Opts, Payload, Props, QemuOptions, RequirementsOf, Text, state};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

pub use driver::{Binary, Driver, DriverType, IdRange, WritePolicy};

words! {
    /// What a file system is made of; QEMU has directories only.
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

/// The bits of a mode, in octal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileMode(u32);

impl Leaf for FileMode {
    const EXPECTED: &str = "an octal number up to 777";
    fn read(text: &str) -> Option<Self> {
        u32::from_str_radix(text, 8).ok().filter(|m| *m <= 0o777).map(Self)
    }
    fn show(&self) -> String {
        format!("{:04o}", self.0)
    }
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

static ACCESS: DefaultRule =
    DefaultRule { name: "filesystem-access", text: "files keep the owners and modes that the guest gives them" };

impl Filesystem {
    /// Whether virtiofsd serves it.
    pub fn is_virtiofs(&self) -> bool {
        self.driver.kind.is(&DriverType::Virtiofs)
    }

    fn virtiofs_options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let alias = self.info.alias();
        let id = format!("chr-vu-{alias}");
        let own = || state(&format!("/{alias}-fs.sock"));
        let path = self.socket.as_ref().map_or_else(own, |s| Text::from(&s.value));
        let chardev = Chardev { id: id.clone(), backend: Backend::Connect { path, again: None }, log: None };
        out.push(ArgSection::Filesystems, "chardev", Payload::Chardev(chardev), self.origin);
        let props = Props::new().with("driver", "vhost-user-fs-pci").and(self.driver.virtio.props());
        let props = props.with("id", alias).with("chardev", id).opt("queue-size", self.driver.queue.get());
        let props = props.with("tag", &self.target.value).opt("bootindex", self.info.boot_order.get());
        out.device(ArgSection::Filesystems, props.and(cx.pci_address(&self.info.address)), self.origin);
    }

    /// Whether the guest sees a media player on USB.
    fn is_mtp(&self) -> bool {
        self.driver.kind.is(&DriverType::Mtp)
    }
}

impl DeviceElement for Filesystem {
    const ELEMENT: &'static str = "filesystem";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let refused =
            crate::model::devices::chardev::foreign(f, "type", &["bind", "file", "block", "template", "ram", "volume"]);
        if refused {
            return None;
        }
        let _: Opt<FsType> = f.attr("type");
        for limit in ["space_hard_limit", "space_soft_limit"] {
            if let Some(found) = f.child(limit) {
                let message = "QEMU has no limit for the space of a file system";
                f.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, found.ignore_rest(), message));
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
            driver: Driver::lower(f),
            binary: f.child("binary").map(|b| Binary::lower(&b)).filter(Binary::says),
            idmap: IdRange::lower(f),
            dir: source.as_ref().and_then(|s| s.attr("dir")),
            socket: source.and_then(|s| s.attr("socket")),
            readonly: f.child("readonly").map(|r| r.origin()),
            info: Info::lower(f),
            origin: f.origin(),
            target: target?,
        })
    }

    fn matches_description(&self, other: &Self) -> bool {
        self.target == other.target
    }
}

impl Device for Filesystem {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("filesystem").attr("type", "mount").opt("accessmode", &self.access).opt("model", &self.model);
        let tag = tag.opt("fmode", &self.fmode).opt("dmode", &self.dmode).opt("multidevs", &self.multidevs);
        tag.children(|w| {
            self.driver.write(w);
            if let Some(binary) = self.binary.as_ref().filter(|_| self.is_virtiofs()) {
                binary.write(w);
            }
            if !self.idmap.is_empty() && self.is_virtiofs() {
                w.tag("idmap").children(|w| self.idmap.iter().for_each(|range| range.write(w)));
            }
            w.tag("source").opt("dir", &self.dir).opt("socket", &self.socket).end();
            w.tag("target").attr("dir", &self.target).end();
            if self.readonly.is_some() {
                w.tag("readonly").end();
            }
            self.info.write(w);
        });
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        if self.socket.is_none() {
            self.access.get_or_insert(Spanned::rule(AccessMode::Passthrough, &ACCESS, self.origin));
        }
        let span = self.origin.span();
        if self.dir.is_none() && self.socket.is_none() {
            let message = "the `<source>` of this `<filesystem>` names neither a directory nor a socket";
            defaults.report(Diagnostic::at(&codes::MISSING, span, message).help("add `<source dir='/path'/>`"));
        }
        for (message, help, origin) in self.mismatches() {
            defaults.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, message).help(help));
        }
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        self.check_use(domain, faults);
    }

    fn bus_slot(&self, domain: &Domain) -> BusSlot {
        if self.is_mtp() {
            return BusSlot::Usb;
        }
        let express = domain.has_pcie() && !self.model.is(&Model::Transitional);
        BusSlot::Pci(if express { PCIE_DEVICE } else { PCI_DEVICE })
    }

    // libvirt puts one without an address on PCI, on every machine.
    fn allows_mmio(&self) -> bool {
        true
    }

    fn live(&self) -> Live {
        Live::plug(Can::when(self.is_virtiofs(), || "a file system that is not a `virtiofs`".to_owned()))
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Next("fs")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        if self.is_virtiofs() {
            return self.virtiofs_options(cx, out);
        }
        let alias = self.info.alias();
        if self.is_mtp() {
            let props = Props::new().with("driver", "usb-mtp").with("id", alias);
            let props = props.opt("rootdir", self.dir.as_ref().map(|d| d.value.as_str()));
            let props = props.with("desc", &self.target.value).with("readonly", self.readonly.is_some());
            return out.device(ArgSection::Filesystems, props.and(cx.usb_address(&self.info.address)), self.origin);
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
        out.opts(ArgSection::Filesystems, "fsdev", opts, self.origin);
        let driver = match self.model.get() {
            Some(Model::Virtio) | None => "virtio-9p-pci",
            Some(Model::Transitional) => "virtio-9p-pci-transitional",
            Some(Model::NonTransitional) => "virtio-9p-pci-non-transitional",
        };
        let props = Props::new().with("driver", driver).and(self.driver.virtio.props()).with("id", alias);
        let props = props.with("fsdev", id).with("mount_tag", &self.target.value);
        out.device(ArgSection::Filesystems, props.and(cx.pci_address(&self.info.address)), self.origin);
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        match (&self.socket, self.is_virtiofs()) {
            (Some(socket), _) => out.own(Node::Path(socket.value.clone()), socket.origin),
            (None, true) => {
                out.refuse("starting virtiofsd (`<filesystem>` with `<driver type='virtiofs'>`)", self.origin);
            }
            (None, false) => out.refuse("9p file systems (`<filesystem>`)", self.origin),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn both_drivers() {
        let devices = "<filesystem accessmode='mapped' fmode='0644' multidevs='remap'><source dir='/a,b'/><target dir='t'/>\
             <readonly/></filesystem><filesystem><driver type='virtiofs' queue='8'/><source dir='/c'/><target dir='u'/></filesystem>";
        assert_eq!(trial(devices, &[]).faults, ["virtiofs needs guest memory that is shared"]);
        let shared = "<memory>1024</memory><memoryBacking><access mode='shared'/></memoryBacking>";
        let t = crate::model::elements::trial::trial(shared, devices, &["fs0", "fs1"]);
        assert_eq!(t.faults, Vec::<String>::new());
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
            ("fmode='0600'><source dir='/a'/>", "`fmode` and `dmode` are for access mode `mapped` only"),
            ("><source socket='/a'/>", "`<source socket>` is for virtiofs only"),
            (
                "accessmode='squash'><driver type='virtiofs'/><source dir='/a'/>",
                "virtiofs has only the access mode `passthrough`",
            ),
        ] {
            assert_eq!(
                trial(&format!("<filesystem {given}<target dir='t'/></filesystem>"), &[]).faults.first().unwrap(),
                fault
            );
        }
    }
}
