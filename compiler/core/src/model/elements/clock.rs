//! `<clock>` and its timers.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes::{self, Report as _};
use crate::ir::{DefaultRule, Leaf, Opt, OptExt, Origin, Spanned, YesNo, words};
use crate::model::EmitContext;
use crate::model::elements::lifecycle::Action;
use crate::model::elements::os::{MachineFamily, Os};
use crate::qemu::{ArgSection, HostRequirements, Opts, QemuOptions, rules};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// What the guest's clock is set from.
    pub enum Offset { Utc = "utc", Localtime = "localtime", Timezone = "timezone", Variable = "variable", Absolute = "absolute" }
}

words! {
    /// What an adjustment counts from.
    pub enum Basis { Utc = "utc", Localtime = "localtime" }
}

words! {
    /// A timer of the guest.
    pub enum TimerName { Platform = "platform", Armvtimer = "armvtimer", Rtc = "rtc", Pit = "pit", Hpet = "hpet", Tsc = "tsc", Kvmclock = "kvmclock", Hypervclock = "hypervclock" }
}

words! {
    /// What happens to ticks that the guest missed.
    pub enum TickPolicy { Delay = "delay", Catchup = "catchup", Merge = "merge", Discard = "discard" }
}

words! {
    /// What a timer runs from.
    pub enum Track { Boot = "boot", Guest = "guest", Wall = "wall", Realtime = "realtime" }
}

words! {
    /// How the guest's time stamp counter is made; Xen only.
    pub enum TscMode { Auto = "auto", Native = "native", Emulate = "emulate", Paravirt = "paravirt", Smpsafe = "smpsafe" }
}

/// `<timer>`.
#[derive(Debug, Clone)]
pub struct Timer {
    /// Which one.
    pub name: Spanned<TimerName>,
    /// Whether the guest has it.
    pub present: Opt<YesNo>,
    /// What it runs from.
    pub track: Opt<Track>,
    /// What happens to missed ticks.
    pub policy: Opt<TickPolicy>,
    /// The frequency of the time stamp counter, in Hz.
    pub frequency: Opt<u64>,
    /// How the time stamp counter is made.
    pub mode: Opt<TscMode>,
    /// `<catchup>`: threshold, slew, limit.
    pub catchup: Option<[Opt<u32>; 3]>,
}

/// `<clock>`.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// What the clock is set from.
    pub offset: Opt<Offset>,
    /// A name from the time zone database.
    pub timezone: Opt<String>,
    /// Seconds since the epoch, for `absolute`.
    pub start: Opt<u64>,
    /// Seconds, for `variable`; `reset` in the other offsets.
    pub adjustment: Opt<String>,
    /// What the adjustment counts from.
    pub basis: Opt<Basis>,
    /// The timers.
    pub timers: Vec<Timer>,
}

impl Timer {
    /// What QEMU cannot do (`qemuValidateDomainDefClockTimers` in libvirt's `src/qemu/qemu_validate.c`).
    fn fault(&self, os: &Os, kvm: bool) -> Option<(Origin, &'static str)> {
        let policy = |unfit: &[TickPolicy]| self.policy.filter(|p| unfit.contains(&p.value)).map(|p| p.origin);
        let tick = "QEMU does not treat missed ticks of this timer so";
        match self.name.value {
            TimerName::Armvtimer if os.family() == MachineFamily::ArmVirt => self.fault_of_arm(kvm),
            TimerName::Platform | TimerName::Armvtimer => {
                let x86 = os.arch().is_x86();
                let message =
                    if x86 { "an x86 machine has no such timer" } else { "this machine type has no such timer" };
                Some((self.name.origin, message))
            }
            TimerName::Hpet | TimerName::Tsc | TimerName::Kvmclock | TimerName::Hypervclock
                if os.arch().is_arm() && self.present.is(&YesNo::Yes) =>
            {
                Some((self.name.origin, "only x86 machines have this timer"))
            }
            TimerName::Rtc => {
                let boot = self.track.filter(|t| t.value == Track::Boot);
                let boot = boot.map(|t| (t.origin, "QEMU does not count from the boot of the guest"));
                boot.or(policy(&[TickPolicy::Merge, TickPolicy::Discard]).map(|origin| (origin, tick)))
            }
            TimerName::Pit if os.arch().is_arm() => {
                policy(&[TickPolicy::Merge, TickPolicy::Catchup]).map(|origin| (origin, tick))
            }
            TimerName::Pit => policy(&[TickPolicy::Merge]).map(|origin| (origin, tick)),
            TimerName::Hpet | TimerName::Tsc | TimerName::Kvmclock | TimerName::Hypervclock => None,
        }
    }

    /// The virtual timer of Arm: KVM has it always, and ticks that were missed are delivered or dropped.
    fn fault_of_arm(&self, kvm: bool) -> Option<(Origin, &'static str)> {
        if !kvm {
            return Some((self.name.origin, "only KVM has settings of the virtual timer"));
        }
        if let Some(present) = self.present.filter(|p| !p.is_yes()) {
            return Some((present.origin, "the virtual timer cannot be left out"));
        }
        let unfit = self.policy.filter(|p| matches!(p.value, TickPolicy::Catchup | TickPolicy::Merge))?;
        Some((unfit.origin, "the virtual timer does not treat missed ticks so"))
    }
}

/// The end of the year 9999, in seconds since the epoch.
const LAST_SECOND: u64 = 253_402_300_799;

static UTC: DefaultRule = DefaultRule { name: "clock-utc", text: "without `<clock>` the guest's clock shows UTC" };

impl Clock {
    /// Reads `<clock>` from `<domain>`.
    pub fn lower(domain: &Fields<'_, '_>) -> Self {
        let Some(f) = domain.child("clock") else { return Self::default() };
        let timers = f.children("timer").into_iter().filter_map(|t| {
            // 0 says nothing.
            let some = |c: &Fields<'_, '_>, name: &str| c.attr(name).filter(|n: &Spanned<u32>| n.value > 0);
            let catchup = t.child("catchup").map(|c| ["threshold", "slew", "limit"].map(|name| some(&c, name)));
            let catchup = catchup.filter(|c| c.iter().any(Option::is_some));
            let (present, track, policy) = (t.attr("present"), t.attr("track"), t.attr("tickpolicy"));
            let (frequency, mode) = (t.attr("frequency").filter(|f: &Spanned<u64>| f.value > 0), t.attr("mode"));
            Some(Timer { name: t.attr("name")?, present, track, policy, frequency, mode, catchup })
        });
        Self {
            offset: f.attr("offset"),
            timezone: f.attr("timezone"),
            start: f.attr("start"),
            adjustment: f.attr("adjustment"),
            basis: f.attr("basis"),
            timers: timers.collect(),
        }
    }

    /// Fills in what is absent, and says what cannot be compiled.
    pub fn define(&mut self, origin: Origin, os: &Os, kvm: bool, faults: &mut Diagnostics) {
        let offset = *self.offset.get_or_insert(Spanned::rule(Offset::Utc, &UTC, origin));
        // A number of seconds makes the offset a variable one.
        if matches!(offset.value, Offset::Utc | Offset::Localtime)
            && self.adjustment.as_ref().is_some_and(|a| a.parse::<i64>().is_ok())
        {
            let basis = if offset.value == Offset::Utc { Basis::Utc } else { Basis::Localtime };
            self.basis.get_or_insert(Spanned { value: basis, origin: offset.origin });
            self.offset = Some(Spanned { value: Offset::Variable, origin: offset.origin });
        }
        if self.offset.is(&Offset::Variable) {
            self.basis.get_or_insert(Spanned::rule(Basis::Utc, &UTC, origin));
            self.adjustment.get_or_insert(Spanned::rule("0".to_owned(), &UTC, origin));
        }
        if let Some(adjustment) =
            self.adjustment.as_mut().filter(|a| offset.value == Offset::Variable && a.parse::<i64>().is_err())
        {
            // What libvirt cannot read is 0 to it.
            faults.add(
                &codes::WITHOUT_EFFECT,
                adjustment.origin,
                "this is no number of seconds that can be counted, and stands for 0",
            );
            "0".clone_into(&mut adjustment.value);
        }
        if let Some(adjustment) = &mut self.adjustment
            && let Ok(seconds) = adjustment.parse::<i64>()
        {
            adjustment.value = seconds.to_string();
        }
        if offset.value == Offset::Timezone && self.timezone.is_none() {
            faults.add(&codes::MISSING, offset.origin, "the clock follows a time zone, and `timezone` is absent");
        }
        if let Some(start) = self.start.filter(|s| s.value > LAST_SECOND) {
            faults.refuse(start.origin, "a clock starts in the year 9999 at the latest");
        }
        for timer in &self.timers {
            if let Some((origin, message)) = timer.fault(os, kvm) {
                faults.refuse(origin, message);
            }
        }
    }

    fn timer(&self, name: TimerName) -> Option<&Timer> {
        self.timers.iter().find(|t| t.name.value == name)
    }

    /// Whether the guest has a HPET, where the definition says so.
    pub fn hpet(&self) -> Option<bool> {
        Some(self.timer(TimerName::Hpet)?.present.as_ref()?.is_yes())
    }

    /// QEMU's flags of the CPU.
    pub fn cpu_opts(&self, mut opts: Opts) -> Opts {
        for timer in &self.timers {
            match (timer.name.value, timer.present.get()) {
                (TimerName::Kvmclock, Some(present)) => opts = opts.switch("kvmclock", present.is_yes()),
                (TimerName::Armvtimer, _) => {
                    // The clock of the guest runs on while the guest does not, unless missed ticks are delivered.
                    if let Some(policy) = timer.policy {
                        opts = opts.switch("kvm-no-adjvtime", policy.value == TickPolicy::Discard);
                    }
                }
                (TimerName::Hypervclock, Some(YesNo::Yes)) => opts = opts.switch("hv-time", true),
                (TimerName::Tsc, _) => {
                    opts = opts.opt("tsc-frequency", timer.frequency.filter(|f| f.value > 0).map(|f| f.show()));
                }
                (
                    TimerName::Kvmclock
                    | TimerName::Hypervclock
                    | TimerName::Platform
                    | TimerName::Rtc
                    | TimerName::Pit
                    | TimerName::Hpet,
                    _,
                ) => {}
            }
        }
        opts
    }

    /// The time at the start, as the adjustment has it.
    fn adjusted(&self, cx: &EmitContext<'_>, origin: Origin) -> String {
        let Some((now, zone)) = cx.facts.now() else {
            let fault = Diagnostic::at(
                &codes::HOST_FACT_NEEDED,
                origin,
                "the clock is set to a distance from the time of the start, and no host file says that time",
            );
            cx.report(fault.help("set `clock` in the resources of the host file, or use `offset='utc'`"));
            return String::new();
        };
        let zone = if self.basis.is(&Basis::Localtime) { i64::from(zone) } else { 0 };
        let adjustment =
            self.adjustment.as_ref().and_then(|a| a.trim_start_matches('+').parse::<i64>().ok()).unwrap_or(0);
        let time = i64::try_from(now).ok().and_then(|now| now.checked_add(zone)?.checked_add(adjustment));
        time.and_then(|t| u64::try_from(t).ok()).map(iso_time).unwrap_or_default()
    }

    /// What the runtime cannot do yet.
    pub fn host(&self, out: &mut HostRequirements) {
        if let Some(offset) = self.offset.filter(|o| o.value == Offset::Variable) {
            out.refuse("a clock that is set from the time of the start", offset.origin);
        }
        if let Some(zone) = self.timezone.as_ref().filter(|_| self.offset.is(&Offset::Timezone)) {
            out.env("TZ", zone);
        }
    }

    /// Writes `<clock>`.
    pub fn write(&self, w: &mut XmlWriter) {
        let tag =
            w.tag("clock").opt("offset", &self.offset).opt("adjustment", &self.adjustment).opt("basis", &self.basis);
        tag.opt("timezone", &self.timezone).opt("start", &self.start).children(|w| {
            for timer in &self.timers {
                let tag = w.tag("timer").attr("name", timer.name.word()).opt("present", &timer.present);
                let tag = tag.opt("tickpolicy", &timer.policy).opt("track", &timer.track);
                tag.opt("frequency", &timer.frequency).opt("mode", &timer.mode).children(|w| {
                    if let Some([threshold, slew, limit]) = &timer.catchup {
                        w.tag("catchup").opt("threshold", threshold).opt("slew", slew).opt("limit", limit).end();
                    }
                });
            }
        });
    }

    /// `-rtc` and the globals of timers.
    pub fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let Some(offset) = self.offset else { return };
        let base = match offset.value {
            Offset::Variable => self.adjusted(cx, offset.origin),
            Offset::Utc => "utc".to_owned(),
            Offset::Localtime | Offset::Timezone => "localtime".to_owned(),
            Offset::Absolute => self.start.as_ref().map_or_else(String::new, |s| iso_time(s.value)),
        };
        let mut opts = Opts::new().with("base", base);
        if let Some(rtc) = self.timer(TimerName::Rtc) {
            match rtc.track.get() {
                Some(Track::Guest) => opts.set("clock", "vm"),
                Some(Track::Wall) => opts.set("clock", "host"),
                Some(Track::Realtime) => opts.set("clock", "rt"),
                Some(Track::Boot) | None => {}
            }
            if rtc.policy.is(&TickPolicy::Catchup) {
                opts.set("driftfix", "slew");
            }
        }
        out.opts(ArgSection::Clock, "rtc", opts, offset.origin);
        // Without the property of the machine type there is an option of QEMU's; older ones have it.
        if let Some(hpet) = self.timer(TimerName::Hpet).filter(|_| cx.changes.lacks("machine-hpet"))
            && hpet.present.is(&YesNo::No)
        {
            out.flag(ArgSection::Clock, "no-hpet", hpet.name.origin);
        }
        if let Some(pit) = self.timer(TimerName::Pit).filter(|_| cx.domain.os.arch().is_x86()) {
            // Without a policy libvirt asks for what QEMU's own timer does, since that of KVM does otherwise.
            let policy = match pit.policy.get() {
                Some(TickPolicy::Delay) | None => "delay",
                Some(TickPolicy::Discard) => "discard",
                Some(TickPolicy::Catchup | TickPolicy::Merge) => "",
            };
            if !policy.is_empty() && !cx.changes.lacks("kvm-pit-lost-tick-policy") {
                let opts = Opts::new().with("kvm-pit.lost_tick_policy", policy);
                out.opts(ArgSection::Clock, "global", opts, pit.policy.origin_or(pit.name.origin));
            }
        }
        match cx.domain.lifecycle.on_reboot.as_ref().filter(|_| cx.changes.lacks("set-action")) {
            Some(reboot) if reboot.value == Action::Destroy => {
                out.flag(ArgSection::Lifecycle, "no-reboot", reboot.origin);
            }
            Some(_) | None => {
                out.flag(ArgSection::Lifecycle, "no-shutdown", cx.domain.origin.with_rule(&rules::NO_SHUTDOWN))
            }
        }
    }
}

/// Seconds since the epoch as `YYYY-MM-DDTHH:MM:SS` in UTC; empty behind the year 9999.
fn iso_time(seconds: u64) -> String {
    let Some(t) = i64::try_from(seconds).ok().and_then(|s| time::OffsetDateTime::from_unix_timestamp(s).ok()) else {
        return String::new();
    };
    let (date, month) = (t.date(), u8::from(t.month()));
    format!("{:04}-{month:02}-{:02}T{:02}:{:02}:{:02}", date.year(), date.day(), t.hour(), t.minute(), t.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(iso_time(0), "1970-01-01T00:00:00");
        assert_eq!(iso_time(1_234_567_890), "2009-02-13T23:31:30");
        assert_eq!(iso_time(253_402_300_799), "9999-12-31T23:59:59");
        assert_eq!(iso_time(951_782_400), "2000-02-29T00:00:00");
    }
}
