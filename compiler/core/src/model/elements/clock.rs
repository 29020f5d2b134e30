//! `<clock>`.

mod timer;

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes::{self, Report as _};
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, YesNo, words};
use crate::model::Element;
use crate::model::EmitContext;
use crate::model::elements::lifecycle::Action;
use crate::model::elements::os::Os;
use crate::qemu::{ArgSection, Opts, QemuOptions, RequirementsOf, rules};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

pub use timer::{TickPolicy, Timer, TimerName, Track, TscMode};

words! {
    /// What the guest's clock is set from.
    pub enum Offset { Utc = "utc", Localtime = "localtime", Timezone = "timezone", Variable = "variable", Absolute = "absolute" }
}

words! {
    /// What an adjustment is relative to.
    pub enum Basis { Utc = "utc", Localtime = "localtime" }
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
    /// Seconds, for `variable`; `reset` for the other offsets.
    pub adjustment: Opt<String>,
    /// What the adjustment is relative to.
    pub basis: Opt<Basis>,
    /// The timers.
    pub timers: Vec<Timer>,
}

/// The end of the year 9999, in seconds since the epoch.
const LAST_SECOND: u64 = 253_402_300_799;

static UTC: DefaultRule = DefaultRule { name: "clock-utc", text: "without `<clock>` the guest's clock is set to UTC" };

impl Clock {
    /// Fills in what is absent, and says what cannot be compiled.
    pub fn define(&mut self, origin: Origin, os: &Os, kvm: bool, faults: &mut Diagnostics) {
        let offset = *self.offset.get_or_insert(Spanned::rule(Offset::Utc, &UTC, origin));
        // An adjustment in seconds makes the offset `variable`.
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
            // libvirt reads an adjustment that it cannot parse as 0.
            faults.add(
                &codes::WITHOUT_EFFECT,
                adjustment.origin,
                "the adjustment is not a number of seconds and is read as 0",
            );
            "0".clone_into(&mut adjustment.value);
        }
        if let Some(adjustment) = &mut self.adjustment
            && let Ok(seconds) = adjustment.parse::<i64>()
        {
            adjustment.value = seconds.to_string();
        }
        if offset.value == Offset::Timezone && self.timezone.is_none() {
            faults.add(&codes::MISSING, offset.origin, "`offset='timezone'` needs the attribute `timezone`");
        }
        if let Some(start) = self.start.filter(|s| s.value > LAST_SECOND) {
            faults.refuse(start.origin, "the start of the clock is after the year 9999");
        }
        self.timers.iter().for_each(|timer| timer.check(os, kvm, faults));
    }

    fn timer(&self, name: TimerName) -> Option<&Timer> {
        self.timers.iter().find(|t| t.name.value == name)
    }

    /// Whether the guest has an HPET; `None` where the definition does not say.
    pub fn hpet(&self) -> Option<bool> {
        Some(self.timer(TimerName::Hpet)?.present.as_ref()?.is_yes())
    }

    /// The timers' flags of `-cpu`.
    pub fn cpu_opts(&self, opts: Opts) -> Opts {
        self.timers.iter().fold(opts, |opts, timer| timer.cpu_opts(opts))
    }

    /// The time at the start with the adjustment, in ISO 8601; empty where it is not known.
    fn adjusted(&self, cx: &EmitContext<'_>, origin: Origin) -> String {
        let Some((now, zone)) = cx.facts.now() else {
            let fault = Diagnostic::at(
                &codes::HOST_FACT_NEEDED,
                origin,
                "`offset='variable'` is relative to the host's time, which is not in a host file",
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
}

impl Element for Clock {
    /// Reads `<clock>` from `<domain>`.
    fn lower(domain: &Fields<'_, '_>) -> Self {
        let Some(f) = domain.child("clock") else { return Self::default() };
        Self {
            offset: f.attr("offset"),
            timezone: f.attr("timezone"),
            start: f.attr("start"),
            adjustment: f.attr("adjustment"),
            basis: f.attr("basis"),
            timers: f.children("timer").iter().filter_map(Timer::lower).collect(),
        }
    }

    /// Writes `<clock>`.
    fn write(&self, w: &mut XmlWriter) {
        let tag =
            w.tag("clock").opt("offset", &self.offset).opt("adjustment", &self.adjustment).opt("basis", &self.basis);
        tag.opt("timezone", &self.timezone).opt("start", &self.start).children(|w| {
            self.timers.iter().for_each(|timer| timer.write(w));
        });
    }

    /// `-rtc` and the globals of timers.
    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
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
        // Older QEMU versions have an option in place of the property of the machine type.
        if let Some(hpet) = self.timer(TimerName::Hpet).filter(|_| cx.changes.lacks("machine-hpet"))
            && hpet.present.is(&YesNo::No)
        {
            out.flag(ArgSection::Clock, "no-hpet", hpet.name.origin);
        }
        if let Some(pit) = self.timer(TimerName::Pit).filter(|_| cx.domain.os.arch().is_x86()) {
            // Without a policy libvirt asks for `delay`, as QEMU's own PIT does it: that of KVM does otherwise.
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
                out.flag(ArgSection::Lifecycle, "no-shutdown", cx.domain.origin.with_rule(&rules::NO_SHUTDOWN));
            }
        }
    }

    /// What the runtime cannot do yet.
    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        if let Some(offset) = self.offset.filter(|o| o.value == Offset::Variable) {
            out.refuse("`<clock offset='variable'>`", offset.origin);
        }
        if let Some(zone) = self.timezone.as_ref().filter(|_| self.offset.is(&Offset::Timezone)) {
            out.env("TZ", zone);
        }
    }
}

/// Seconds since the epoch as `YYYY-MM-DDTHH:MM:SS` in UTC; empty after the year 9999.
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
