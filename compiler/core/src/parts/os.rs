//! `<os>`: architecture, machine type, firmware as given, what to boot.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::emit::{Cx, HostNeeds, Items, Opts, Props, Section, rules};
use crate::ir::{Leaf, Opt, OptExt, Origin, Rule, Spanned, YesNo, words};
use crate::lower::Fields;
use crate::write::XmlWriter;

words! {
    /// Kinds of ACPI tables.
    pub enum TableKind { Raw = "raw", Rawset = "rawset", Slic = "slic", Msdm = "msdm" }
}

words! {
    /// The architecture of the guest's CPU.
    pub enum Arch { X86_64 = "x86_64", I686 = "i686" }
}

words! {
    /// What runs in the guest.
    pub enum OsType { Hvm = "hvm" }
}

words! {
    /// A kind of device to boot from.
    pub enum BootDevice { Hd = "hd", Cdrom = "cdrom", Fd = "fd", Network = "network" }
}

words! {
    /// How the firmware image is mapped.
    pub enum LoaderType { Rom = "rom", Pflash = "pflash" }
}

words! {
    /// The format of a firmware image.
    pub enum FirmwareFormat { Raw = "raw", Qcow2 = "qcow2" }
}

/// `<loader>`.
#[derive(Debug, Clone)]
pub struct Loader {
    /// The image.
    pub path: Opt<String>,
    /// Whether the guest cannot write it.
    pub readonly: Opt<YesNo>,
    /// Whether it guards its variables with SMM.
    pub secure: Opt<YesNo>,
    /// Whether it keeps no variables.
    pub stateless: Opt<YesNo>,
    /// How it is mapped.
    pub kind: Opt<LoaderType>,
    /// The format of the image.
    pub format: Opt<FirmwareFormat>,
}

/// `<nvram>` with a path: the guest's own copy of the firmware's variables.
#[derive(Debug, Clone)]
pub struct NvramStore {
    /// The image.
    pub path: Opt<String>,
    /// What it is made from when it does not exist.
    pub template: Opt<String>,
    /// The format of the template.
    pub template_format: Opt<FirmwareFormat>,
    /// The format of the image.
    pub format: Opt<FirmwareFormat>,
}

/// `<os>`.
#[derive(Debug, Clone, Default)]
pub struct Os {
    /// `hvm`.
    pub kind: Opt<OsType>,
    /// The architecture.
    pub arch: Opt<Arch>,
    /// The machine type, an alias such as `pc` kept as it is.
    pub machine: Opt<String>,
    /// The firmware.
    pub loader: Option<Loader>,
    /// Its variables.
    pub nvram: Option<NvramStore>,
    /// A kernel to boot without firmware's help.
    pub kernel: Opt<String>,
    /// Its initial RAM disk.
    pub initrd: Opt<String>,
    /// Its command line.
    pub cmdline: Opt<String>,
    /// ACPI tables that the guest gets beside QEMU's own: their kind and file.
    pub acpi: Vec<(Opt<TableKind>, Opt<String>, Origin)>,
    /// What to boot from, in order.
    pub boot: Vec<Spanned<BootDevice>>,
    /// Whether the firmware shows a menu.
    pub menu: Opt<YesNo>,
    /// How long it shows it, in ms.
    pub menu_timeout: Opt<u32>,
    /// Whether the firmware speaks on the serial line.
    pub use_serial: Opt<YesNo>,
    /// How long the firmware waits after a failed boot, in ms; -1 for ever.
    pub reboot_timeout: Opt<i32>,
}

static DEFAULT_MACHINE: Rule = Rule {
    name: "default-machine",
    text: "without a machine type the guest gets the oldest default of its architecture, `pc`",
};
static DEFAULT_ARCH: Rule = Rule { name: "default-arch", text: "without an architecture the guest gets x86_64" };
static BOOT_HD: Rule =
    Rule { name: "boot-from-disk", text: "without any boot order the guest boots from its first disk" };
static NVRAM: Rule = Rule {
    name: "nvram-path",
    text: "firmware that cannot be written keeps its variables in a file of the domain's own",
};
static RAW: Rule = Rule { name: "raw-firmware", text: "firmware images are raw unless the definition says otherwise" };
static ROM: Rule = Rule { name: "rom-loader", text: "a loader without a type is mapped as ROM" };

/// The family of machines, which decides buses and defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineFamily {
    /// `pc` and `pc-i440fx-*`: a conventional PCI bus.
    I440fx,
    /// `q35` and `pc-q35-*`: PCI Express.
    Q35,
    /// Any other.
    Other,
}

impl Os {
    /// Reads `<os>` from `<domain>`.
    pub fn lower(domain: &Fields<'_, '_>) -> Self {
        let Some(f) = domain.child("os") else { return Self::default() };
        let kind = f.child("type");
        let menu = f.child("bootmenu");
        let bios = f.child("bios");
        Self {
            arch: kind.as_ref().and_then(|t| t.attr("arch")),
            machine: kind.as_ref().and_then(|t| t.attr("machine")),
            kind: kind.and_then(|t| t.text()),
            loader: f.child("loader").map(|l| Loader {
                readonly: l.attr("readonly"),
                secure: l.attr("secure"),
                stateless: l.attr("stateless"),
                kind: l.attr("type"),
                format: l.attr("format"),
                path: l.text(),
            }),
            nvram: f.child("nvram").map(|n| NvramStore {
                template: n.attr("template"),
                template_format: n.attr("templateFormat"),
                format: n.attr("format"),
                path: n.text(),
            }),
            kernel: f.child_text("kernel"),
            initrd: f.child_text("initrd"),
            cmdline: f.child_text("cmdline"),
            acpi: f
                .child("acpi")
                .map(|a| a.children("table").iter().map(|t| (t.attr("type"), t.text(), t.origin())).collect())
                .unwrap_or_default(),
            boot: f.children("boot").iter().filter_map(|b| b.attr("dev")).collect(),
            menu: menu.as_ref().and_then(|m| m.attr("enable")),
            menu_timeout: menu.and_then(|m| m.attr("timeout")),
            use_serial: bios.as_ref().and_then(|b| b.attr("useserial")),
            reboot_timeout: bios.and_then(|b| b.attr("rebootTimeout")),
        }
    }

    /// Fills in what is absent; `nvram_path` is where variables go that have no place, `per_device` tells whether devices carry boot orders of their own.
    pub fn define(&mut self, per_device: bool, nvram_path: &str, report: &mut dyn FnMut(Diagnostic)) {
        self.arch.get_or_insert(Spanned::rule(Arch::X86_64, &DEFAULT_ARCH));
        self.machine.get_or_insert(Spanned::rule("pc".to_owned(), &DEFAULT_MACHINE));
        if per_device {
            if let Some(boot) = self.boot.first() {
                let message = "`<boot dev>` in `<os>` beside `<boot order>` in devices";
                report(
                    Diagnostic::new(&codes::CONFLICT, boot.origin.span().unwrap_or_default(), message)
                        .help("keep one of the two"),
                );
            }
        } else if self.boot.is_empty() {
            self.boot.push(Spanned::rule(BootDevice::Hd, &BOOT_HD));
        }
        for (at, (kind, _, origin)) in self.acpi.iter().enumerate() {
            let twice = self.acpi.iter().take(at).any(|(other, ..)| other == kind);
            let message = match kind.get() {
                Some(TableKind::Rawset) => "QEMU takes ACPI tables one by one, not as a set",
                Some(TableKind::Slic | TableKind::Msdm) if twice => "the guest has two ACPI tables of this kind",
                Some(TableKind::Raw | TableKind::Slic | TableKind::Msdm) | None => continue,
            };
            report(Diagnostic::new(&codes::UNSUPPORTED_CONFIGURATION, origin.span().unwrap_or_default(), message));
        }
        if let Some(timeout) = self.menu_timeout.filter(|t| t.value > 65535) {
            let message = "the boot menu is shown for 65535 ms at most";
            report(Diagnostic::new(&codes::CONFLICT, timeout.origin.span().unwrap_or_default(), message));
        }
        if let Some(loader) = self.loader.as_ref().filter(|l| !l.kind.is(&LoaderType::Pflash))
            && let Some(stateless) = loader.stateless.filter(|s| !s.is_yes())
        {
            let message = "firmware that is mapped as ROM keeps no variables";
            report(
                Diagnostic::new(&codes::CONFLICT, stateless.origin.span().unwrap_or_default(), message)
                    .help("use `type='pflash'`"),
            );
        }
        if !self.menu.is(&YesNo::Yes) {
            // libvirt forgets the timeout of a menu that is not shown.
            self.menu_timeout = None;
        }
        if let Some(loader) = &mut self.loader {
            loader.kind.get_or_insert(Spanned::rule(LoaderType::Rom, &ROM));
            loader.format.get_or_insert(Spanned::rule(FirmwareFormat::Raw, &RAW));
        }
        let splits =
            |l: &Loader| l.kind.is(&LoaderType::Pflash) && l.readonly.is(&YesNo::Yes) && !l.stateless.is(&YesNo::Yes);
        if self.loader.as_ref().is_some_and(splits) {
            let nvram = self.nvram.get_or_insert(NvramStore {
                path: None,
                template: None,
                template_format: None,
                format: None,
            });
            nvram.path.get_or_insert_with(|| Spanned::rule(nvram_path.to_owned(), &NVRAM));
        }
        if let Some(nvram) = &mut self.nvram {
            nvram.format.get_or_insert(Spanned::rule(FirmwareFormat::Raw, &RAW));
            if nvram.template.is_some() {
                nvram.template_format.get_or_insert(Spanned::rule(FirmwareFormat::Raw, &RAW));
            }
        }
        if let Some(Spanned { value: -2 | i32::MIN..=-3 | 65536.., origin }) = self.reboot_timeout {
            let message = "the timeout of a reboot is not between -1 and 65535 ms";
            report(Diagnostic::new(&codes::CONFLICT, origin.span().unwrap_or_default(), message));
        }
    }

    /// What QEMU opens of the ACPI tables.
    fn tables(&self, out: &mut HostNeeds) {
        for path in self.acpi.iter().filter_map(|(_, path, _)| path.as_ref()) {
            out.file(&path.value, true, false, path.origin);
        }
    }

    /// The family of the machine type.
    pub fn family(&self) -> MachineFamily {
        let machine = self.machine.as_ref().map_or("pc", |m| m.value.as_str());
        if machine == "pc"
            || machine.starts_with("pc-i440fx-")
            || machine.starts_with("pc-0.")
            || machine.starts_with("pc-1.")
        {
            MachineFamily::I440fx
        } else if machine == "q35" || machine.starts_with("pc-q35-") {
            MachineFamily::Q35
        } else {
            MachineFamily::Other
        }
    }

    /// Whether QEMU's machine type takes NUMA cells with a size and without a memory object: those up to 5.0 (`numa-mem-supported` in the
    /// answer to `query-machines`).
    pub fn takes_numa_mem(&self) -> bool {
        let machine = self.machine.as_ref().map_or("pc", |m| m.value.as_str());
        let version = machine.strip_prefix("pc-i440fx-").or_else(|| machine.strip_prefix("pc-q35-"));
        let mut numbers = version.into_iter().flat_map(|v| v.split('.')).map(str::parse::<u32>);
        matches!((numbers.next(), numbers.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) <= (5, 0))
    }

    /// Writes `<os>`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("os").children(|w| {
            if let Some(kind) = &self.kind {
                w.tag("type").opt("arch", &self.arch).opt("machine", &self.machine).text(kind.word());
            }
            if let Some(l) = &self.loader {
                let tag = w.tag("loader").opt("readonly", &l.readonly).opt("secure", &l.secure).opt("type", &l.kind);
                let tag = tag.opt("stateless", &l.stateless).opt("format", &l.format);
                tag.text(l.path.as_ref().map_or("", |p| &p.value));
            }
            if let Some(n) = &self.nvram {
                let tag = w
                    .tag("nvram")
                    .opt("template", &n.template)
                    .opt("templateFormat", &n.template_format)
                    .opt("format", &n.format);
                match &n.path {
                    Some(path) => tag.text(path),
                    None => tag.end(),
                }
            }
            w.opt_text("kernel", &self.kernel);
            w.opt_text("initrd", &self.initrd);
            w.opt_text("cmdline", &self.cmdline);
            if !self.acpi.is_empty() {
                w.tag("acpi").children(|w| {
                    for (kind, path, _) in &self.acpi {
                        w.tag("table").opt("type", kind).text(path.as_ref().map_or("", |p| &p.value));
                    }
                });
            }
            for boot in &self.boot {
                w.tag("boot").attr("dev", boot.word()).end();
            }
            if self.menu.is_some() {
                w.tag("bootmenu").opt("enable", &self.menu).opt("timeout", &self.menu_timeout).end();
            }
            if self.use_serial.is_some() || self.reboot_timeout.is_some() {
                w.tag("bios").opt("useserial", &self.use_serial).opt("rebootTimeout", &self.reboot_timeout).end();
            }
        });
    }

    /// `-boot`, `-kernel`, firmware; `-machine` is made from many parts elsewhere.
    pub fn items(&self, _cx: &Cx<'_>, out: &mut Items) {
        let mut opts = Opts::new();
        let mut origin = Origin::Rule(&rules::BOOT_STRICT);
        if let Some(menu) = &self.menu {
            opts = opts.switch("menu", menu.is_yes());
            origin = menu.origin;
            if let Some(timeout) = &self.menu_timeout {
                opts.set("splash-time", timeout.show());
            }
        }
        if let Some(timeout) = &self.reboot_timeout {
            opts.set("reboot-timeout", timeout.show());
            origin = timeout.origin;
        }
        out.opts(Section::Boot, "boot", opts.switch("strict", true), origin);
        for (option, value) in [("kernel", &self.kernel), ("initrd", &self.initrd), ("append", &self.cmdline)] {
            if let Some(value) = value {
                out.word(Section::Boot, option, &value.value, value.origin);
            }
        }
        for (kind, path, origin) in &self.acpi {
            let sig = match kind.get() {
                Some(TableKind::Slic) => Some("SLIC"),
                Some(TableKind::Msdm) => Some("MSDM"),
                Some(TableKind::Raw | TableKind::Rawset) | None => None,
            };
            let opts = Opts::new().opt("sig", sig).opt("file", path.as_ref().map(|p| p.value.as_str()));
            out.opts(Section::Boot, "acpitable", opts, *origin);
        }
        if self.use_serial.is(&YesNo::Yes) {
            let origin = self.use_serial.origin_or(origin);
            out.device(Section::Defaults, Props::new().with("driver", "sga"), origin);
        }
        self.firmware(out);
    }

    fn firmware(&self, out: &mut Items) {
        let Some(loader) = &self.loader else { return };
        let Some(path) = &loader.path else { return };
        if loader.kind.is(&LoaderType::Rom) {
            return out.word(Section::Loader, "bios", &path.value, path.origin);
        }
        let readonly = loader.readonly.is(&YesNo::Yes);
        let storage = Props::new()
            .with("driver", "file")
            .with("filename", &path.value)
            .with("node-name", "libvirt-pflash0-storage")
            .with("auto-read-only", true)
            .with("discard", "unmap");
        out.json(Section::Pflash, "blockdev", storage, path.origin);
        let format = Props::new()
            .with("node-name", "libvirt-pflash0-format")
            .with("read-only", readonly)
            .with("driver", loader.format.get().unwrap_or(FirmwareFormat::Raw).word())
            .with("file", "libvirt-pflash0-storage");
        out.json(Section::Pflash, "blockdev", format, path.origin);
        if let Some(path) = self.nvram.as_ref().and_then(|n| n.path.as_ref()) {
            let storage = Props::new()
                .with("driver", "file")
                .with("filename", &path.value)
                .with("node-name", "libvirt-pflash1-storage")
                .with("read-only", false);
            out.json(Section::Pflash, "blockdev", storage, path.origin);
        }
        if loader.secure.is(&YesNo::Yes) {
            let secure = Opts::new().with("driver", "cfi.pflash01").with("property", "secure").with("value", "on");
            out.opts(Section::Loader, "global", secure, loader.secure.origin_or(path.origin));
        }
    }

    /// The ACPI tables, and the firmware's variables, which QEMU writes.
    pub fn host(&self, out: &mut HostNeeds) {
        self.tables(out);
        let is_mapped = self.flash().iter().any(|(flash, _)| *flash == "pflash1");
        let Some(nvram) = self.nvram.as_ref().filter(|_| is_mapped) else { return };
        let Some(path) = &nvram.path else { return };
        if nvram.template.is_some() && nvram.template_format.get() != nvram.format.get() {
            let origin = nvram.template_format.origin_or(path.origin);
            return out.refuse("the template has another format than the variable store", origin);
        }
        out.from_template(nvram.template.as_ref().map(|t| t.value.as_str()), &path.value, path.origin);
    }

    /// The names of the block nodes that the machine maps as flash, with where they come from.
    pub fn flash(&self) -> Vec<(&'static str, &'static str)> {
        let Some(loader) = self.loader.as_ref().filter(|l| l.kind.is(&LoaderType::Pflash) && l.path.is_some()) else {
            return Vec::new();
        };
        let mut out = vec![("pflash0", "libvirt-pflash0-format")];
        if !loader.stateless.is(&YesNo::Yes) && self.nvram.as_ref().is_some_and(|n| n.path.is_some()) {
            out.push(("pflash1", "libvirt-pflash1-storage"));
        }
        out
    }
}
