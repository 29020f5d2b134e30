//! `<timer>` of `<clock>`.

use virtc_diag::Diagnostics;

use crate::codes::Report as _;
use crate::ir::{Leaf, Opt, OptExt, Origin, Spanned, YesNo, words};
use crate::model::elements::os::{MachineFamily, Os};
use crate::qemu::Opts;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// A timer of the guest.
    pub enum TimerName { Platform = "platform", Armvtimer = "armvtimer", Rtc = "rtc", Pit = "pit", Hpet = "hpet", Tsc = "tsc", Kvmclock = "kvmclock", Hypervclock = "hypervclock" }
}

words! {
    /// What happens to ticks that the guest missed (`tickpolicy`).
    pub enum TickPolicy { Delay = "delay", Catchup = "catchup", Merge = "merge", Discard = "discard" }
}

words! {
    /// What a timer tracks.
    pub enum Track { Boot = "boot", Guest = "guest", Wall = "wall", Realtime = "realtime" }
}

words! {
    /// How the guest's time stamp counter (TSC) works; Xen only.
    pub enum TscMode { Auto = "auto", Native = "native", Emulate = "emulate", Paravirt = "paravirt", Smpsafe = "smpsafe" }
}

/// `<timer>`.
#[derive(Debug, Clone)]
pub struct Timer {
    /// Which one.
    pub name: Spanned<TimerName>,
    /// Whether the guest has it.
    pub present: Opt<YesNo>,
    /// What it tracks.
    pub track: Opt<Track>,
    /// What happens to missed ticks.
    pub policy: Opt<TickPolicy>,
    /// The frequency of the TSC, in Hz, above 0.
    pub frequency: Opt<u64>,
    /// How the TSC works; Xen only.
    pub mode: Opt<TscMode>,
    /// `<catchup>`: `threshold`, `slew` and `limit`, each above 0; kept, without effect in QEMU.
    pub catchup: Option<[Opt<u32>; 3]>,
}

impl Timer {
    /// Reads `<timer>`.
    pub(super) fn lower(t: &Fields<'_, '_>) -> Option<Self> {
        // 0 is the same as absent.
        let some = |c: &Fields<'_, '_>, name: &str| c.attr(name).filter(|n: &Spanned<u32>| n.value > 0);
        let catchup = t.child("catchup").map(|c| ["threshold", "slew", "limit"].map(|name| some(&c, name)));
        let catchup = catchup.filter(|c| c.iter().any(Option::is_some));
        let (present, track, policy) = (t.attr("present"), t.attr("track"), t.attr("tickpolicy"));
        let (frequency, mode) = (t.attr("frequency").filter(|f: &Spanned<u64>| f.value > 0), t.attr("mode"));
        Some(Self { name: t.attr("name")?, present, track, policy, frequency, mode, catchup })
    }

    /// What QEMU cannot do (`qemuValidateDomainDefClockTimers` in libvirt's `src/qemu/qemu_validate.c`).
    pub(super) fn check(&self, os: &Os, kvm: bool, faults: &mut Diagnostics) {
        if let Some((origin, message)) = self.fault(os, kvm) {
            faults.refuse(origin, message);
        }
    }

    fn fault(&self, os: &Os, kvm: bool) -> Option<(Origin, String)> {
        let name = self.name.word();
        let policy = |unsupported: &[TickPolicy]| {
            let policy = self.policy.filter(|p| unsupported.contains(&p.value))?;
            Some((policy.origin, format!("timer `{name}` does not support `tickpolicy='{}'`", policy.word())))
        };
        match self.name.value {
            TimerName::Armvtimer if os.family() == MachineFamily::ArmVirt => {
                let absent = self.present.filter(|present| !present.is_yes());
                if !kvm {
                    return Some((self.name.origin, format!("timer `{name}` needs KVM")));
                }
                absent
                    .map(|present| (present.origin, format!("timer `{name}` cannot be disabled")))
                    .or_else(|| policy(&[TickPolicy::Catchup, TickPolicy::Merge]))
            }
            TimerName::Platform | TimerName::Armvtimer => {
                let machine = if os.arch().is_x86() { "x86" } else { "this machine type" };
                Some((self.name.origin, format!("timer `{name}` is not supported on {machine}")))
            }
            TimerName::Hpet | TimerName::Tsc | TimerName::Kvmclock | TimerName::Hypervclock
                if os.arch().is_arm() && self.present.is(&YesNo::Yes) =>
            {
                Some((self.name.origin, format!("timer `{name}` is supported on x86 only")))
            }
            TimerName::Rtc => {
                let boot = self.track.filter(|t| t.value == Track::Boot);
                boot.map(|t| (t.origin, "timer `rtc` does not support `track='boot'`".to_owned()))
                    .or_else(|| policy(&[TickPolicy::Merge, TickPolicy::Discard]))
            }
            TimerName::Pit if os.arch().is_arm() => policy(&[TickPolicy::Merge, TickPolicy::Catchup]),
            TimerName::Pit => policy(&[TickPolicy::Merge]),
            TimerName::Hpet | TimerName::Tsc | TimerName::Kvmclock | TimerName::Hypervclock => None,
        }
    }

    /// The timer's flags of `-cpu`.
    pub(super) fn cpu_opts(&self, opts: Opts) -> Opts {
        match (self.name.value, self.present.get()) {
            (TimerName::Kvmclock, Some(present)) => opts.switch("kvmclock", present.is_yes()),
            (TimerName::Armvtimer, _) => match self.policy {
                // Virtual time goes on while the VM is stopped, unless missed ticks are delivered.
                Some(policy) => opts.switch("kvm-no-adjvtime", policy.value == TickPolicy::Discard),
                None => opts,
            },
            (TimerName::Hypervclock, Some(YesNo::Yes)) => opts.switch("hv-time", true),
            (TimerName::Tsc, _) => opts.opt("tsc-frequency", self.frequency.map(|f| f.show())),
            (
                TimerName::Kvmclock
                | TimerName::Hypervclock
                | TimerName::Platform
                | TimerName::Rtc
                | TimerName::Pit
                | TimerName::Hpet,
                _,
            ) => opts,
        }
    }

    /// Writes `<timer>`.
    pub(super) fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("timer").attr("name", self.name.word()).opt("present", &self.present);
        let tag = tag.opt("tickpolicy", &self.policy).opt("track", &self.track);
        tag.opt("frequency", &self.frequency).opt("mode", &self.mode).children(|w| {
            if let Some([threshold, slew, limit]) = &self.catchup {
                w.tag("catchup").opt("threshold", threshold).opt("slew", slew).opt("limit", limit).end();
            }
        });
    }
}
