//! Dates and times from their text. Digits behind the seventh of a second are dropped: no type here
//! has more.

use tiberius::time::{Date, DateTime2, DateTimeOffset, Time};

use super::Column;

const SCALE: u8 = 7;
const UNIT: i64 = 10_000_000;
const DAY: i64 = 86_400 * UNIT;

/// Days from 0001-01-01, as the wire has them.
const LAST_DAY: i64 = 3_652_058;

pub(super) fn date(text: &str) -> Option<Date> {
    days(text).and_then(wire_date)
}

pub(super) fn time(text: &str) -> Option<Time> {
    ticks(text).map(wire_time)
}

/// In UTC, where a zone is given.
pub(super) fn datetime(text: &str, column: Column) -> Option<DateTime2> {
    let Moment { days, ticks, minutes } = Moment::parse(text)?;
    let (days, ticks) = shifted(days, ticks, minutes.unwrap_or(0));
    let (first, last) = match column {
        Column::DateTime => (days_of(1753, 1, 1), LAST_DAY),
        Column::SmallDateTime => (days_of(1900, 1, 1), days_of(2079, 6, 5)),
        _ => (0, LAST_DAY),
    };
    if !(first..=last).contains(&days) {
        return None;
    }
    Some(DateTime2::new(wire_date(days)?, wire_time(ticks)))
}

/// On the wire it is UTC and its distance from the local time. Without a zone it is UTC.
pub(super) fn offset(text: &str) -> Option<DateTimeOffset> {
    const MOST_MINUTES: i64 = 14 * 60;
    let Moment { days, ticks, minutes } = Moment::parse(text)?;
    let minutes = minutes.unwrap_or(0);
    let (days, ticks) = shifted(days, ticks, minutes);
    let utc = DateTime2::new(wire_date(days)?, wire_time(ticks));
    let minutes = i16::try_from(minutes).ok().filter(|m| i64::from(m.abs()) <= MOST_MINUTES)?;
    Some(DateTimeOffset::new(utc, minutes))
}

/// `2026-03-01T12:30:00.5+02:00`, with a blank in place of the T, without seconds, without a zone.
struct Moment {
    days: i64,
    ticks: i64,
    /// East of Greenwich.
    minutes: Option<i64>,
}

impl Moment {
    fn parse(text: &str) -> Option<Self> {
        const DATE: usize = 10;
        let days = days(text.get(..DATE)?)?;
        let Some(rest) = text.get(DATE..).filter(|rest| !rest.is_empty()) else {
            return Some(Self { days, ticks: 0, minutes: None });
        };
        let rest = rest.strip_prefix(['T', 't', ' '])?;
        let (clock, zone) = match rest.find(['Z', 'z', '+', '-']) {
            Some(at) => (&rest[..at], &rest[at..]),
            None => (rest, ""),
        };
        let minutes = if zone.is_empty() { None } else { Some(zone_minutes(zone)?) };
        Some(Self { days, ticks: ticks(clock)?, minutes })
    }
}

/// `Z`, `+02`, `+0200`, `-01:30`.
fn zone_minutes(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let hours = number(zone.get(1..3)?)?;
    let rest = zone.get(3..)?;
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let minutes = if rest.is_empty() { 0 } else { number(rest).filter(|m| *m < 60)? };
    let all = hours * 60 + minutes;
    Some(if zone.starts_with('-') { -all } else { all })
}

/// Two digits.
fn number(text: &str) -> Option<i64> {
    (text.len() == 2).then(|| digits(text))?
}

fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `YYYY-MM-DD`.
fn days(text: &str) -> Option<i64> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else { return None };
    let of = |bytes: &[u8]| std::str::from_utf8(bytes).ok().and_then(digits);
    let (year, month, day) = (of(&[y1, y2, y3, y4])?, of(&[m1, m2])?, of(&[d1, d2])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let most = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (year >= 1 && (1..=most).contains(&day)).then(|| days_of(year, month, day))
}

/// Days from 0001-01-01 in the proleptic Gregorian calendar; the year is taken to begin in March.
const fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_year = (153 * month + 2) / 5 + day - 1;
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leaps + of_year - 306
}

/// `HH:MM[:SS[.fffffff]]`, in tenths of microseconds.
fn ticks(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let (hours, minutes) = (number(parts.next()?)?, number(parts.next()?)?);
    let seconds = parts.next().unwrap_or("00");
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let seconds = number(seconds)?;
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut rest: i64 = 0;
    for at in 0..usize::from(SCALE) {
        let digit = fraction.as_bytes().get(at).map_or(0, |b| i64::from(b - b'0'));
        rest = rest * 10 + digit;
    }
    Some((hours * 3600 + minutes * 60 + seconds) * UNIT + rest)
}

/// Minutes earlier, for UTC.
fn shifted(days: i64, ticks: i64, minutes: i64) -> (i64, i64) {
    let ticks = ticks - minutes * 60 * UNIT;
    (days + ticks.div_euclid(DAY), ticks.rem_euclid(DAY))
}

fn wire_date(days: i64) -> Option<Date> {
    (0..=LAST_DAY).contains(&days).then(|| u32::try_from(days).ok())?.map(Date::new)
}

fn wire_time(ticks: i64) -> Time {
    Time::new(ticks.unsigned_abs(), SCALE)
}
