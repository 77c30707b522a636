//! Values as text: the styles of CONVERT.
//! <https://learn.microsoft.com/en-us/sql/t-sql/functions/cast-and-convert-transact-sql#date-and-time-styles>

use std::fmt::Write as _;

use super::calendar::{DAY_1900, DAY7, civil, ticks_from_300};
use super::{SqlType, Value};

/// The digits of a decimal with its point.
pub(crate) fn decimal_text(digits: i128, scale: u8) -> String {
    let sign = if digits < 0 { "-" } else { "" };
    let digits = digits.unsigned_abs().to_string();
    let scale = usize::from(scale);
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// A value as text; `style` is CONVERT's third argument, 0 where there is none.
pub(crate) fn to_text(value: &Value, ty: SqlType, style: i64) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bit(b) => u8::from(*b).to_string(),
        Value::Int(n) => n.to_string(),
        Value::Float(f) => float_text(*f, ty, style),
        Value::Decimal(n, scale) if matches!(ty, SqlType::Money | SqlType::SmallMoney) => {
            money_text(*n, *scale, style)
        }
        Value::Decimal(n, scale) => decimal_text(*n, *scale),
        Value::Text(text) => text.clone(),
        Value::Bytes(bytes) if style == 1 => format!("0x{}", hex(bytes)),
        Value::Bytes(bytes) if style == 2 => hex(bytes),
        Value::Bytes(bytes) if ty.is_unicode() => super::wire::utf16_text(bytes),
        Value::Bytes(bytes) => bytes.iter().map(|b| char::from(*b)).collect(),
        Value::Guid(bytes) => {
            uuid::Uuid::from_bytes_le(*bytes).hyphenated().to_string().to_uppercase()
        }
        Value::Date(day) => moment(*day, 0, None, ty, if style == 0 { 23 } else { style }),
        Value::Time(ticks) => time_of(*ticks, scale_of(ty)),
        Value::DateTime2(day, ticks) => {
            moment(*day, *ticks, None, ty, if style == 0 { 121 } else { style })
        }
        Value::Offset(day, ticks, offset) => {
            let local = ticks + i64::from(*offset) * 600_000_000;
            let (day, ticks) = (day + local.div_euclid(DAY7) as i32, local.rem_euclid(DAY7));
            moment(day, ticks, Some(*offset), ty, if style == 0 { 121 } else { style })
        }
        Value::DateTime(day, thirds) => {
            moment(day + DAY_1900, ticks_from_300(*thirds), None, ty, style)
        }
    }
}

fn scale_of(ty: SqlType) -> u8 {
    match ty {
        SqlType::Time(s) | SqlType::DateTime2(s) | SqlType::DateTimeOffset(s) => s,
        SqlType::SmallDateTime | SqlType::Date => 0,
        SqlType::DateTime => 3,
        _ => 7,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ok = write!(out, "{byte:02X}");
        out
    })
}

fn money_text(n: i128, scale: u8, style: i64) -> String {
    if style == 2 {
        return decimal_text(n, scale);
    }
    let cents = if n < 0 { (n - 50) / 100 } else { (n + 50) / 100 };
    decimal_text(cents, 2)
}

fn float_text(f: f64, ty: SqlType, style: i64) -> String {
    match style {
        3 => return format!("{f}"),
        2 => return exponent(f, 15),
        1 => return exponent(f, 7),
        _ => {}
    }
    let digits = if matches!(ty, SqlType::Real) { 6 } else { 15 };
    if f == 0.0 {
        return "0".into();
    }
    let power = f.abs().log10().floor() as i32;
    // Six digits are shown by default, whatever the type: 1.23457e+006 above that.
    if (-5..digits).contains(&power) {
        let places = (5 - power).max(0) as usize;
        let text = format!("{f:.places$}");
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').into()
        } else {
            text
        }
    } else {
        exponent(f, 5)
    }
}

fn exponent(f: f64, places: usize) -> String {
    let text = format!("{f:.places$e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let sign = if power < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:03}", power.abs())
}

fn time_of(ticks: i64, scale: u8) -> String {
    let seconds = ticks / 10_000_000;
    let base = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if scale == 0 {
        return base;
    }
    let fraction = format!("{:07}", ticks % 10_000_000);
    format!("{base}.{}", &fraction[..usize::from(scale)])
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn moment(day: i32, ticks: i64, offset: Option<i16>, ty: SqlType, style: i64) -> String {
    let (y, m, d) = civil(day);
    let date = format!("{y:04}-{m:02}-{d:02}");
    let only_date = matches!(ty, SqlType::Date);
    let zone = |sep: &str| {
        offset.map_or(String::new(), |o| {
            let sign = if o < 0 { '-' } else { '+' };
            format!("{sep}{sign}{:02}:{:02}", o.abs() / 60, o.abs() % 60)
        })
    };
    match style {
        23 => date,
        112 => format!("{y:04}{m:02}{d:02}"),
        101 => format!("{m:02}/{d:02}/{y:04}"),
        103 => format!("{d:02}/{m:02}/{y:04}"),
        104 => format!("{d:02}.{m:02}.{y:04}"),
        108 | 8 | 24 => time_of(ticks, 0),
        114 | 14 => time_of(ticks, 3).replacen('.', ":", 1),
        126 | 127 if only_date => date,
        126 => {
            let mut time = time_of(ticks, scale_of(ty));
            if matches!(ty, SqlType::DateTime) && time.ends_with(".000") {
                time.truncate(8);
            }
            format!("{date}T{time}{}", zone(""))
        }
        127 => format!(
            "{date}T{}{}",
            time_of(ticks, scale_of(ty)),
            if offset.is_some() { "Z" } else { "" }
        ),
        120 | 20 if !only_date => format!("{date} {}{}", time_of(ticks, 0), zone(" ")),
        121 | 21 | 25 if !only_date => format!(
            "{date} {}{}",
            time_of(ticks, scale_of(ty).max(u8::from(matches!(ty, SqlType::SmallDateTime)) * 3)),
            zone(" ")
        ),
        _ if only_date => date,
        _ => {
            let minutes = ticks / 600_000_000;
            let (hour, minute) = (minutes / 60, minutes % 60);
            let (hour12, half) =
                (if hour % 12 == 0 { 12 } else { hour % 12 }, if hour < 12 { "AM" } else { "PM" });
            format!("{} {d:>2} {y} {hour12:>2}:{minute:02}{half}", MONTHS[m as usize - 1])
        }
    }
}
