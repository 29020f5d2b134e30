//! Arm's Scalable Vector Extension (SVE): a CPU with a vector length feature has SVE.

use virtc_diag::Diagnostics;

use crate::codes::Report as _;
use crate::ir::{DefaultRule, Spanned};
use crate::model::elements::cpu::{Cpu, Feature, FeaturePolicy};

static SVE: DefaultRule = DefaultRule {
    name: "sve",
    text: "a CPU with an SVE vector length feature, such as `sve256`, has the feature `sve`",
};

/// Adds the feature `sve` (`qemuDomainDefCPUPostParse` in libvirt's `src/qemu/qemu_postparse.c`).
pub(super) fn define(cpu: &mut Cpu, faults: &mut Diagnostics) {
    let is_length = |f: &Feature| f.name.as_ref().is_some_and(|n| n.value.starts_with("sve") && n.value != "sve");
    if !cpu.features.iter().any(is_length) {
        return;
    }
    let origin = cpu.origin;
    let required = Some(Spanned::rule(FeaturePolicy::Require, &SVE, origin));
    let own = cpu.features.iter_mut().find(|f| f.name.as_ref().is_some_and(|n| n.value == "sve"));
    match own {
        Some(Feature { policy: Some(policy), .. })
            if matches!(policy.value, FeaturePolicy::Disable | FeaturePolicy::Forbid) =>
        {
            faults.conflict(policy.origin, "feature `sve` is disabled, but a vector length of SVE is required");
        }
        Some(own) => own.policy = required,
        None => {
            let name = Some(Spanned::rule("sve".to_owned(), &SVE, origin));
            cpu.features.push(Feature { name, policy: required });
        }
    }
}
