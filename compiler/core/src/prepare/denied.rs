//! What a definition uses although its `<qemu:capabilities>` removes the capability for it.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{OptExt, Origin};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::elements::backing::SourceType;
use crate::model::elements::clock::{TickPolicy, TimerName};
use crate::model::elements::cpu::CpuMode;

/// The place where a definition needs a capability, if it does.
type Asked = fn(&Domain) -> Option<Origin>;

/// The capabilities, other than those of devices, without which a definition is refused, each with the place that needs
/// it. What needs the others is left out of the command line (`qemuValidateDomainDef…` in libvirt's
/// `src/qemu/qemu_validate.c`).
const ASKED: [(&str, Asked); 16] = [
    ("machine-vmport-opt", |d| d.features.vmport.map(|v| v.origin)),
    ("i8042", |d| {
        d.features.ps2.map(|v| v.origin).or(d.os.machine.as_ref().filter(|_| d.os.has_ps2()).map(|m| m.origin))
    }),
    ("machine-i8042-opt", |d| d.features.ps2.map(|v| v.origin)),
    ("run-with.async-teardown", |d| d.features.async_teardown.filter(|v| v.is_yes()).map(|v| v.origin)),
    ("memory-backend-memfd", |d| memfd(d)),
    ("memory-backend-memfd.hugetlb", |d| memfd(d).filter(|_| d.backing.hugepages.is_some())),
    ("cpu.migratable", |d| {
        let cpu = d.cpu.as_ref().filter(|cpu| cpu.mode.is(&CpuMode::HostPassthrough))?;
        cpu.migratable.filter(|m| m.is_on()).map(|_| cpu.mode.origin_or(cpu.origin))
    }),
    ("cpu-max", |d| d.cpu.as_ref()?.mode.filter(|m| m.value == CpuMode::Maximum).map(|m| m.origin)),
    ("numa.hmat", |d| d.numa().filter(|numa| numa.has_hmat()).and(d.cpu.as_ref()).map(|cpu| cpu.origin)),
    ("smp-dies", |d| d.cpu.as_ref()?.topology.as_ref().filter(|t| t.dies > 1).map(|t| t.origin)),
    ("smp-clusters", |d| d.cpu.as_ref()?.topology.as_ref().filter(|t| t.clusters > 1).map(|t| t.origin)),
    ("iothread.thread-pool-max", |d| d.iothreads.pools()),
    ("kvm-pit-lost-tick-policy", |d| {
        let pit = d.clock.timers.iter().find(|t| t.name.value == TimerName::Pit)?;
        pit.policy.filter(|policy| policy.value == TickPolicy::Catchup).map(|policy| policy.origin)
    }),
    ("kvm", |d| d.general.kind.filter(|_| d.general.is_kvm()).map(|kind| kind.origin)),
    ("machine-hpet", |_| None),
    ("seccomp-sandbox", |_| None),
];

fn memfd(domain: &Domain) -> Option<Origin> {
    domain.backing.source.filter(|source| source.value == SourceType::Memfd).map(|source| source.origin)
}

/// Reports what needs a capability that is removed.
pub fn check(cx: &EmitContext<'_>) {
    for (name, asked) in ASKED.iter().filter(|(name, _)| cx.changes.lacks(name)) {
        if let Some(origin) = asked(cx.domain) {
            let fault = Diagnostic::at(
                &codes::UNSUPPORTED_CONFIGURATION,
                origin,
                format!("this needs capability `{name}`, which `<qemu:capabilities>` removes"),
            );
            cx.report(fault.help("remove the `<qemu:del>`"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ASKED;
    use crate::model::elements::trial::trial_of;
    use crate::target::ability;

    #[test]
    fn the_names_are_those_that_are_looked_up() {
        assert_eq!(ASKED.map(|(name, _)| name), ability::ASKED);
    }

    fn faults(name: &str, parts: &str) -> Vec<String> {
        trial_of(name, parts).faults
    }

    #[test]
    fn what_is_taken_away_is_not_there() {
        let fault = |name: &str| vec![format!("this needs capability `{name}`, which `<qemu:capabilities>` removes")];
        for (name, parts) in [
            ("machine-vmport-opt", "<features><vmport state='off'/></features>"),
            ("smp-dies", "<vcpu>2</vcpu><cpu><topology sockets='1' dies='2' cores='1' threads='1'/></cpu>"),
            ("iothread.thread-pool-max", "<defaultiothread thread_pool_max='5'/>"),
            ("run-with.async-teardown", "<features><async-teardown enabled='yes'/></features>"),
        ] {
            assert_eq!(faults(name, parts), fault(name), "{parts}");
            assert_eq!(faults(name, ""), Vec::<String>::new());
        }
    }

    #[test]
    fn what_is_taken_away_is_left_out() {
        let line = |name: &str, parts: &str| trial_of(name, parts).argv.join(" ");
        let topology = "<vcpu>2</vcpu><cpu><topology sockets='1' cores='2' threads='1'/></cpu>";
        assert!(line("smp-dies", topology).contains("-smp 2,sockets=1,clusters=1,cores=2,threads=1"));
        assert!(line("smp-clusters", topology).contains("-smp 2,sockets=1,dies=1,cores=2,threads=1"));
        assert!(!line("seccomp-sandbox", "").contains("-sandbox"));
        assert!(line("set-action", "<on_reboot>destroy</on_reboot>").contains("-no-reboot"));
        let hpet = line("machine-hpet", "<clock offset='utc'><timer name='hpet' present='no'/></clock>");
        assert!(hpet.contains("-no-hpet") && !hpet.contains("hpet=off"), "{hpet}");
        assert!(
            !line("run-with.async-teardown", "<features><async-teardown enabled='no'/></features>")
                .contains("-run-with")
        );
    }
}
