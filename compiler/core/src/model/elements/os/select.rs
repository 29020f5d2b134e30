//! Automatic firmware selection from the firmware descriptors of the host.

use virtc_diag::Diagnostics;
use virtc_inventory::{Firmware, FirmwareImage, FirmwareInterface, FirmwareMapping, FlashMode};

use crate::codes::{self, Report as _};
use crate::ir::{DefaultRule, Leaf, Opt, OptExt, Origin, Spanned, Switch, YesNo};
use crate::model::Domain;
use crate::model::Facts;

use super::Os;
use super::loader::{FirmwareFeatures, FirmwareFormat, FirmwareKind, Loader, LoaderType};

static CHOSEN: DefaultRule = DefaultRule {
    name: "firmware-choice",
    text: "the first of the host's firmware descriptors that matches the machine type and the definition's requirements",
};
static RAW: DefaultRule =
    DefaultRule { name: "raw-firmware", text: "firmware images are raw unless the definition says otherwise" };
static ROM: DefaultRule = DefaultRule { name: "rom-loader", text: "a `<loader>` without a type has type `rom`" };
static SAME: DefaultRule = DefaultRule {
    name: "nvram-format",
    text: "the variable store has the format of the firmware image or of the template",
};
static NVRAM: DefaultRule =
    DefaultRule { name: "nvram-path", text: "read-only firmware has a variable store in a file of the domain's own" };
static LISTED: DefaultRule = DefaultRule {
    name: "nvram-of-list",
    text: "firmware without a descriptor has the `<nvram>` template that the setting `nvram` of qemu.conf lists",
};

/// Chooses the firmware and fills in its settings (`qemuFirmwareFillDomain` in libvirt's `src/qemu/qemu_firmware.c`).
pub fn choose(domain: &mut Domain, facts: Facts<'_>, faults: &mut Diagnostics) {
    let origin = domain.origin;
    let os = &mut domain.os;
    if os.firmware.is_none() {
        // libvirt drops the features of firmware where none is to be chosen.
        os.firmware_features = FirmwareFeatures::default();
        if let Some(loader) = os.loader.as_mut().filter(|loader| loader.kind.is_none()) {
            loader.kind = Some(Spanned::rule(LoaderType::Rom, &ROM, origin));
            loader.format.get_or_insert(Spanned::rule(FirmwareFormat::Raw, &RAW, origin));
        }
    } else {
        let wanted = os.nvram.as_ref().and_then(|n| n.format);
        let loader = os.loader.get_or_insert_default();
        loader.format.get_or_insert(wanted.unwrap_or(Spanned::rule(FirmwareFormat::Raw, &RAW, origin)));
    }
    let Some(automatic) = os.firmware else {
        if !os.loader.as_ref().is_some_and(Loader::is_flash) {
            return;
        }
        match facts.firmware().unwrap_or_default().iter().find(|f| matches(domain, f)) {
            Some(firmware) => take(domain, firmware),
            None => legacy(&mut domain.os, domain.origin, facts),
        }
        return variables(domain, facts);
    };
    let Some(installed) = facts.firmware() else {
        if domain.os.loader.as_ref().is_some_and(|l| l.path.is_some() && l.kind.is_some()) {
            // A definition that the host filled in already needs no choice.
            return variables(domain, facts);
        }
        let message = "automatic firmware selection needs the host's firmware descriptors, and no host file has them";
        faults.add(&codes::HOST_FACT_NEEDED, automatic.origin, message);
        return;
    };
    let Some(firmware) = installed.iter().find(|f| matches(domain, f)) else {
        let message = format!("the host has no `{}` firmware that matches the definition", automatic.word());
        faults.refuse(automatic.origin, message);
        return;
    };
    take(domain, firmware);
    variables(domain, facts);
}

/// Whether a firmware matches the domain (`qemuFirmwareMatchDomain`).
fn matches(domain: &Domain, firmware: &Firmware) -> bool {
    let os = &domain.os;
    let none = Loader::default();
    let loader = os.loader.as_ref().unwrap_or(&none);
    let wanted = match (os.firmware.get(), loader.kind.get()) {
        (Some(FirmwareKind::Efi), _) | (None, Some(LoaderType::Pflash)) => FirmwareInterface::Uefi,
        (Some(FirmwareKind::Bios), _) | (None, Some(LoaderType::Rom) | None) => FirmwareInterface::Bios,
    };
    firmware.interface_types.contains(&wanted)
        && firmware.runs_on(os.arch().qemu(), os.versioned_machine())
        && has_features(domain, firmware)
        && matches_smm(domain, loader, firmware.has("requires-smm"))
        && matches_mapping(os, loader, &firmware.mapping)
        && domain.security.as_ref().is_none_or(|s| s.firmware_features().iter().all(|feature| firmware.has(feature)))
}

/// Whether `secure` and SMM match what the firmware requires.
fn matches_smm(domain: &Domain, loader: &Loader, needs_smm: bool) -> bool {
    let (off, insecure) = (domain.features.smm.is(&Switch::Off), loader.secure.is(&YesNo::No));
    if needs_smm { !off && !insecure } else { !loader.secure.is(&YesNo::Yes) }
}

fn has_features(domain: &Domain, firmware: &Firmware) -> bool {
    let asleep = [(&domain.power.memory, "acpi-s3"), (&domain.power.disk, "acpi-s4")];
    let wanted = &domain.os.firmware_features;
    let exact = [(&wanted.secure_boot, "secure-boot"), (&wanted.enrolled_keys, "enrolled-keys")];
    asleep.iter().all(|(enabled, feature)| !enabled.is(&YesNo::Yes) || firmware.has(feature))
        && exact.iter().all(|(enabled, feature)| enabled.get().is_none_or(|e| e.is_yes() == firmware.has(feature)))
}

fn matches_mapping(os: &Os, loader: &Loader, mapping: &FirmwareMapping) -> bool {
    let is = |wanted: &Opt<String>, path: &str| wanted.as_ref().is_none_or(|w| w.value == path);
    match mapping {
        FirmwareMapping::Flash { mode, executable, nvram_template } => {
            let template = os.nvram.as_ref().and_then(|n| n.template.as_ref());
            let kept = match mode {
                FlashMode::Stateless => loader.stateless.is(&YesNo::Yes) && template.is_none(),
                FlashMode::Split => {
                    !loader.stateless.is(&YesNo::Yes)
                        && nvram_template.as_ref().is_some_and(|image| {
                            format(image).is_some() && template.is_none_or(|t| t.value == image.filename)
                        })
                }
                FlashMode::Combined => false,
            };
            kept && is(&loader.path, &executable.filename)
                && !loader.kind.is(&LoaderType::Rom)
                && !loader.readonly.is(&YesNo::No)
                && format(executable).is_some_and(|found| loader.format.get().is_none_or(|wanted| wanted == found))
        }
        FirmwareMapping::Memory { filename } => {
            is(&loader.path, filename)
                && !loader.kind.is(&LoaderType::Pflash)
                && !loader.format.is(&FirmwareFormat::Qcow2)
                && !loader.readonly.is(&YesNo::No)
                && !loader.stateless.is(&YesNo::No)
        }
        FirmwareMapping::Kernel { filename } => is(&os.boot_options.kernel, filename),
    }
}

fn format(image: &FirmwareImage) -> Option<FirmwareFormat> {
    FirmwareFormat::read(&image.format)
}

/// Writes the choice into the domain (`qemuFirmwareEnableFeaturesModern`).
fn take(domain: &mut Domain, firmware: &Firmware) {
    let origin = domain.os.firmware.origin_or(domain.origin);
    let os = &mut domain.os;
    let chosen = |path: &str| Spanned::rule(path.to_owned(), &CHOSEN, origin);
    match &firmware.mapping {
        FirmwareMapping::Flash { mode, executable, nvram_template } => {
            let loader = os.loader.get_or_insert_default();
            keep(&mut loader.kind, LoaderType::Pflash, origin);
            keep(&mut loader.readonly, YesNo::Yes, origin);
            if *mode == FlashMode::Stateless {
                keep(&mut loader.stateless, YesNo::Yes, origin);
            }
            if let Some(format) = format(executable) {
                keep(&mut loader.format, format, origin);
            }
            loader.path.get_or_insert_with(|| chosen(&executable.filename));
            if let (FlashMode::Split, Some(image)) = (mode, nvram_template) {
                let nvram = os.nvram.get_or_insert_default();
                if nvram.is_local() {
                    nvram.template.get_or_insert_with(|| chosen(&image.filename));
                    if let Some(format) = format(image) {
                        keep(&mut nvram.template_format, format, origin);
                    }
                } else {
                    (nvram.template, nvram.template_format) = (None, None);
                }
            }
        }
        FirmwareMapping::Memory { filename } => {
            let loader = os.loader.get_or_insert_default();
            keep(&mut loader.kind, LoaderType::Rom, origin);
            loader.path.get_or_insert_with(|| chosen(filename));
        }
        FirmwareMapping::Kernel { filename } => {
            os.boot_options.kernel.get_or_insert_with(|| chosen(filename));
        }
    }
    if firmware.has("requires-smm") {
        keep(&mut domain.features.smm, Switch::On, origin);
        if let Some(loader) = &mut os.loader {
            keep(&mut loader.secure, YesNo::Yes, origin);
        }
    }
    let kind = firmware.interface_types.iter().find_map(|interface| match interface {
        FirmwareInterface::Bios => Some(FirmwareKind::Bios),
        FirmwareInterface::Uefi => Some(FirmwareKind::Efi),
        FirmwareInterface::OpenFirmware | FirmwareInterface::UBoot => None,
    });
    if os.firmware.is_none() {
        os.firmware = kind.map(|kind| Spanned::rule(kind, &CHOSEN, origin));
    }
    let has = |feature| if firmware.has(feature) { YesNo::Yes } else { YesNo::No };
    keep(&mut os.firmware_features.secure_boot, has("secure-boot"), origin);
    // The content of a variable store on the network is not known.
    if os.nvram.as_ref().is_none_or(super::loader::NvramStore::is_local) {
        keep(&mut os.firmware_features.enrolled_keys, has("enrolled-keys"), origin);
    } else {
        os.firmware_features.enrolled_keys = None;
    }
}

/// Sets a leaf to `value`; a leaf that has this value already keeps its origin.
fn keep<T: PartialEq>(leaf: &mut Opt<T>, value: T, origin: Origin) {
    if !leaf.is(&value) {
        *leaf = Some(Spanned::rule(value, &CHOSEN, origin));
    }
}

/// Firmware without a descriptor (`qemuFirmwareFillDomainLegacy`).
fn legacy(os: &mut Os, origin: Origin, facts: Facts<'_>) {
    let Some(loader) = &mut os.loader else { return };
    let may = !loader.readonly.is(&YesNo::No)
        && !loader.stateless.is(&YesNo::Yes)
        && !loader.format.is(&FirmwareFormat::Qcow2);
    let template = loader.path.as_ref().filter(|_| may).and_then(|path| facts.nvram_template(path));
    loader.format.get_or_insert(Spanned::rule(FirmwareFormat::Raw, &RAW, origin));
    if let Some(template) = template {
        loader.readonly.get_or_insert(Spanned::rule(YesNo::Yes, &LISTED, origin));
        let nvram = os.nvram.get_or_insert_default();
        nvram.template.get_or_insert_with(|| Spanned::rule(template, &LISTED, origin));
        nvram.template_format.get_or_insert(Spanned::rule(FirmwareFormat::Raw, &RAW, origin));
    }
}

/// The path and format of the variable store (`qemuFirmwareEnsureNVRAM`).
fn variables(domain: &mut Domain, facts: Facts<'_>) {
    let (name, origin) = (domain.name().to_owned(), domain.origin);
    let os = &mut domain.os;
    let Some(loader) = os.loader.as_ref().filter(|l| l.is_flash()) else { return };
    if !loader.readonly.is(&YesNo::Yes) || loader.stateless.is(&YesNo::Yes) {
        return;
    }
    let nvram = os.nvram.get_or_insert_default();
    let image = loader.format.get().unwrap_or(FirmwareFormat::Raw);
    if nvram.has_source() || !nvram.is_local() {
        nvram.format.get_or_insert(Spanned::rule(image, &SAME, origin));
    } else {
        let format = nvram.template_format.get().unwrap_or(image);
        if !nvram.format.is(&format) {
            nvram.format = Some(Spanned::rule(format, &SAME, origin));
        }
        let extension = if format == FirmwareFormat::Qcow2 { "qcow2" } else { "fd" };
        let path = format!("{}/{name}_VARS.{extension}", facts.nvram_dir());
        nvram.path = Some(Spanned::rule(path, &NVRAM, origin));
    }
}
