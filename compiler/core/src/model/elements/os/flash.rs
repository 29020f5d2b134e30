//! The firmware for QEMU.

use virtc_diag::{Diagnostic, Safety};

use crate::codes;
use crate::ir::{Opt, OptExt, Origin, Switch, YesNo};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::elements::features::Plain;
use crate::model::storage::{Below, Node, Settings, StorageSource};
use crate::qemu::{ArgSection, Opts, Props, QemuOptions, RequirementsOf, Value};
use crate::target::Target;

use super::loader::{FirmwareFormat, FirmwareKind, LoaderType, NvramStore, NvramType};
use super::{MachineFamily, Os};
use crate::ir::Arch;

/// The block nodes of an image: one where it is raw and written to, else a storage and a format node.
fn nodes(flash: &str, format: FirmwareFormat, readonly: bool, storage: Props, out: &mut QemuOptions, origin: Origin) {
    let (protocol, node) = (format!("libvirt-{flash}-storage"), format!("libvirt-{flash}-format"));
    let storage = storage.with("node-name", &protocol).with("auto-read-only", true).with("discard", "unmap");
    out.json(ArgSection::Pflash, "blockdev", storage, origin);
    let props = Props::new()
        .with("node-name", node)
        .with("read-only", readonly)
        .with("driver", format.word())
        .with("file", protocol)
        .opt("backing", (format == FirmwareFormat::Qcow2).then_some(Value::Null));
    out.json(ArgSection::Pflash, "blockdev", props, origin);
}

impl Os {
    /// `-bios`, or the block nodes of the flash and what guards it.
    pub(super) fn firmware_options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let Some(loader) = &self.loader else { return };
        let Some(path) = &loader.path else { return };
        if loader.kind.is(&LoaderType::Rom) {
            return out.word(ArgSection::Loader, "bios", &path.value, path.origin);
        }
        let image = Props::new().with("driver", "file").with("filename", &path.value);
        let format = loader.format.get().unwrap_or(FirmwareFormat::Raw);
        nodes("pflash0", format, loader.readonly.is(&YesNo::Yes), image, out, path.origin);
        if let Some((nvram, path)) = self.variables() {
            let driver = if nvram.kind.is(&NvramType::Block) { "host_device" } else { "file" };
            let image = Props::new().with("driver", driver).with("filename", &path.value);
            match nvram.format.get() {
                Some(FirmwareFormat::Qcow2) => {
                    nodes("pflash1", FirmwareFormat::Qcow2, false, image, out, path.origin);
                }
                Some(FirmwareFormat::Raw) | None if Node::layers_raw(&cx.target) => {
                    nodes("pflash1", FirmwareFormat::Raw, false, image, out, path.origin);
                }
                Some(FirmwareFormat::Raw) | None => {
                    let image = image.with("node-name", "libvirt-pflash1-storage").with("read-only", false);
                    out.json(ArgSection::Pflash, "blockdev", image, path.origin);
                }
            }
        }
        if let Some((nvram, source)) = self.server() {
            let format = nvram.format.map(|f| f.map(FirmwareFormat::image));
            let (prefix, settings, below) = ("libvirt-pflash1".to_owned(), Settings::default(), Below::Nothing);
            let node = Node { prefix, source, format, readonly: false, settings, below, data: None };
            node.options(cx, ArgSection::Pflash, out);
        }
        if loader.secure.is(&YesNo::Yes) {
            let secure = Opts::new().with("driver", "cfi.pflash01").with("property", "secure").with("value", "on");
            out.opts(ArgSection::Loader, "global", secure, loader.secure.origin_or(path.origin));
        }
    }

    /// The variables of firmware in flash.
    fn store(&self) -> Option<&NvramStore> {
        let loader = self.loader.as_ref().filter(|l| l.is_flash() && !l.stateless.is(&YesNo::Yes))?;
        self.nvram.as_ref().filter(|_| loader.path.is_some())
    }

    /// The variables of firmware in flash, where the host has them.
    fn variables(&self) -> Option<(&NvramStore, &crate::ir::Spanned<String>)> {
        let nvram = self.store()?;
        Some((nvram, nvram.path.as_ref()?))
    }

    /// The variables of firmware in flash, where a server has them.
    fn server(&self) -> Option<(&NvramStore, &StorageSource)> {
        let nvram = self.store()?;
        Some((nvram, nvram.source.as_ref()?))
    }

    /// The names of the block nodes that the machine maps as flash, with where they come from.
    pub fn flash(&self, target: &Target) -> Vec<(&'static str, &'static str)> {
        if !self.loader.as_ref().is_some_and(|l| l.is_flash() && l.path.is_some()) {
            return Vec::new();
        }
        let mut out = vec![("pflash0", "libvirt-pflash0-format")];
        if let Some(nvram) = self.store().filter(|n| n.has_source()) {
            let is_raw = !Node::layers_raw(target) && !nvram.format.is(&FirmwareFormat::Qcow2);
            out.push(("pflash1", if is_raw { "libvirt-pflash1-storage" } else { "libvirt-pflash1-format" }));
        }
        out
    }

    /// The firmware's variables, which QEMU writes.
    pub(super) fn firmware_host(&self, out: &mut RequirementsOf<'_>) {
        if let Some(path) = self.loader.as_ref().and_then(|l| l.path.as_ref()) {
            let readonly = self.loader.as_ref().is_some_and(|l| !l.is_flash() || l.readonly.is(&YesNo::Yes));
            if !readonly {
                out.file(&path.value, path.origin);
            }
        }
        if let Some((_, source)) = self.server() {
            source.host(false, out);
        }
        let Some((nvram, path)) = self.variables() else { return };
        if nvram.kind.is(&NvramType::Block) {
            if nvram.template.is_some() {
                out.refuse("variables of firmware that are copied to a device", path.origin);
            }
            out.block(&path.value, false);
            return out.file(&path.value, path.origin);
        }
        let format = |format: Opt<FirmwareFormat>| format.get().unwrap_or(FirmwareFormat::Raw);
        if nvram.template.is_some() && format(nvram.template_format) != format(nvram.format) {
            let origin = nvram.template_format.origin_or(path.origin);
            return out.refuse("the template has another format than the variable store", origin);
        }
        out.from_template(nvram.template.as_ref().map(|t| t.value.as_str()), &path.value, path.origin);
    }
}

/// What cannot be (`qemuValidateDomainDefBoot` and its caller in libvirt's `src/qemu/qemu_validate.c`).
pub fn check(domain: &Domain, report: &mut dyn FnMut(Diagnostic)) {
    let os = &domain.os;
    let mut fault = |code, origin: Origin, message: &str, help: &str| {
        report(Diagnostic::at(code, origin, message).help(help));
    };
    let unsupported = &codes::UNSUPPORTED_CONFIGURATION;
    let secure = os.loader.as_ref().and_then(|l| l.secure).filter(|s| s.is_yes());
    if let Some(secure) = secure {
        if os.family() != MachineFamily::Q35 {
            let message = format!("Secure Boot (`secure='yes'`) needs machine type `q35`, not `{}`", os.machine_name());
            fault(unsupported, secure.origin, &message, "write `machine='q35'` in `<type>`, or remove `secure`");
        } else if !os.arch.is(&Arch::X86_64) {
            let message = "Secure Boot (`secure='yes'`) needs architecture `x86_64`";
            fault(unsupported, secure.origin, message, "write `arch='x86_64'` in `<type>`, or remove `secure`");
        } else if os.firmware.is_none() && !domain.features.smm.is(&Switch::On) {
            let message = "Secure Boot (`secure='yes'`) needs System Management Mode (SMM), which is not on";
            let off = domain.features.smm.filter(|smm| smm.origin.by_rule().is_none());
            let fault = Diagnostic::at(&codes::CONFLICT, secure.origin, message);
            let fault = fault.help("write `<smm state='on'/>` in `<features>`");
            report(match off.map(|smm| smm.origin.span()) {
                Some(off) => fault.label(off, "SMM is off here").fix(Safety::Unsafe, "switch SMM on", off, "on"),
                None => fault,
            });
            return rest(domain, report);
        }
    }
    rest(domain, report);
}

fn rest(domain: &Domain, report: &mut dyn FnMut(Diagnostic)) {
    let os = &domain.os;
    let mut fault = |origin: Origin, message: &str, help: &str| {
        report(Diagnostic::at(&codes::CONFLICT, origin, message).help(help));
    };
    let flash = os.loader.as_ref().filter(|l| l.is_flash()).and_then(|l| l.kind).map(|k| k.origin);
    let efi = os.firmware.filter(|f| f.value == FirmwareKind::Efi).map(|f| f.origin);
    if let Some(origin) = efi.or(flash)
        && os.arch().is_x86()
        && domain.features.has(Plain::Acpi).is_none()
    {
        fault(origin, "UEFI needs ACPI, which is not among the `<features>`", "add `<acpi/>` to `<features>`");
    }
    if let Some(acpi) = domain.features.has(Plain::Acpi)
        && os.arch() == Arch::Aarch64
        && efi.or(flash).is_none()
    {
        let message = "on this architecture ACPI needs UEFI, which is not asked for";
        fault(acpi, message, "write `<os firmware='efi'>`, or remove `<acpi/>`");
    }
    if let Some(serial) = os.boot_options.use_serial.filter(|s| s.is_yes())
        && domain.devices.serials.is_empty()
    {
        let message = "`<bios useserial='yes'/>` needs a serial port, and the guest has none";
        fault(serial.origin, message, "add `<serial type='pty'/>` to `<devices>`");
    }
}
