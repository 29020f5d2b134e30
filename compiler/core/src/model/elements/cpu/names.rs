//! The names of CPU models and features that libvirt knows (its CPU map, `src/cpu_map`).

use virtc_diag::{Diagnostic, Diagnostics, likely};

use crate::codes;
use crate::ir::Arch;
use crate::ir::Spanned;
use crate::model::EmitContext;
use crate::model::elements::cpu::Cpu;
use crate::model::elements::cpu::features::{of_qemu, qemu_name};
use crate::target::{Capabilities, Target, sorted};

/// The models of the map, and those of QEMU that it does not name. Further models of a later QEMU are in its own
/// capabilities.
const MODELS: &str = include_str!("models.txt");

/// The features.
const FEATURES: &str = include_str!("features.txt");

/// The features of CPUs of Arm.
const FEATURES_OF_ARM: &str = include_str!("features-arm.txt");

/// QEMU's CPU models that are `mode`s in libvirt.
const OF_MODES: [&str; 3] = ["base", "host", "max"];

/// Whether libvirt has another name for a feature of QEMU, or it is no CPU feature at all. Other names that only QEMU
/// has may be in a later map of libvirt's.
fn has_other_name(name: &str) -> bool {
    let spelled = qemu_name(name);
    let mut own = FEATURES.split_ascii_whitespace().filter(|known| *known != name);
    spelled.starts_with("kvm")
        || spelled.starts_with("hv-")
        || own.any(|known| qemu_name(&known.replace('.', "_")) == spelled)
}

/// Refuses a feature that neither libvirt nor the newest QEMU has a name for (`virCPUValidateFeatures` in libvirt's
/// `src/cpu/cpu.c`).
pub(super) fn check_feature(name: &Spanned<String>, arch: Arch, faults: &mut Diagnostics) {
    let is_qemus = || of_qemu(&Target::default()).is_some_and(|known| sorted::find(known, &name.value).is_some());
    let known = if arch.is_arm() { FEATURES_OF_ARM } else { FEATURES };
    let is_known = || known.split_ascii_whitespace().any(|known| known == name.value);
    // Comparing with other names is slow, and few features need it.
    if is_known() || arch.is_x86() && is_qemus() && !has_other_name(&name.value) {
        return;
    }
    let example = if arch.is_arm() { "sve256" } else { "sse4.1" };
    let message = format!("CPU feature `{}` does not exist", name.value);
    let fault = Diagnostic::at(&codes::BAD_VALUE, name.origin, message);
    let fault = fault.help(format!("use libvirt's name of the feature, such as `{example}`"));
    faults.push(fault.meant(likely(&name.value, known.split_ascii_whitespace()), name.origin.span()));
}

/// Refuses a model that neither libvirt nor this QEMU has, whatever the mode (`virCPUTranslate` in libvirt's
/// `src/cpu/cpu.c`).
pub(super) fn check_model(cpu: &Cpu, cx: &EmitContext<'_>) {
    let Some(model) = &cpu.model else { return };
    let arm = cx.domain.os.arch().is_arm();
    if arm && cx.target.caps().is_none() {
        return;
    }
    let of_qemu = |caps: &Capabilities| {
        let is_model = arm || !OF_MODES.contains(&model.value.as_str());
        is_model && caps.kvm.iter().chain(&caps.tcg).any(|cpus| cpus.models.contains_key(&model.value))
    };
    if cx.target.caps().is_some_and(of_qemu)
        || !arm && MODELS.split_ascii_whitespace().any(|known| known == model.value)
    {
        return;
    }
    let fault = Diagnostic::at(&codes::BAD_VALUE, model.origin, format!("CPU model `{}` does not exist", model.value));
    if OF_MODES.contains(&model.value.as_str()) {
        return cx.report(fault.help("use `<cpu mode='host-passthrough'/>` or `<cpu mode='maximum'/>`"));
    }
    let own: Vec<&str> = cx.target.caps().map(|caps| caps.models().collect()).unwrap_or_default();
    let listed = MODELS.split_ascii_whitespace().filter(|_| !arm);
    let meant = likely(&model.value, own.into_iter().chain(listed).filter(|known| !OF_MODES.contains(known)));
    let fault =
        fault.help("`virsh cpu-models` lists libvirt's models, and `<cpu mode='host-model'/>` takes the host's");
    cx.report(fault.meant(meant, model.origin.span()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::elements::trial::trial;

    fn faults(cpu: &str) -> Vec<String> {
        trial(&format!("<memory>1024</memory><vcpu>1</vcpu>{cpu}"), "", &[]).faults
    }

    #[test]
    fn names_are_libvirts() {
        let feature =
            |name: &str| faults(&format!("<cpu><model>Haswell</model><feature policy='disable' name='{name}'/></cpu>"));
        assert_eq!(feature("sse4.1"), Vec::<String>::new());
        assert_eq!(feature("x.y"), ["CPU feature `x.y` does not exist"]);
        assert_eq!(faults("<cpu><model>YongFeng</model></cpu>"), Vec::<String>::new());
        assert!(
            faults("<cpu><model>cortex-a15</model></cpu>")
                .contains(&"CPU model `cortex-a15` does not exist".to_owned())
        );
        let host_model = "<cpu mode='host-model'><model>nothing</model></cpu>";
        assert!(faults(host_model).contains(&"CPU model `nothing` does not exist".to_owned()));
    }

    #[test]
    fn lists_are_sorted_and_without_repetition() {
        for list in [MODELS, FEATURES, FEATURES_OF_ARM] {
            let words: Vec<&str> = list.split_ascii_whitespace().collect();
            assert!(words.len() > 10 && words.is_sorted_by(|a, b| a < b));
        }
    }
}
