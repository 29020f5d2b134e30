//! `<clock>` and its timers.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::emit::{Cx, Items, Opts, Section, rules};
use crate::ir::{Opt, OptExt, Origin, Rule, Spanned, YesNo, words};
use crate::lower::Fields;
use crate::write::XmlWriter;

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
    pub enum TimerName { Rtc = "rtc", Pit = "pit", Hpet = "hpet", Tsc = "tsc", Kvmclock = "kvmclock", Hypervclock = "hypervclock" }
}

words! {
    /// What happens to ticks that the guest missed.
    pub enum TickPolicy { Delay = "delay", Catchup = "catchup", Merge = "merge", Discard = "discard" }
}

words! {
    /// What a timer runs from.
    pub enum Track { Guest = "guest", Wall = "wall", Realtime = "realtime" }
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

static UTC: Rule = Rule { name: "clock-utc", text: "without `<clock>` the guest's clock shows UTC" };

impl Clock {
    /// Reads `<clock>` from `<domain>`.
    pub fn lower(domain: &Fields<'_, '_>) -> Self {
        let Some(f) = domain.child("clock") else { return Self::default() };
        let timers = f.children("timer").into_iter().filter_map(|t| {
            let catchup = t.child("catchup").map(|c| [c.attr("threshold"), c.attr("slew"), c.attr("limit")]);
            let (present, track, policy) = (t.attr("present"), t.attr("track"), t.attr("tickpolicy"));
            Some(Timer { name: t.attr("name")?, present, track, policy, catchup })
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
    pub fn define(&mut self, report: &mut dyn FnMut(Diagnostic)) {
        let offset = *self.offset.get_or_insert(Spanned::rule(Offset::Utc, &UTC));
        if offset.value == Offset::Variable {
            let message = "a variable clock offset is not supported yet: it depends on the time of the start";
            report(Diagnostic::new(&codes::NOT_YET_SUPPORTED, offset.origin.span().unwrap_or_default(), message));
        }
        for timer in &self.timers {
            let unsupported = match timer.name.value {
                TimerName::Tsc | TimerName::Hypervclock => true,
                TimerName::Rtc => timer.present.is(&YesNo::No),
                TimerName::Pit => timer.policy.is(&TickPolicy::Merge),
                TimerName::Hpet | TimerName::Kvmclock => false,
            };
            if let (true, Some(span)) = (unsupported, timer.name.origin.span()) {
                let message = format!("these settings of timer `{}` are not supported yet", timer.name.word());
                report(Diagnostic::new(&codes::NOT_YET_SUPPORTED, span, message));
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

    /// The CPU flags that timers ask for.
    pub fn cpu_flags(&self) -> Vec<(&'static str, bool)> {
        let kvmclock = self.timer(TimerName::Kvmclock).and_then(|t| t.present.as_ref());
        kvmclock.map(|present| ("kvmclock", present.is_yes())).into_iter().collect()
    }

    /// Writes `<clock>`.
    pub fn write(&self, w: &mut XmlWriter) {
        let tag =
            w.tag("clock").opt("offset", &self.offset).opt("adjustment", &self.adjustment).opt("basis", &self.basis);
        tag.opt("timezone", &self.timezone).opt("start", &self.start).children(|w| {
            for timer in &self.timers {
                let tag = w.tag("timer").attr("name", timer.name.word()).opt("present", &timer.present);
                tag.opt("tickpolicy", &timer.policy).opt("track", &timer.track).children(|w| {
                    if let Some([threshold, slew, limit]) = &timer.catchup {
                        w.tag("catchup").opt("threshold", threshold).opt("slew", slew).opt("limit", limit).end();
                    }
                });
            }
        });
    }

    /// `-rtc` and the globals of timers.
    pub fn items(&self, _cx: &Cx<'_>, out: &mut Items) {
        let Some(offset) = self.offset else { return };
        let base = match offset.value {
            Offset::Utc | Offset::Variable => "utc".to_owned(),
            Offset::Localtime | Offset::Timezone => "localtime".to_owned(),
            Offset::Absolute => self.start.as_ref().map_or_else(String::new, |s| iso_time(s.value)),
        };
        let mut opts = Opts::new().with("base", base);
        if let Some(rtc) = self.timer(TimerName::Rtc) {
            match rtc.track.get() {
                Some(Track::Guest) => opts.set("clock", "vm"),
                Some(Track::Wall) => opts.set("clock", "host"),
                Some(Track::Realtime) => opts.set("clock", "rt"),
                None => {}
            }
            if rtc.policy.is(&TickPolicy::Catchup) {
                opts.set("driftfix", "slew");
            }
        }
        out.opts(Section::Clock, "rtc", opts, offset.origin);
        if let Some(pit) = self.timer(TimerName::Pit) {
            let policy = match pit.policy.get() {
                Some(TickPolicy::Delay) => "delay",
                Some(TickPolicy::Discard) => "discard",
                Some(TickPolicy::Catchup | TickPolicy::Merge) | None => "",
            };
            if !policy.is_empty() {
                let opts = Opts::new().with("kvm-pit.lost_tick_policy", policy);
                out.opts(Section::Clock, "global", opts, pit.policy.origin_or(pit.name.origin));
            }
        }
        out.flag(Section::Lifecycle, "no-shutdown", Origin::Rule(&rules::NO_SHUTDOWN));
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
