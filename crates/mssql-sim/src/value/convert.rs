//! CAST and CONVERT, explicit and implicit.

use super::calendar::{DAY_1900, DAY7, round_ticks, ticks_from_300, ticks_to_300};
use super::types::char_len;
use super::{Len, SqlType as T, Value, parse_moment, to_text};
use crate::error::{Result, SqlError};

/// `value`, which is of type `from`, as `to`.
pub(crate) fn convert(value: Value, from: T, to: T) -> Result<Value> {
    convert_styled(value, from, to, 0)
}

/// The same with CONVERT's style.
pub(crate) fn convert_styled(value: Value, from: T, to: T, style: i64) -> Result<Value> {
    if value.is_null() || (from == to && !matches!(to, T::Char(_) | T::NChar(_))) {
        return Ok(value);
    }
    match to {
        T::Bit => to_bit(&value, from),
        T::TinyInt => to_int(&value, from, 0, 255, "tinyint"),
        T::SmallInt => to_int(&value, from, i64::from(i16::MIN), i64::from(i16::MAX), "smallint"),
        T::Int => to_int(&value, from, i64::from(i32::MIN), i64::from(i32::MAX), "int"),
        T::BigInt => to_int(&value, from, i64::MIN, i64::MAX, "bigint"),
        T::Real => Ok(Value::Float(f64::from(to_float(&value, from, "real")? as f32))),
        T::Float => Ok(Value::Float(to_float(&value, from, "float")?)),
        T::Decimal(p, s) | T::Numeric(p, s) => to_decimal(&value, from, p, s),
        T::Money => to_decimal(&value, from, 19, 4),
        T::SmallMoney => to_decimal(&value, from, 10, 4),
        T::Date
        | T::Time(_)
        | T::DateTime
        | T::SmallDateTime
        | T::DateTime2(_)
        | T::DateTimeOffset(_) => to_moment(&value, from, to),
        T::Char(_) | T::VarChar(_) | T::NChar(_) | T::NVarChar(_) => {
            to_chars(&value, from, to, style)
        }
        T::Xml => Ok(Value::Text(to_text(&value, from, 0))),
        T::Binary(_) | T::VarBinary(_) | T::RowVersion => to_bytes(&value, from, to, style),
        T::UniqueIdentifier => to_guid(&value, from),
    }
}

fn failed(text: &str, from: T, to: &str) -> SqlError {
    SqlError::new(
        245,
        format!(
            "Conversion failed when converting the {} value '{text}' to data type {to}.",
            from.name()
        ),
    )
}

fn not_allowed(from: T, to: &str) -> SqlError {
    SqlError::new(
        529,
        format!("Explicit conversion from data type {} to {to} is not allowed.", from.name()),
    )
}

fn to_bit(value: &Value, from: T) -> Result<Value> {
    Ok(Value::Bit(match value {
        Value::Bit(b) => *b,
        Value::Int(n) => *n != 0,
        Value::Decimal(n, _) => *n != 0,
        Value::Float(f) => *f != 0.0,
        Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            other => other.parse::<i64>().map_err(|_| failed(text, from, "bit"))? != 0,
        },
        Value::Bytes(bytes) => bytes.iter().any(|b| *b != 0),
        _ => return Err(not_allowed(from, "bit")),
    }))
}

fn to_int(value: &Value, from: T, low: i64, high: i64, name: &str) -> Result<Value> {
    let n: i128 = match value {
        Value::Bit(b) => i128::from(*b),
        Value::Int(n) => i128::from(*n),
        Value::Decimal(n, scale) => {
            let unit = 10_i128.pow(u32::from(*scale));
            // money rounds, decimal cuts off.
            if matches!(from, T::Money | T::SmallMoney) {
                (n + unit / 2 * n.signum()) / unit
            } else {
                n / unit
            }
        }
        Value::Float(f) if f.abs() < 1e19 => *f as i128,
        Value::Float(_) => return Err(SqlError::overflow(name)),
        Value::Text(text) => match text.trim() {
            "" => 0,
            trimmed => trimmed.parse().map_err(|_| failed(text, from, name))?,
        },
        Value::Bytes(bytes) => {
            bytes.iter().rev().take(8).rev().fold(0_i64, |n, b| n << 8 | i64::from(*b)).into()
        }
        Value::DateTime(day, thirds) => i128::from(*day) + i128::from(*thirds >= 12_960_000),
        _ => return Err(not_allowed(from, name)),
    };
    match i64::try_from(n) {
        Ok(n) if (low..=high).contains(&n) => Ok(Value::Int(n)),
        _ if value.as_text().is_some() => Err(SqlError::new(
            248,
            format!(
                "The conversion of the {} value '{n}' overflowed an {name} column.",
                from.name()
            ),
        )),
        _ => Err(SqlError::overflow(name)),
    }
}

fn to_float(value: &Value, from: T, name: &str) -> Result<f64> {
    Ok(match value {
        Value::Bit(b) => f64::from(u8::from(*b)),
        Value::Int(n) => *n as f64,
        Value::Float(f) => *f,
        Value::Decimal(n, scale) => super::decimal_text(*n, *scale).parse().unwrap_or(0.0),
        Value::Text(text) => text.trim().parse().map_err(|_| {
            SqlError::new(8114, format!("Error converting data type {} to {name}.", from.name()))
        })?,
        Value::DateTime(day, thirds) => f64::from(*day) + f64::from(*thirds) / 25_920_000.0,
        _ => return Err(not_allowed(from, name)),
    })
}

fn to_decimal(value: &Value, from: T, precision: u8, scale: u8) -> Result<Value> {
    let bad =
        || SqlError::new(8114, format!("Error converting data type {} to numeric.", from.name()));
    let (digits, have) = match value {
        Value::Bit(b) => (i128::from(*b), 0),
        Value::Int(n) => (i128::from(*n), 0),
        Value::Decimal(n, s) => (*n, *s),
        Value::Float(f) => {
            parse_decimal(&format!("{f:.*}", usize::from(scale.min(17)))).ok_or_else(bad)?
        }
        Value::Text(text) => parse_decimal(text.trim().trim_start_matches('$')).ok_or_else(bad)?,
        Value::Bytes(_) => return Err(not_allowed(from, "numeric")),
        _ => return Err(not_allowed(from, "numeric")),
    };
    let digits = rescale(digits, have, scale)
        .filter(|n| n.unsigned_abs() < 10_u128.pow(u32::from(precision)));
    digits.map(|n| Value::Decimal(n, scale)).ok_or_else(|| SqlError::overflow("numeric"))
}

/// Digits with another number of them behind the point, rounded half up.
pub(crate) fn rescale(digits: i128, have: u8, want: u8) -> Option<i128> {
    if want >= have {
        return digits.checked_mul(10_i128.checked_pow(u32::from(want - have))?);
    }
    let unit = 10_i128.pow(u32::from(have - want));
    let (whole, rest) = (digits / unit, digits % unit);
    Some(if rest.abs() * 2 >= unit { whole + digits.signum() } else { whole })
}

/// `-12.50`, `1e3`: digits and scale.
pub(crate) fn parse_decimal(text: &str) -> Option<(i128, u8)> {
    let (text, power) = match text.split_once(['e', 'E']) {
        Some((head, power)) => (head, power.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.len() + fraction.len() == 0
        || !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let mut digits: i128 = format!("0{whole}{fraction}").parse().ok()?;
    let mut scale = fraction.len() as i32 - power;
    while scale < 0 {
        digits = digits.checked_mul(10)?;
        scale += 1;
    }
    while scale > 38 {
        digits /= 10;
        scale -= 1;
    }
    Some((sign * digits, scale as u8))
}

fn to_moment(value: &Value, from: T, to: T) -> Result<Value> {
    let (day, ticks, offset) = match value {
        Value::Date(day) => (*day, 0, None),
        Value::Time(ticks) => (DAY_1900, *ticks, None),
        Value::DateTime2(day, ticks) => (*day, *ticks, None),
        Value::Offset(day, ticks, offset) => {
            let local = ticks + i64::from(*offset) * 600_000_000;
            (day + local.div_euclid(DAY7) as i32, local.rem_euclid(DAY7), Some(*offset))
        }
        Value::DateTime(day, thirds) => (day + DAY_1900, ticks_from_300(*thirds), None),
        Value::Text(text) => {
            let found = parse_moment(text).ok_or_else(|| {
                SqlError::new(
                    241,
                    "Conversion failed when converting date and/or time from character string.",
                )
            })?;
            (found.day.unwrap_or(DAY_1900), found.ticks, found.offset)
        }
        Value::Int(n) if matches!(to, T::DateTime | T::SmallDateTime) => {
            (*n as i32 + DAY_1900, 0, None)
        }
        Value::Bytes(bytes) if matches!(to, T::DateTime) && bytes.len() == 8 => {
            let half =
                |at: usize| bytes[at..at + 4].iter().fold(0_u32, |n, b| n << 8 | u32::from(*b));
            return Ok(Value::DateTime(half(0) as i32, half(4)));
        }
        _ => return Err(not_allowed(from, to.name())),
    };
    // A datetime that becomes a datetime2 keeps its thirds: .003 is .0033333.
    let ticks = match (value, to) {
        (Value::DateTime(_, thirds), T::DateTime2(_) | T::Time(_) | T::DateTimeOffset(_)) => {
            i64::from(*thirds) * 100_000 / 3
        }
        _ => ticks,
    };
    at_scale(day, ticks, offset, to)
}

fn at_scale(day: i32, ticks: i64, offset: Option<i16>, to: T) -> Result<Value> {
    let rounded = |scale: u8| {
        let ticks = round_ticks(ticks, scale);
        if ticks >= DAY7 { (day + 1, ticks - DAY7) } else { (day, ticks) }
    };
    let out_of_range = || {
        SqlError::new(
            242,
            format!(
                "The conversion to the data type {} resulted in an out-of-range value.",
                to.name()
            ),
        )
    };
    Ok(match to {
        T::Date => Value::Date(day),
        T::Time(scale) => Value::Time(rounded(scale).1),
        T::DateTime2(scale) => {
            let (day, ticks) = rounded(scale);
            Value::DateTime2(day, ticks)
        }
        T::DateTimeOffset(scale) => {
            let (day, ticks) = rounded(scale);
            let offset = offset.unwrap_or(0);
            let utc = ticks - i64::from(offset) * 600_000_000;
            Value::Offset(day + utc.div_euclid(DAY7) as i32, utc.rem_euclid(DAY7), offset)
        }
        T::DateTime => {
            let thirds = ticks_to_300(ticks);
            let (day, thirds) = if thirds >= 25_920_000 { (day + 1, 0) } else { (day, thirds) };
            // From 1753 on.
            if day < 639_905 {
                return Err(out_of_range());
            }
            Value::DateTime(day - DAY_1900, thirds)
        }
        _ => {
            let minutes = (ticks + 300_000_000) / 600_000_000;
            let day = day + (minutes / 1440) as i32 - DAY_1900;
            if !(0..=65_535).contains(&day) {
                return Err(out_of_range());
            }
            Value::DateTime(day, (minutes % 1440) as u32 * 18_000)
        }
    })
}

fn to_chars(value: &Value, from: T, to: T, style: i64) -> Result<Value> {
    let as_unicode = if let Value::Bytes(_) = value { to } else { from };
    let mut text = to_text(value, as_unicode, style);
    let Len::Of(most) = char_len(to) else { return Ok(Value::Text(text)) };
    let units = |text: &str| text.encode_utf16().count();
    if units(&text) > usize::from(most) {
        let lossless = from.is_number() && !matches!(from, T::Bit);
        if lossless || from == T::UniqueIdentifier {
            return Err(SqlError::new(
                8115,
                format!(
                    "Arithmetic overflow error converting {} to data type {}.",
                    from.name(),
                    to.name()
                ),
            ));
        }
        while units(&text) > usize::from(most) {
            text.pop();
        }
    }
    if matches!(to, T::Char(_) | T::NChar(_)) {
        let missing = usize::from(most) - units(&text);
        text.extend(std::iter::repeat_n(' ', missing));
    }
    Ok(Value::Text(text))
}

fn to_bytes(value: &Value, from: T, to: T, style: i64) -> Result<Value> {
    let mut bytes = match value {
        Value::Bytes(bytes) => bytes.clone(),
        Value::Text(text) if style == 1 || style == 2 => {
            unhex(text.strip_prefix("0x").unwrap_or(text)).ok_or_else(|| {
                SqlError::new(8114, "Error converting data type varchar to varbinary.")
            })?
        }
        Value::Text(text) if from.is_unicode() => {
            text.encode_utf16().flat_map(u16::to_le_bytes).collect()
        }
        Value::Text(text) => encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
        Value::Int(n) => {
            let width = from.sizes().0 as usize;
            let all = n.to_be_bytes()[8 - width..].to_vec();
            // A number fills a binary from the right.
            if let T::Binary(len) | T::VarBinary(Len::Of(len)) = to {
                let len = usize::from(len);
                match (all.len() > len, to) {
                    (true, _) => return Ok(Value::Bytes(all[all.len() - len..].to_vec())),
                    (_, T::Binary(_)) => {
                        return Ok(Value::Bytes([vec![0; len - all.len()], all].concat()));
                    }
                    _ => all,
                }
            } else {
                all
            }
        }
        Value::Bit(b) => vec![u8::from(*b)],
        Value::Guid(bytes) => bytes.to_vec(),
        Value::DateTime(day, thirds) => [day.to_be_bytes(), thirds.to_be_bytes()].concat(),
        Value::Decimal(..) | Value::Float(_) => {
            return Err(SqlError::unknown(format!("conversion from {from} to {to}")));
        }
        _ => return Err(not_allowed(from, to.name())),
    };
    match to {
        T::Binary(len) => bytes.resize(usize::from(len), 0),
        T::RowVersion => bytes.resize(8, 0),
        T::VarBinary(Len::Of(len)) => bytes.truncate(usize::from(len)),
        _ => {}
    }
    Ok(Value::Bytes(bytes))
}

/// Hexadecimal digits, without prefix.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let padded = if text.len() % 2 == 1 { format!("0{text}") } else { text.to_owned() };
    if !padded.is_ascii() {
        return None;
    }
    (0..padded.len()).step_by(2).map(|i| u8::from_str_radix(&padded[i..i + 2], 16).ok()).collect()
}

fn to_guid(value: &Value, from: T) -> Result<Value> {
    let bad = || {
        SqlError::new(
            8169,
            "Conversion failed when converting from a character string to uniqueidentifier.",
        )
    };
    match value {
        Value::Guid(bytes) => Ok(Value::Guid(*bytes)),
        Value::Text(text) => uuid::Uuid::parse_str(text.trim())
            .map(|u| Value::Guid(u.to_bytes_le()))
            .map_err(|_| bad()),
        Value::Bytes(bytes) => {
            let mut all = [0; 16];
            let n = bytes.len().min(16);
            all[..n].copy_from_slice(&bytes[..n]);
            Ok(Value::Guid(all))
        }
        _ => Err(not_allowed(from, "uniqueidentifier")),
    }
}
