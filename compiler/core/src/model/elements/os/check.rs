//! What libvirt refuses about firmware.

use virtc_diag::{Diagnostic, Diagnostics, Safety};

use super::loader::{FirmwareFormat, FirmwareKind};
use super::{MachineFamily, Os};
use crate::codes::{self, Report as _};
use crate::ir::{Arch, OptExt, Spanned, Switch, YesNo};
use crate::model::Domain;
use crate::model::elements::features::Plain;
use crate::model::storage::Checked;

/// What libvirt refuses before firmware is chosen (`virDomainDefOSValidate` in libvirt's `src/conf/domain_validate.c`).
pub(super) fn check_firmware(os: &Os, faults: &mut Diagnostics) {
    let is_undetermined = os.firmware.is_none() && os.loader.as_ref().is_none_or(|l| l.path.is_none());
    if let Some(feature) = os.firmware_features.first().filter(|_| os.firmware.is_none()) {
        // libvirt ignores it in a definition that is stored already, and refuses it in a new one.
        faults.add_with(
            &codes::WITHOUT_EFFECT,
            feature.origin,
            "`<firmware>` has no effect without automatic firmware selection (`<os firmware>`)",
            "remove `<firmware>`, or use `<os firmware='efi'>`",
        );
    }
    let features = &os.firmware_features;
    if let (Some(keys), Some(boot)) = (features.enrolled_keys, features.secure_boot)
        && keys.value == YesNo::Yes
        && boot.value == YesNo::No
    {
        faults.conflict(keys.origin, "feature `enrolled-keys` needs feature `secure-boot`, which is disabled");
    }
    let nvram = os.nvram.as_ref().and_then(|n| n.origin);
    if let (Some(kind), Some(nvram)) = (os.firmware, nvram)
        && kind.value == FirmwareKind::Bios
    {
        faults.conflict(nvram, "`firmware='bios'` has no variable store (`<nvram>`)");
    }
    if let Some(nvram) = &os.nvram
        && let Some(source) = &nvram.source
    {
        let format = nvram.format.map(|f| f.map(FirmwareFormat::image));
        Checked { source, format: &format, readonly: false, cache: None }.check(faults);
    }
    if let Some(origin) = os.loader_origin.or(nvram).filter(|_| is_undetermined) {
        let message = "no firmware is given: neither a path in `<loader>` nor `<os firmware>`";
        faults.add_with(
            &codes::MISSING,
            origin,
            message,
            "give the path of a firmware image, or use `<os firmware='efi'>`",
        );
    }
    let Some(loader) = &os.loader else { return };
    match (loader.stateless, os.firmware.get()) {
        (Some(Spanned { value: YesNo::Yes, .. }), _) => {
            if let Some(nvram) = nvram {
                faults.conflict(nvram, "`<nvram>` cannot be combined with `<loader stateless='yes'>`");
            }
        }
        (Some(Spanned { value: YesNo::No, origin }), Some(FirmwareKind::Bios)) => {
            faults.conflict(origin, "`firmware='bios'` has no variable store (`<nvram>`)");
        }
        (Some(Spanned { value: YesNo::No, origin }), None) if !loader.is_flash() => {
            faults.conflict(
                origin,
                "firmware of type `rom` has no variable store: `stateless='no'` needs `type='pflash'`",
            );
        }
        (Some(Spanned { value: YesNo::No, .. }) | None, _) => {}
    }
}

/// What libvirt refuses (`qemuValidateDomainDefBoot` and its caller in libvirt's `src/qemu/qemu_validate.c`).
pub fn check(domain: &Domain, faults: &mut Diagnostics) {
    let os = &domain.os;
    let secure = os.loader.as_ref().and_then(|l| l.secure).filter(|s| s.is_yes());
    if let Some(secure) = secure {
        if os.family() != MachineFamily::Q35 {
            let message = format!("Secure Boot (`secure='yes'`) needs machine type `q35`, not `{}`", os.machine_name());
            faults.refuse_with(secure.origin, message, "write `machine='q35'` in `<type>`, or remove `secure`");
        } else if !os.arch.is(&Arch::X86_64) {
            let message = "Secure Boot (`secure='yes'`) needs architecture `x86_64`";
            faults.refuse_with(secure.origin, message, "write `arch='x86_64'` in `<type>`, or remove `secure`");
        } else if os.firmware.is_none() && !domain.features.smm.is(&Switch::On) {
            let message = "Secure Boot (`secure='yes'`) needs System Management Mode (SMM), which is not on";
            let off = domain.features.smm.filter(|smm| smm.origin.by_rule().is_none());
            let fault = Diagnostic::at(&codes::CONFLICT, secure.origin, message);
            let fault = fault.help("write `<smm state='on'/>` in `<features>`");
            faults.push(match off.map(|smm| smm.origin.span()) {
                Some(off) => fault.label(off, "SMM is off here").fix(Safety::Unsafe, "switch SMM on", off, "on"),
                None => fault,
            });
        }
    }
    let flash = os.loader.as_ref().filter(|l| l.is_flash()).and_then(|l| l.kind).map(|k| k.origin);
    let efi = os.firmware.filter(|f| f.value == FirmwareKind::Efi).map(|f| f.origin);
    if let Some(origin) = efi.or(flash)
        && os.arch().is_x86()
        && domain.features.has(Plain::Acpi).is_none()
    {
        let message = "UEFI needs ACPI, which is not among the `<features>`";
        faults.conflict_with(origin, message, "add `<acpi/>` to `<features>`");
    }
    if let Some(acpi) = domain.features.has(Plain::Acpi)
        && os.arch() == Arch::Aarch64
        && efi.or(flash).is_none()
    {
        let message = "ACPI needs UEFI on aarch64, and the definition has no UEFI firmware";
        faults.conflict_with(acpi, message, "write `<os firmware='efi'>`, or remove `<acpi/>`");
    }
    if let Some(serial) = os.boot_options.use_serial.filter(|s| s.is_yes())
        && domain.devices.serials.is_empty()
    {
        let message = "`<bios useserial='yes'>` needs a `<serial>` device";
        faults.conflict_with(serial.origin, message, "add `<serial type='pty'/>` to `<devices>`");
    }
}
