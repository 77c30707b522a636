//! A value as JSON, exactly: decimals as text, times with every digit that they have, bytes in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::Write as _;
use tiberius::ColumnData;
use tiberius::numeric::Numeric;
use tiberius::time::{Date, DateTime, DateTime2, DateTimeOffset, SmallDateTime, Time};

/// Beyond this many, an integer is not exact where numbers are floats, as in JavaScript.
const EXACT: u64 = 1 << 53;

/// Appends the value.
pub fn write_json(value: &ColumnData<'_>, out: &mut Vec<u8>) {
    let written = write(value, out);
    if written.is_none() {
        out.extend_from_slice(b"null");
    }
}

/// `None`: it is null.
fn write(value: &ColumnData<'_>, out: &mut Vec<u8>) -> Option<()> {
    match value {
        ColumnData::U8(v) => number(out, (*v)?),
        ColumnData::I16(v) => number(out, (*v)?),
        ColumnData::I32(v) => number(out, (*v)?),
        ColumnData::I64(v) => large(out, (*v)?),
        ColumnData::F32(v) => real(out, *v.as_ref()?),
        ColumnData::F64(v) => real(out, *v.as_ref()?),
        ColumnData::Bit(v) => out.extend_from_slice(if (*v)? { b"true" } else { b"false" }),
        ColumnData::String(v) => text(out, v.as_deref()?),
        ColumnData::Xml(v) => text(out, v.as_ref()?.as_ref().as_ref()),
        ColumnData::Guid(v) => quoted(out, (*v)?),
        ColumnData::Binary(v) => quoted(out, STANDARD.encode(v.as_ref()?)),
        ColumnData::Numeric(v) => decimal(out, (*v)?),
        ColumnData::DateTime(v) => quoted(out, datetime((*v)?)),
        ColumnData::SmallDateTime(v) => quoted(out, small((*v)?)),
        ColumnData::Date(v) => quoted(out, date((*v)?)),
        ColumnData::Time(v) => quoted(out, time((*v)?)),
        ColumnData::DateTime2(v) => quoted(out, datetime2((*v)?)),
        ColumnData::DateTimeOffset(v) => quoted(out, offset((*v)?)),
    }
    Some(())
}

fn number(out: &mut Vec<u8>, value: impl Into<i64>) {
    let value: i64 = value.into();
    // A Vec takes everything.
    write!(out, "{value}").unwrap_or_default();
}

/// As text where a reader might round it.
fn large(out: &mut Vec<u8>, value: i64) {
    match value.unsigned_abs() <= EXACT {
        true => number(out, value),
        false => quoted(out, value),
    }
}

/// The shortest text that is read as the same value, with an exponent where JavaScript has one. (Three
/// hundred digits are read by some as infinite.)
fn real<F: std::fmt::Display + std::fmt::LowerExp + Copy + Into<f64>>(out: &mut Vec<u8>, value: F) {
    let size: f64 = value.into().abs();
    match size == 0.0 || (1e-6..1e21).contains(&size) {
        true => write!(out, "{value}").unwrap_or_default(),
        false => write!(out, "{value:e}").unwrap_or_default(),
    }
}

fn quoted(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    write!(out, "\"{value}\"").unwrap_or_default();
}

/// Text as a JSON string.
fn text(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    let bytes = value.as_bytes();
    let mut done = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..=0x1f => b"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[done..at]);
        if escape.is_empty() {
            write!(out, "\\u{byte:04x}").unwrap_or_default();
        } else {
            out.extend_from_slice(escape);
        }
        done = at + 1;
    }
    out.extend_from_slice(&bytes[done..]);
    out.push(b'"');
}

fn decimal(out: &mut Vec<u8>, value: Numeric) {
    let (digits, scale) = (value.value().unsigned_abs(), u32::from(value.scale()));
    let sign = if value.value() < 0 { "-" } else { "" };
    let unit = 10_u128.pow(scale);
    let (whole, rest) = (digits / unit, digits % unit);
    let width = scale as usize;
    match scale {
        0 => write!(out, "\"{sign}{whole}\"").unwrap_or_default(),
        _ => write!(out, "\"{sign}{whole}.{rest:0width$}\"").unwrap_or_default(),
    }
}

/// Year, month and day of a day counted from 0001-01-01, in the proleptic Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Eras of 400 years that begin in March, so that a leap day is an era's last.
    let shifted = days + 306;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn day(days: i64) -> String {
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// From 0001-01-01 to 1900-01-01, where `datetime` begins.
const TO_1900: i64 = 693_595;

fn clock(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn date(value: Date) -> String {
    day(i64::from(value.days()))
}

fn time(value: Time) -> String {
    let scale = u32::from(value.scale());
    let unit = 10_u64.pow(scale);
    let (seconds, rest) = (value.increments() / unit, value.increments() % unit);
    match scale as usize {
        0 => clock(seconds),
        width => format!("{}.{rest:0width$}", clock(seconds)),
    }
}

/// Three-hundredths of a second, to the millisecond, as the server shows it.
fn datetime(value: DateTime) -> String {
    let fragments = u64::from(value.seconds_fragments());
    let (seconds, millis) = (fragments / 300, (fragments % 300 * 10 + 1) / 3);
    format!("{}T{}.{millis:03}", day(i64::from(value.days()) + TO_1900), clock(seconds))
}

fn small(value: SmallDateTime) -> String {
    let seconds = u64::from(value.seconds_fragments()) * 60;
    format!("{}T{}", day(i64::from(value.days()) + TO_1900), clock(seconds))
}

fn datetime2(value: DateTime2) -> String {
    format!("{}T{}", date(value.date()), time(value.time()))
}

/// On the wire it is UTC; shown is the local time, with its offset.
fn offset(value: DateTimeOffset) -> String {
    let (utc, minutes) = (value.datetime2(), i64::from(value.offset()));
    let (scale, increments) = (utc.time().scale(), utc.time().increments() as i64);
    let unit = 10_i64.pow(u32::from(scale));
    let local = increments + minutes * 60 * unit;
    let days = i64::from(utc.date().days()) + local.div_euclid(86_400 * unit);
    let local = Time::new(local.rem_euclid(86_400 * unit).unsigned_abs(), scale);
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs();
    format!("{}T{}{sign}{:02}:{:02}", day(days), time(local), minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: ColumnData<'_>) -> String {
        let mut out = Vec::new();
        write_json(&value, &mut out);
        let text = String::from_utf8(out).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
        text
    }

    #[test]
    fn values_are_exact() {
        let decimal =
            |value, scale| json(ColumnData::Numeric(Some(Numeric::new_with_scale(value, scale))));
        assert_eq!(decimal(-5, 4), "\"-0.0005\"");
        assert_eq!(decimal(12_345, 0), "\"12345\"");
        assert_eq!(decimal(i128::from(i64::MAX) * 1000, 3), "\"9223372036854775807.000\"");
        assert_eq!(json(ColumnData::F64(Some(0.1))), "0.1");
        assert_eq!(json(ColumnData::F64(Some(-1e300))), "-1e300");
        assert_eq!(json(ColumnData::F64(Some(f64::MAX))), "1.7976931348623157e308");
        assert_eq!(json(ColumnData::F32(Some(f32::MIN_POSITIVE))), "1.1754944e-38");
        assert_eq!(json(ColumnData::F64(Some(123_456_789.5))), "123456789.5");
        assert_eq!(json(ColumnData::F64(Some(0.0))), "0");
        assert_eq!(json(ColumnData::F32(Some(0.1))), "0.1");
        assert_eq!(json(ColumnData::I64(Some(-(1 << 53)))), "-9007199254740992");
        assert_eq!(json(ColumnData::I64(Some((1 << 53) + 1))), "\"9007199254740993\"");
        assert_eq!(json(ColumnData::I64(Some(i64::MIN))), format!("\"{}\"", i64::MIN));
        assert_eq!(
            json(ColumnData::String(Some("a\"\\\n\u{1}ü".into()))),
            "\"a\\\"\\\\\\n\\u0001ü\""
        );
        assert_eq!(json(ColumnData::Binary(Some(vec![0, 255].into()))), "\"AP8=\"");
        assert_eq!(json(ColumnData::Bit(None)), "null");
    }

    #[test]
    fn times_have_every_digit_that_they_have() {
        let at = Time::new(863_999_999_999, 7);
        assert_eq!(json(ColumnData::Time(Some(at))), "\"23:59:59.9999999\"");
        assert_eq!(json(ColumnData::Time(Some(Time::new(5, 0)))), "\"00:00:05\"");
        assert_eq!(json(ColumnData::Date(Some(Date::new(0)))), "\"0001-01-01\"");
        assert_eq!(json(ColumnData::Date(Some(Date::new(3_652_058)))), "\"9999-12-31\"");
        let at = DateTime2::new(Date::new(738_885), Time::new(360_000_000_001, 7));
        assert_eq!(json(ColumnData::DateTime2(Some(at))), "\"2024-01-01T10:00:00.0000001\"");
        assert_eq!(
            json(ColumnData::DateTime(Some(DateTime::new(0, 1)))),
            "\"1900-01-01T00:00:00.003\""
        );
        assert_eq!(
            json(ColumnData::DateTime(Some(DateTime::new(-53_690, 25_919_999)))),
            "\"1753-01-01T23:59:59.997\""
        );
        assert_eq!(
            json(ColumnData::SmallDateTime(Some(SmallDateTime::new(59, 61)))),
            "\"1900-03-01T01:01:00\""
        );
        let utc = DateTime2::new(Date::new(738_885), Time::new(0, 0));
        assert_eq!(
            json(ColumnData::DateTimeOffset(Some(DateTimeOffset::new(utc, -90)))),
            "\"2023-12-31T22:30:00-01:30\""
        );
        assert_eq!(
            json(ColumnData::DateTimeOffset(Some(DateTimeOffset::new(utc, 840)))),
            "\"2024-01-01T14:00:00+14:00\""
        );
    }
}
