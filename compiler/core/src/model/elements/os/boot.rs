//! Direct kernel boot, the boot order, and settings of the firmware's boot menu.

use virtc_diag::Diagnostics;

use crate::codes::{self, Report as _};
use crate::ir::{DefaultRule, Leaf, Opt, OptExt, Origin, Spanned, YesNo, words};
use crate::qemu::{ArgSection, Opts, QemuOptions, RequirementsOf, rules};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// A kind of device to boot from.
    pub enum BootDevice { Hd = "hd", Cdrom = "cdrom", Fd = "fd", Network = "network" }
}

/// Direct kernel boot, and settings of the firmware.
#[derive(Debug, Clone, Default)]
pub struct Boot {
    /// The path of the kernel.
    pub kernel: Opt<String>,
    /// The path of the initial RAM disk.
    pub initrd: Opt<String>,
    /// The kernel's command line.
    pub cmdline: Opt<String>,
    /// The path of the shim, which verifies the kernel (Secure Boot).
    pub shim: Opt<String>,
    /// The path of the device tree.
    pub dtb: Opt<String>,
    /// The root device; without effect in QEMU.
    pub root: Opt<String>,
    /// Whether the firmware shows a boot menu.
    pub menu: Opt<YesNo>,
    /// How long it shows the menu, in ms, 0–65535.
    pub menu_timeout: Opt<u32>,
    /// Whether the firmware uses the serial port as its console.
    pub use_serial: Opt<YesNo>,
    /// How long the firmware waits after a failed boot, in ms, 0–65535; -1: it does not boot again.
    pub reboot_timeout: Opt<i32>,
}

static BOOT_HD: DefaultRule =
    DefaultRule { name: "boot-from-disk", text: "without any boot order the guest boots from its first disk" };

/// How many kinds of devices there are to boot from.
const MOST_DEVICES: usize = 4;

/// Fills in and checks the order; `per_device` tells whether devices carry boot orders of their own.
pub(super) fn define_order(
    order: &mut Vec<Spanned<BootDevice>>,
    per_device: bool,
    origin: Origin,
    faults: &mut Diagnostics,
) {
    // One of each kind (`VIR_DOMAIN_BOOT_LAST` in libvirt's `src/conf/domain_conf.h`); libvirt ignores what follows.
    for more in order.iter().skip(MOST_DEVICES) {
        let message = format!("only the first {MOST_DEVICES} `<boot dev>` elements have an effect");
        faults.add(&codes::WITHOUT_EFFECT, more.origin, message);
    }
    order.truncate(MOST_DEVICES);
    if per_device {
        if let Some(boot) = order.first() {
            let message = "`<boot dev>` in `<os>` cannot be combined with `<boot order>` in devices";
            faults.conflict_with(
                boot.origin,
                message,
                "remove the `<boot dev>` elements, or the `<boot order>` elements of the devices",
            );
        }
    } else if order.is_empty() {
        order.push(Spanned::rule(BootDevice::Hd, &BOOT_HD, origin));
    }
}

impl Boot {
    /// Reads the elements from `<os>`.
    pub(super) fn lower(os: &Fields<'_, '_>) -> Self {
        let menu = os.child("bootmenu");
        let bios = os.child("bios");
        Self {
            kernel: os.child_text("kernel"),
            initrd: os.child_text("initrd"),
            cmdline: os.child_text("cmdline"),
            shim: os.child_text("shim"),
            dtb: os.child_text("dtb"),
            root: os.child_text("root"),
            menu: menu.as_ref().and_then(|m| m.attr("enable")),
            menu_timeout: menu.and_then(|m| m.attr("timeout")),
            use_serial: bios.as_ref().and_then(|b| b.attr("useserial")),
            reboot_timeout: bios.and_then(|b| b.attr("rebootTimeout")),
        }
    }

    /// Checks the values and drops those without effect.
    pub(super) fn define(&mut self, faults: &mut Diagnostics) {
        if let Some(timeout) = self.menu_timeout.filter(|t| t.value > 65535) {
            faults.conflict(timeout.origin, "`timeout` of `<bootmenu>` is at most 65535 ms");
        }
        if let Some(Spanned { value: -2 | i32::MIN..=-3 | 65536.., origin }) = self.reboot_timeout {
            faults.conflict(origin, "`rebootTimeout` must be between -1 and 65535 ms");
        }
        let needs_kernel = [&self.initrd, &self.cmdline, &self.shim, &self.dtb];
        if self.kernel.is_none()
            && let Some(other) = needs_kernel.into_iter().flatten().next()
        {
            // libvirt accepts it, and QEMU does not start.
            faults.conflict(other.origin, "`<initrd>`, `<cmdline>`, `<shim>` and `<dtb>` need a `<kernel>`");
        }
        if !self.menu.is(&YesNo::Yes) {
            // libvirt drops the timeout of a menu that is not shown.
            self.menu_timeout = None;
        }
    }

    /// Writes the elements before `<acpi>`.
    pub(super) fn write_kernel(&self, w: &mut XmlWriter) {
        w.opt_text("kernel", &self.kernel);
        w.opt_text("initrd", &self.initrd);
        w.opt_text("cmdline", &self.cmdline);
        w.opt_text("shim", &self.shim);
        w.opt_text("dtb", &self.dtb);
        w.opt_text("root", &self.root);
    }

    /// Writes `<bootmenu>`.
    pub(super) fn write_menu(&self, w: &mut XmlWriter) {
        if self.menu.is_some() {
            w.tag("bootmenu").opt("enable", &self.menu).opt("timeout", &self.menu_timeout).end();
        }
    }

    /// Writes `<bios>`.
    pub(super) fn write_bios(&self, w: &mut XmlWriter) {
        if self.use_serial.is_some() || self.reboot_timeout.is_some() {
            w.tag("bios").opt("useserial", &self.use_serial).opt("rebootTimeout", &self.reboot_timeout).end();
        }
    }

    /// `-boot`, and `-kernel` with its companions.
    pub(super) fn options(&self, domain: Origin, out: &mut QemuOptions) {
        let mut opts = Opts::new();
        let mut origin = domain.with_rule(&rules::BOOT_STRICT);
        if let Some(menu) = &self.menu {
            opts = opts.switch("menu", menu.is_yes());
            origin = menu.origin;
        }
        if let Some(timeout) = &self.reboot_timeout {
            opts.set("reboot-timeout", timeout.show());
            origin = timeout.origin;
        }
        if let Some(timeout) = &self.menu_timeout {
            opts.set("splash-time", timeout.show());
        }
        out.opts(ArgSection::Boot, "boot", opts.switch("strict", true), origin);
        let words = [
            ("kernel", &self.kernel),
            ("initrd", &self.initrd),
            ("append", &self.cmdline),
            ("shim", &self.shim),
            ("dtb", &self.dtb),
        ];
        for (option, value) in words {
            if let Some(value) = value {
                out.word(ArgSection::Boot, option, &value.value, value.origin);
            }
        }
    }

    /// The files that QEMU opens.
    pub(super) fn host(&self, out: &mut RequirementsOf<'_>) {
        for path in [&self.kernel, &self.initrd, &self.shim, &self.dtb].into_iter().flatten() {
            out.file(&path.value, path.origin);
        }
    }
}
