//! `-cpu`.

use virtc_diag::Diagnostic;
use virtc_inventory::HostModel;

use super::{Cpu, CpuMode, FeaturePolicy, features, names};
use crate::codes;
use crate::ir::OptExt;
use crate::model::EmitContext;
use crate::model::devices::panic::Panic;
use crate::qemu::{ArgSection, Opts, QemuOptions};

impl Cpu {
    /// `-cpu`.
    pub(super) fn options_of(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let host = self.host_model(cx);
        names::check_model(self, cx);
        if self.mode.is_none() && self.model.is_none() {
            return self.no_model(cx);
        }
        let model = match (self.mode.get(), host) {
            (Some(CpuMode::HostPassthrough), _) => "host",
            (Some(CpuMode::Maximum), _) => "max",
            (Some(CpuMode::HostModel), Some(host)) => &host.model,
            (Some(CpuMode::Custom | CpuMode::HostModel) | None, _) => {
                self.model.as_ref().map_or("qemu64", |m| &m.value)
            }
        };
        let mut opts = Opts::first(model);
        let emulator = cx.domain.emulator.as_ref().map_or("", |e| e.value.as_str());
        if model == "host" && cx.domain.os.runs_32_bit_on_64_bit(emulator) {
            opts = opts.switch("aarch64", false);
        }
        // `qemu-system-i386` has no `migratable` (`QEMU_CAPS_CPU_MIGRATABLE` in libvirt's
        // `src/qemu/qemu_capabilities.c`).
        let tells = !cx.domain.has_32_bits() && !cx.changes.lacks("cpu.migratable");
        if let Some(migratable) = self.migratable.filter(|_| tells) {
            opts = opts.switch("migratable", migratable.is_on());
        }
        opts = opts.opt("vendor", self.vendor_id.as_ref().map(|v| &v.value));
        let known = features::of_qemu(&cx.target);
        for (name, on) in self.flags(host) {
            opts = features::option(opts, name, on, known);
        }
        opts = cx.domain.clock.cpu_opts(opts);
        opts = cx.domain.features.cpu_opts(cx.domain.devices.panics.iter().any(Panic::is_hyperv), opts);
        opts = self.physical.cpu_opts(self.mode.get(), opts);
        out.opts(ArgSection::Cpu, "cpu", opts, self.model.origin_or(self.mode.origin_or(self.origin)));
    }

    /// QEMU chooses the model, so that flags have no `-cpu` to be in.
    fn no_model(&self, cx: &EmitContext<'_>) {
        let opts = cx.domain.features.cpu_opts(false, cx.domain.clock.cpu_opts(Opts::new()));
        if opts.iter().next().is_some() {
            let message = "these timers and features are flags of a CPU model, and `<cpu>` has no model";
            cx.report(
                Diagnostic::at(&codes::MISSING, self.origin, message).help("add `<cpu mode='host-passthrough'/>`"),
            );
        }
    }

    /// The CPU model and features that `host-model` means; only the host knows them.
    fn host_model<'m>(&self, cx: &EmitContext<'m>) -> Option<&'m HostModel> {
        let mode = self.mode.filter(|mode| mode.value == CpuMode::HostModel)?;
        let model = cx.facts.host_model(cx.domain.general.is_kvm());
        if model.is_none() {
            let message = "the CPU of `mode='host-model'` depends on the host, and no host file describes it";
            let help = "give a host file with `--host FILE` that has it under `resources`, name a `<model>`, or use \
                `mode='host-passthrough'`";
            cx.report(Diagnostic::at(&codes::HOST_FACT_NEEDED, mode.origin, message).help(help));
        }
        model
    }

    /// The features to switch on or off in addition to the model: those of the host's model as the definition changes
    /// them, then the definition's own.
    fn flags<'c>(&'c self, host: Option<&'c HostModel>) -> Vec<(&'c str, bool)> {
        let mut out: Vec<(&str, bool)> =
            host.iter().flat_map(|h| &h.features).map(|(name, on)| (name.as_str(), *on)).collect();
        for feature in &self.features {
            let (Some(name), Some(policy)) = (&feature.name, feature.policy) else { continue };
            let on = match policy.value {
                FeaturePolicy::Force | FeaturePolicy::Require => true,
                FeaturePolicy::Disable | FeaturePolicy::Forbid => false,
                FeaturePolicy::Optional => continue,
            };
            match out.iter_mut().find(|(known, _)| *known == name.value) {
                Some((_, known)) => *known = on,
                None => out.push((&name.value, on)),
            }
        }
        let model = self.model.as_ref().filter(|_| self.mode.is(&CpuMode::Custom));
        for name in model.map_or(&[][..], |model| features::removed(&model.value)) {
            let is_given = self.features.iter().any(|f| f.name.as_ref().is_some_and(|n| n.value == *name));
            if !is_given {
                out.push((name, false));
            }
        }
        out
    }
}
