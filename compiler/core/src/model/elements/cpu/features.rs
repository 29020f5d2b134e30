//! CPU features: their names in QEMU, those that QEMU never had, and those that were removed from a model.

use virtc_diag::Diagnostics;

use crate::codes::{self, Report as _};
use crate::ir::Arch;
use crate::ir::OptExt;
use crate::model::elements::cpu::{Cpu, CpuMode, names};
use crate::qemu::Opts;
use crate::target::{Capabilities, Target, sorted};

/// Features that QEMU has never had (`virQEMUCapsCPUFilterFeatures` in libvirt's `src/qemu/qemu_capabilities.c`).
const NEVER: [&str; 5] = ["cmt", "mbm_total", "mbm_local", "osxsave", "ospke"];

/// Features that were removed from a CPU model of QEMU (`removed='yes'` in libvirt's CPU map). A guest with that model
/// must not get them from a QEMU that still has them in it.
const REMOVED: [(&str, &[&str]); 16] = [
    ("Cascadelake-Server", &["mpx"]),
    ("Cascadelake-Server-noTSX", &["mpx"]),
    ("Dhyana", &["monitor"]),
    ("EPYC", &["monitor"]),
    ("EPYC-IBPB", &["monitor"]),
    ("Icelake-Client", &["intel-pt"]),
    ("Icelake-Client-noTSX", &["intel-pt"]),
    ("Icelake-Server", &["intel-pt", "mpx"]),
    ("Icelake-Server-noTSX", &["intel-pt", "mpx"]),
    ("Opteron_G3", &["monitor"]),
    ("Skylake-Client", &["mpx"]),
    ("Skylake-Client-IBRS", &["mpx"]),
    ("Skylake-Client-noTSX-IBRS", &["mpx"]),
    ("Skylake-Server", &["mpx"]),
    ("Skylake-Server-IBRS", &["mpx"]),
    ("Skylake-Server-noTSX-IBRS", &["mpx"]),
];

/// The features that were removed from `model`.
pub fn removed(model: &str) -> &'static [&'static str] {
    REMOVED.iter().find(|(name, _)| *name == model).map_or(&[], |(_, features)| features)
}

/// The properties of a CPU in this QEMU, where they are known.
pub fn of_qemu(target: &Target) -> Option<&str> {
    target.caps().and_then(|caps: &Capabilities| caps.cpu_properties.as_deref())
}

/// Adds a feature. One that QEMU does not know need not be switched off.
pub fn option(opts: Opts, name: &str, on: bool, known: Option<&str>) -> Opts {
    let feature = qemu_name(name);
    let is_unknown = known.is_some_and(|known| sorted::find(known, &feature).is_none());
    if NEVER.contains(&name) || (is_unknown && !on) { opts } else { opts.switch(&feature, on) }
}

/// QEMU's name of a CPU feature: libvirt keeps some older names, and QEMU's have dashes.
pub fn qemu_name(name: &str) -> String {
    match name {
        "pclmuldq" => "pclmulqdq".to_owned(),
        name => name.replace('_', "-"),
    }
}

/// What libvirt refuses in `<cpu>` (`virCPUDefParseXML` in its `src/conf/cpu_conf.c`).
pub fn check(cpu: &Cpu, arch: Arch, faults: &mut Diagnostics) {
    if let Some(id) = &cpu.vendor_id {
        let fault = match id.value.as_str() {
            id if id.contains(',') => Some("contains a comma"),
            id if id.len() != 12 => Some("is not 12 characters long"),
            _ => None,
        };
        if let Some(fault) = fault {
            let message = format!("`vendor_id` `{}` {fault}", id.value);
            faults.add_with(
                &codes::BAD_VALUE,
                id.origin,
                message,
                "give exactly 12 characters, such as `GenuineIntel`",
            );
        }
    }
    if let Some(deprecated) = cpu.deprecated_features {
        let message = "`deprecated_features` is supported on s390x only";
        faults.refuse_with(deprecated.origin, message, "remove `deprecated_features`");
    }
    let is_custom = matches!(cpu.mode.get(), None | Some(CpuMode::Custom));
    let is_migratable = matches!(cpu.mode.get(), Some(CpuMode::HostPassthrough | CpuMode::Maximum));
    if let Some(migratable) = cpu.migratable.filter(|_| !is_migratable) {
        faults.conflict_with(
            migratable.origin,
            "`migratable` is supported with `mode='host-passthrough'` and `mode='maximum'` only",
            "remove `migratable`",
        );
    }
    let mut seen: Vec<&str> = Vec::new();
    for name in cpu.features.iter().filter_map(|feature| feature.name.as_ref()) {
        if seen.contains(&name.value.as_str()) {
            let message = format!("CPU feature `{}` is given twice", name.value);
            faults.conflict_with(name.origin, message, "remove one of the two `<feature>` elements");
        }
        seen.push(&name.value);
        names::check_feature(name, arch, faults);
    }
    if cpu.model.as_ref().is_none_or(|model| model.origin.by_rule().is_some()) {
        let vendor = cpu.vendor.as_ref().map(|vendor| (vendor.origin, "a `<vendor>`"));
        let names = cpu.features.iter().filter_map(|f| f.name.as_ref()).filter(|_| is_custom);
        let feature = names.map(|name| (name.origin, "a `<feature>`")).next();
        if let Some((origin, what)) = vendor.or(feature) {
            faults.add_with(
                &codes::MISSING,
                origin,
                format!("`<cpu>` has {what} but no `<model>`"),
                "add `<model>…</model>`",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::elements::trial::trial;

    fn cpu(element: &str) -> (Vec<String>, Vec<String>) {
        let trial = trial(&format!("<memory>1048576</memory><vcpu>1</vcpu>{element}"), "", &["-cpu"]);
        (trial.argv, trial.faults)
    }

    fn line(element: &str) -> String {
        let (argv, faults) = cpu(element);
        assert!(faults.is_empty(), "{faults:?}");
        argv.join(" ")
    }

    #[test]
    fn what_a_model_has_lost_is_switched_off() {
        let model = |features: &str| format!("<cpu mode='custom'><model>Icelake-Server</model>{features}</cpu>");
        assert_eq!(line(&model("")), "-cpu Icelake-Server,intel-pt=off,mpx=off");
        assert_eq!(line(&model("<feature policy='require' name='mpx'/>")), "-cpu Icelake-Server,mpx=on,intel-pt=off");
        assert_eq!(line("<cpu><model>Haswell</model></cpu>"), "-cpu Haswell");
    }

    #[test]
    fn what_qemu_does_not_know_is_not_switched_off() {
        let model = |features: &str| format!("<cpu><model>Haswell</model>{features}</cpu>");
        assert_eq!(line(&model("<feature policy='disable' name='pconfig'/>")), "-cpu Haswell");
        assert_eq!(line(&model("<feature policy='require' name='osxsave'/>")), "-cpu Haswell");
        assert_eq!(line(&model("<feature policy='forbid' name='pclmuldq'/>")), "-cpu Haswell,pclmulqdq=off");
        let (_, faults) = cpu(&model("<feature policy='require' name='pconfig'/>"));
        assert_eq!(faults, ["no QEMU version known to virtc has a property `pconfig` of a CPU"]);
    }

    #[test]
    fn a_vendor_has_twelve_characters() {
        let vendor = |id: &str| format!("<cpu><model vendor_id='{id}'>Haswell</model></cpu>");
        assert_eq!(line(&vendor("Libvirt QEMU")), "-cpu Haswell,vendor=Libvirt QEMU");
        assert_eq!(cpu(&vendor("short")).1, ["`vendor_id` `short` is not 12 characters long"]);
        assert_eq!(cpu(&vendor("twelve,chars")).1, ["`vendor_id` `twelve,chars` contains a comma"]);
    }

    #[test]
    fn contradictions_are_refused() {
        for (element, fault) in [
            (
                "<cpu><model>Haswell</model><feature name='vmx'/><feature name='vmx'/></cpu>",
                "CPU feature `vmx` is given twice",
            ),
            ("<cpu><feature name='vmx'/></cpu>", "`<cpu>` has a `<feature>` but no `<model>`"),
            ("<cpu><vendor>Intel</vendor></cpu>", "`<cpu>` has a `<vendor>` but no `<model>`"),
            (
                "<cpu mode='custom' migratable='on'><model>Haswell</model></cpu>",
                "`migratable` is supported with `mode='host-passthrough'` and `mode='maximum'` only",
            ),
        ] {
            let (_, faults) = cpu(element);
            assert!(faults.iter().any(|f| f == fault), "{element}: {faults:?}");
        }
    }
}
