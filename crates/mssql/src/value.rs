//! A value as JSON, exactly: decimals as text, times with every digit that they have, bytes in base64.

mod moment;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::Write as _;
use tiberius::ColumnData;
use tiberius::numeric::Numeric;

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
        ColumnData::DateTime(v) => moment::datetime(out, (*v)?),
        ColumnData::SmallDateTime(v) => moment::small(out, (*v)?),
        ColumnData::Date(v) => moment::date(out, (*v)?),
        ColumnData::Time(v) => moment::time(out, (*v)?),
        ColumnData::DateTime2(v) => moment::datetime2(out, (*v)?),
        ColumnData::DateTimeOffset(v) => moment::offset(out, (*v)?),
    }
    Some(())
}

fn number(out: &mut Vec<u8>, value: impl Into<i64>) {
    out.extend_from_slice(itoa::Buffer::new().format(value.into()).as_bytes());
}

/// As text where a reader might round it.
fn large(out: &mut Vec<u8>, value: i64) {
    match value.unsigned_abs() <= EXACT {
        true => number(out, value),
        false => {
            out.push(b'"');
            number(out, value);
            out.push(b'"');
        }
    }
}

/// The shortest text that is read as the same value, with an exponent where JavaScript has one. (Three
/// hundred digits are read by some as infinite.)
fn real<F: std::fmt::Display + std::fmt::LowerExp + Copy + Into<f64>>(out: &mut Vec<u8>, value: F) {
    let size: f64 = value.into().abs();
    // A Vec takes everything.
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
    let mut rest = value.as_bytes();
    while let Some(at) = first_special(rest) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        escape(out, special[0]);
        rest = &special[1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Where a byte stands that JSON wants escaped. Most text has none: it is looked through in pieces,
/// without a branch for each byte.
fn first_special(bytes: &[u8]) -> Option<usize> {
    const PIECE: usize = 32;
    let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    let is_plain = |piece: &[u8]| !piece.iter().fold(false, |any, byte| any | is_special(byte));
    let plain = bytes.chunks_exact(PIECE).take_while(|piece| is_plain(piece)).count() * PIECE;
    bytes[plain..].iter().position(is_special).map(|at| plain + at)
}

#[cold]
fn escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => write!(out, "\\u{byte:04x}").unwrap_or_default(),
    }
}

fn decimal(out: &mut Vec<u8>, value: Numeric) {
    let (digits, scale) = (value.value().unsigned_abs(), usize::from(value.scale()));
    let mut buffer = itoa::Buffer::new();
    // Most fit, and are quicker then.
    let digits = match u64::try_from(digits) {
        Ok(digits) => buffer.format(digits),
        Err(_) => buffer.format(digits),
    };
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
    out.extend_from_slice(if value.value() < 0 { b"\"-" } else { b"\"" });
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole.as_bytes() });
    if scale > 0 {
        out.push(b'.');
        out.extend(std::iter::repeat_n(b'0', scale - fraction.len()));
        out.extend_from_slice(fraction.as_bytes());
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use tiberius::time::{Date, DateTime, DateTime2, DateTimeOffset, SmallDateTime, Time};

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
        assert_eq!(decimal(5, 1), "\"0.5\"");
        assert_eq!(decimal(-12, 2), "\"-0.12\"");
        assert_eq!(decimal(0, 3), "\"0.000\"");
        assert_eq!(decimal(i128::MIN + 1, 38), format!("\"-1.{}\"", &i128::MAX.to_string()[1..]));
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
    fn text_is_escaped_wherever_what_is_special_stands() {
        for length in 0..70 {
            let plain: String = ('a'..='z').cycle().take(length).collect();
            assert_eq!(
                json(ColumnData::String(Some(plain.clone().into()))),
                format!("\"{plain}\"")
            );
            for at in 0..length {
                for special in ['"', '\\', '\n', '\u{0}', '\u{1f}', '\u{7f}', 'ü', '😀'] {
                    let text = format!("{}{special}{}\"", &plain[..at], &plain[at..]);
                    let json = json(ColumnData::String(Some(text.clone().into())));
                    assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
                    assert_eq!(json.len(), serde_json::to_string(&text).unwrap().len(), "{json}");
                }
            }
        }
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
