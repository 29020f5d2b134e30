//! Times, dates and durations.

use std::cmp::Ordering;

use super::types::Form;

/// A point in time (seconds from an arbitrary origin, with a fraction), or a duration in months and seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment {
    months: i64,
    seconds: i64,
    /// Nanoseconds; digits after the ninth do not count.
    nanos: i64,
    zone: bool,
}

impl Moment {
    /// The order, where there is one.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        let months = self.months.cmp(&other.months);
        let seconds = self.seconds.cmp(&other.seconds).then(self.nanos.cmp(&other.nanos));
        if self.zone != other.zone && self.months == 0 && other.months == 0 {
            // A time without a zone may lie 14 hours to either side.
            let apart = self.seconds.abs_diff(other.seconds) > 14 * 3600;
            return apart.then_some(seconds);
        }
        match (months, seconds) {
            (Ordering::Equal, order) | (order, Ordering::Equal) => Some(order),
            (a, b) if a == b => Some(a),
            _ => None,
        }
    }
}

struct Cursor<'t>(&'t str);

impl<'t> Cursor<'t> {
    fn eat(&mut self, mark: char) -> Option<()> {
        self.0 = self.0.strip_prefix(mark)?;
        Some(())
    }

    fn digits(&mut self) -> &'t str {
        let (digits, rest) = self.0.split_at(self.0.bytes().take_while(u8::is_ascii_digit).count());
        self.0 = rest;
        digits
    }

    /// Exactly two digits, in the range.
    fn two(&mut self, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let digits = self.0.get(..2).filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
        self.0 = self.0.get(2..)?;
        digits.parse().ok().filter(|n| range.contains(n))
    }

    fn year(&mut self) -> Option<i64> {
        let minus = self.eat('-').is_some();
        let digits = self.digits();
        let long = digits.len() > 4;
        let year: i64 = digits.parse().ok().filter(|y| *y != 0 && *y < 1_000_000_000)?;
        if digits.len() < 4 || (long && digits.starts_with('0')) {
            return None;
        }
        Some(if minus { -year } else { year })
    }

    fn fraction(&mut self) -> Option<i64> {
        if self.eat('.').is_none() {
            return Some(0);
        }
        let digits = self.digits();
        let nine: String = digits.chars().chain("000000000".chars()).take(9).collect();
        if digits.is_empty() { None } else { nine.parse().ok() }
    }

    /// Hours, minutes, seconds: seconds and nanoseconds.
    fn time(&mut self) -> Option<(i64, i64)> {
        let hour = self.two(0..=24)?;
        self.eat(':')?;
        let minute = self.two(0..=59)?;
        self.eat(':')?;
        let second = self.two(0..=59)?;
        let nanos = self.fraction()?;
        let midnight = hour == 24 && minute + second + nanos > 0;
        if midnight { None } else { Some((hour * 3600 + minute * 60 + second, nanos)) }
    }

    /// A zone up to the end, in seconds.
    fn zone(mut self) -> Option<i64> {
        if self.0 == "Z" {
            return Some(0);
        }
        let sign = if self.eat('-').is_some() { -1 } else { self.eat('+').map(|()| 1)? };
        let hour = self.two(0..=14)?;
        self.eat(':')?;
        let minute = self.two(0..=59)?;
        let fits = self.0.is_empty() && (hour < 14 || minute == 0);
        fits.then_some(sign * (hour * 3600 + minute * 60))
    }
}

/// The moment that a text means.
pub(super) fn parse(form: Form, text: &str) -> Option<Moment> {
    let mut cursor = Cursor(text);
    let (mut year, mut month, mut day, mut time) = (2000, 1, 1, (0, 0));
    match form {
        Form::Duration => return duration(text),
        Form::DateTime | Form::Date | Form::YearMonth | Form::Year => year = cursor.year()?,
        Form::MonthDay | Form::Month => {
            cursor.eat('-')?;
        }
        Form::Day => {
            cursor.eat('-')?;
            cursor.eat('-')?;
        }
        Form::Time => {}
    }
    if matches!(form, Form::DateTime | Form::Date | Form::YearMonth | Form::MonthDay | Form::Month) {
        cursor.eat('-')?;
        month = cursor.two(1..=12)?;
    }
    if form == Form::Month && cursor.0.starts_with("--") {
        // The first edition of XML Schema wrote `--MM--`.
        cursor.0 = cursor.0.get(2..)?;
    }
    if matches!(form, Form::DateTime | Form::Date | Form::MonthDay | Form::Day) {
        cursor.eat('-')?;
        day = cursor.two(1..=days_in(year, month))?;
    }
    if form == Form::DateTime {
        cursor.eat('T')?;
    }
    if matches!(form, Form::DateTime | Form::Time) {
        time = cursor.time()?;
    }
    let zone = if cursor.0.is_empty() { None } else { Some(cursor.zone()?) };
    let seconds = days(year, month, day) * 86400 + time.0 - zone.unwrap_or(0);
    Some(Moment { months: 0, seconds, nanos: time.1, zone: zone.is_some() })
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from an origin, in the proleptic Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let leaps = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    before * 365 + leaps + (1..month).map(|m| days_in(year, m)).sum::<i64>() + day
}

fn duration(text: &str) -> Option<Moment> {
    let minus = text.starts_with('-');
    let mut rest = Cursor(text.strip_prefix('-').unwrap_or(text));
    rest.eat('P')?;
    let (mut months, mut seconds, mut nanos) = (0_i64, 0_i64, 0);
    let mut units: &[(char, i64, i64)] = &[('Y', 12, 0), ('M', 1, 0), ('D', 0, 86400)];
    let mut empty = true;
    while !rest.0.is_empty() {
        if rest.eat('T').is_some() {
            if rest.0.is_empty() || units.first().is_some_and(|(mark, ..)| *mark == 'H') {
                return None;
            }
            units = &[('H', 0, 3600), ('M', 0, 60), ('S', 0, 1)];
            continue;
        }
        let number: i64 = rest.digits().parse().ok()?;
        let fraction = if rest.0.starts_with('.') { Some(rest.fraction()?) } else { None };
        let mark = rest.0.chars().next()?;
        rest.eat(mark)?;
        let at = units.iter().position(|(unit, ..)| *unit == mark && (fraction.is_none() || mark == 'S'))?;
        let (_, month, second) = units.get(at)?;
        months = months.checked_add(number.checked_mul(*month)?)?;
        seconds = seconds.checked_add(number.checked_mul(*second)?)?;
        nanos += fraction.unwrap_or(0);
        units = units.get(at + 1..).unwrap_or_default();
        empty = false;
        if units.is_empty() {
            // Days may be followed by a time; seconds by nothing.
            units = if mark == 'D' { &[('\0', 0, 0)] } else { &[] };
            if mark == 'S' && !rest.0.is_empty() {
                return None;
            }
        }
    }
    let sign = if minus { -1 } else { 1 };
    (!empty).then_some(Moment { months: sign * months, seconds: sign * seconds, nanos: sign * nanos, zone: true })
}
