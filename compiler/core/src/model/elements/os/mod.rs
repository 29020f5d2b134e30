//! `<os>`: architecture, machine type, firmware, what to boot.

mod acpi;
mod arch;
mod boot;
mod check;
mod family;
mod flash;
mod loader;
mod select;
#[cfg(test)]
mod trials;

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{Arch, DefaultRule, Opt, Origin, Spanned, words};
use crate::model::Element;
use crate::model::EmitContext;
use crate::qemu::{QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

pub use acpi::{Table, TableKind};
pub use boot::{Boot, BootDevice};
pub use check::check;
pub use family::MachineFamily;
pub use loader::{FirmwareFeatures, FirmwareFormat, FirmwareKind, Loader, LoaderType, NvramStore, NvramType};
pub use select::choose;

words! {
    /// What runs in the guest.
    pub enum OsType { Hvm = "hvm", Xen = "xen", Linux = "linux", Xenpvh = "xenpvh", Exe = "exe" }
}

words! {
    /// Where the guest's SMBIOS tables come from.
    pub enum SmbiosMode { Emulate = "emulate", Host = "host", Sysinfo = "sysinfo" }
}

/// `<os>`.
#[derive(Debug, Clone, Default)]
pub struct Os {
    /// The kind of firmware that is chosen automatically.
    pub firmware: Opt<FirmwareKind>,
    /// The features that it must have or must not have.
    pub firmware_features: FirmwareFeatures,
    /// What runs in the guest: always `hvm`.
    pub kind: Opt<OsType>,
    /// The architecture.
    pub arch: Opt<Arch>,
    /// The machine type, an alias such as `pc` kept as it is.
    pub machine: Opt<String>,
    /// The firmware.
    pub loader: Option<Loader>,
    /// The place of `<loader>` in the XML.
    loader_origin: Option<Origin>,
    /// The firmware's variable store.
    pub nvram: Option<NvramStore>,
    /// Direct kernel boot, and the firmware's settings.
    pub boot_options: Boot,
    /// ACPI tables that the guest gets in addition to QEMU's own.
    pub acpi: Vec<Table>,
    /// What to boot from, in order.
    pub boot: Vec<Spanned<BootDevice>>,
    /// Where the SMBIOS tables come from.
    pub smbios: Opt<SmbiosMode>,
}

static DEFAULT_MACHINE: DefaultRule = DefaultRule {
    name: "default-machine",
    text: "without a machine type the guest gets the default of its architecture: `pc` on x86, `virt` on Arm",
};
static DEFAULT_ARCH: DefaultRule =
    DefaultRule { name: "default-arch", text: "without an architecture the guest gets x86_64" };

/// Reports that `<type>` is missing (`virDomainDefPostParseOs` in libvirt's `src/conf/domain_postparse.c`).
fn no_type(f: &Fields<'_, '_>) {
    if !f.cx().is_whole() {
        // It may be in the part that could not be read.
        return;
    }
    let (message, help) = if f.element().is("os") {
        ("`<os>` has no `<type>`", "add `<type arch='x86_64' machine='q35'>hvm</type>`")
    } else {
        ("`<domain>` has no `<os>`", "add `<os><type arch='x86_64' machine='q35'>hvm</type></os>`")
    };
    f.report(Diagnostic::at(&codes::MISSING, f.element().name_span(), message).help(help));
}

impl Os {
    /// Fills in what is absent; `per_device` tells whether devices carry boot orders of their own.
    pub fn define(&mut self, origin: Origin, per_device: bool, faults: &mut Diagnostics) {
        self.arch.get_or_insert(Spanned::rule(Arch::X86_64, &DEFAULT_ARCH, origin));
        let machine = family::default_machine(self.arch());
        self.machine.get_or_insert_with(|| Spanned::rule(machine.to_owned(), &DEFAULT_MACHINE, origin));
        boot::define_order(&mut self.boot, per_device, origin, faults);
        self.boot_options.define(faults);
        acpi::check(&self.acpi, faults);
        if let Some(source) = self.nvram.as_mut().and_then(|n| n.source.as_mut()) {
            source.define(origin);
        }
        check::check_firmware(self, faults);
    }
}

impl Element for Os {
    /// Reads `<os>` from `<domain>`.
    fn lower(domain: &Fields<'_, '_>) -> Self {
        for name in ["bootloader", "bootloader_args"] {
            if let Some(loader) = domain.child(name) {
                let message = "a boot loader of the host (`<bootloader>`) is not supported by QEMU";
                loader.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, loader.ignore_rest(), message));
            }
        }
        let Some(f) = domain.child("os") else {
            if domain.element().child("os").is_none() {
                no_type(domain);
            }
            return Self::default();
        };
        let kind = f.child("type");
        if f.element().child("type").is_none_or(|t| t.text().is_empty()) {
            no_type(&f);
        }
        if let Some(other) = kind.as_ref().and_then(Fields::text::<OsType>).filter(|t| t.value != OsType::Hvm) {
            let message = format!("OS type `{}` is not supported by QEMU", other.word());
            let _ = kind.as_ref().map(Fields::ignore_rest);
            f.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, f.ignore_rest(), message));
            return Self { kind: Some(other), ..Self::default() };
        }
        let mut out = Self {
            arch: kind.as_ref().and_then(|t| arch::lower(domain, t)),
            machine: kind.as_ref().and_then(|t| t.attr("machine")),
            kind: kind.and_then(|t| t.text()),
            boot_options: Boot::lower(&f),
            acpi: acpi::lower(&f),
            boot: f.children("boot").iter().filter_map(|b| b.attr("dev")).collect(),
            smbios: f.child_attr("smbios", "mode"),
            ..Self::default()
        };
        loader::lower(&f, &mut out);
        out
    }

    /// Writes `<os>`.
    fn write(&self, w: &mut XmlWriter) {
        w.tag("os").opt("firmware", &self.firmware).children(|w| {
            if let Some(kind) = &self.kind {
                w.tag("type").opt("arch", &self.arch).opt("machine", &self.machine).text(kind.word());
            }
            loader::write(self, w);
            self.boot_options.write_kernel(w);
            acpi::write(&self.acpi, w);
            for boot in &self.boot {
                w.tag("boot").attr("dev", boot.word()).end();
            }
            self.boot_options.write_menu(w);
            self.boot_options.write_bios(w);
            if self.smbios.is_some() {
                w.tag("smbios").opt("mode", &self.smbios).end();
            }
        });
    }

    /// `-boot`, `-kernel`, firmware; `-machine` is in `features/machine.rs`.
    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        self.boot_options.options(cx.domain.origin, out);
        acpi::options(&self.acpi, out);
        self.firmware_options(cx, out);
    }

    /// The files that QEMU opens: ACPI tables, kernel, the variable store.
    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        acpi::host(&self.acpi, out);
        self.boot_options.host(out);
        self.firmware_host(out);
    }
}

#[cfg(test)]
mod tests {
    use crate::model::elements::trial::trial;

    #[test]
    fn what_runs_is_said() {
        for os in ["<os><boot dev='hd'/></os>", "<os><type arch='x86_64'/></os>"] {
            let faults = trial(&format!("<memory>1024</memory><vcpu>1</vcpu>{os}"), "", &[]).faults;
            assert!(faults.contains(&"`<os>` has no `<type>`".to_owned()), "{os}: {faults:?}");
        }
    }
}
