//! Passwords of display servers. QEMU gets them on its monitor, never on the command line.

use serde_json::{Map, Value, json};
use time::{Date, Month, PrimitiveDateTime, Time};
use virtc_plan::QmpCall;

use crate::ir::{Leaf, Opt, words};
use crate::qemu::RequirementsOf;
use crate::xml_io::Fields;
use crate::xml_io::Tag;

words! {
    /// What happens to connected clients when a password is set.
    pub enum Connected { Fail = "fail", Disconnect = "disconnect", Keep = "keep" }
}

/// A second in UTC, written as `2011-05-31T16:11:22`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(PrimitiveDateTime);

impl Leaf for Moment {
    const EXPECTED: &str = "a time such as `2030-12-31T23:59:59`";
    fn read(text: &str) -> Option<Self> {
        let (date, clock) = text.trim().split_once('T')?;
        let (mut date, mut clock) = (date.splitn(3, '-'), clock.splitn(3, ':'));
        let year = date.next()?.parse().ok()?;
        let month = Month::try_from(date.next()?.parse::<u8>().ok()?).ok()?;
        let date = Date::from_calendar_date(year, month, date.next()?.parse().ok()?).ok()?;
        let mut part = || clock.next()?.parse().ok();
        let clock = Time::from_hms(part()?, part()?, part()?).ok()?;
        Some(Self(PrimitiveDateTime::new(date, clock)))
    }

    fn show(&self) -> String {
        let (date, clock) = (self.0.date(), self.0.time());
        let (month, day) = (u8::from(date.month()), date.day());
        format!(
            "{:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}",
            date.year(),
            clock.hour(),
            clock.minute(),
            clock.second()
        )
    }
}

impl Moment {
    /// Seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0.assume_utc().unix_timestamp()
    }
}

/// Who may connect.
#[derive(Debug, Clone, Default)]
pub struct Password {
    /// The password.
    pub text: Opt<String>,
    /// Until when it is valid.
    pub valid_to: Opt<Moment>,
    /// What happens to clients that are connected when it is set.
    pub connected: Opt<Connected>,
}

impl Password {
    pub(super) fn lower(f: &Fields<'_, '_>) -> Self {
        Self { text: f.attr("passwd"), valid_to: f.attr("passwdValidTo"), connected: f.attr("connected") }
    }

    pub(super) fn write<'w>(&self, tag: Tag<'w>) -> Tag<'w> {
        if self.text.is_none() {
            return tag;
        }
        tag.opt("passwd", &self.text).opt("passwdValidTo", &self.valid_to).opt("connected", &self.connected)
    }

    /// Has the password of the `protocol` set before the guest runs; where there is none, the one of the host's configuration.
    pub(super) fn set(
        &self,
        protocol: &str,
        of_host: Option<&String>,
        origin: crate::ir::Origin,
        out: &mut RequirementsOf<'_>,
    ) {
        let Some(password) = self.text.as_ref().map(|t| &t.value).or(of_host) else { return };
        let mut arguments =
            Map::from_iter([("protocol".to_owned(), json!(protocol)), ("password".to_owned(), json!(password))]);
        if let Some(connected) = &self.connected {
            arguments.insert("connected".to_owned(), Value::from(connected.word()));
        }
        out.command(QmpCall::new("set_password", arguments), origin);
        if let Some(moment) = &self.valid_to {
            let time = moment.seconds().to_string();
            let arguments =
                Map::from_iter([("protocol".to_owned(), json!(protocol)), ("time".to_owned(), json!(time))]);
            out.command(QmpCall::new("expire_password", arguments), moment.origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_seconds_in_utc() {
        let moment = Moment::read("2011-05-31T16:11:22").unwrap();
        assert_eq!(moment.seconds(), 1_306_858_282);
        assert_eq!(moment.show(), "2011-05-31T16:11:22");
        for wrong in ["2011-05-31", "2011-02-30T00:00:00", "2011-05-31T24:11:22", "2011-05-31T16:11", ""] {
            assert_eq!(Moment::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_host_has_one_for_servers_without() {
        let rule = crate::ir::Origin::Xml(virtc_diag::Span::at(0));
        let sent = |password: &Password, of_host: Option<&String>| {
            let mut needs = crate::qemu::HostRequirements::new(rule);
            password.set("vnc", of_host, rule, &mut needs.for_vm());
            let calls = needs.commands.into_iter().map(|(call, _)| (call.execute, Value::Object(call.arguments)));
            calls.collect::<Vec<_>>()
        };
        let host = "host".to_owned();
        assert_eq!(sent(&Password::default(), None), []);
        let sets = |text: &str| ("set_password".to_owned(), json!({"protocol": "vnc", "password": text}));
        assert_eq!(sent(&Password::default(), Some(&host)), [sets("host")]);
        let spanned = |text: &str| Some(crate::ir::Spanned { value: text.to_owned(), origin: rule });
        let valid_to = Moment::read("1970-01-02T00:00:01").map(|value| crate::ir::Spanned { value, origin: rule });
        let own = Password { text: spanned("own"), valid_to, connected: None };
        let expire = ("expire_password".to_owned(), json!({"protocol": "vnc", "time": "86401"}));
        assert_eq!(sent(&own, Some(&host)), [sets("own"), expire]);
    }
}
