//! The text of a CSV field as the JSON value that its column's type asks for.

use base64::Engine as _;
use dstream_protocol::FieldType;

use super::time;
use crate::json_text;

/// Integers up to here are exact in every JSON reader; beyond it they travel as strings.
const MAX_EXACT: u64 = 1 << 53;

/// Writes `text` as a value of type `kind`; `false`, with nothing of use written, where it is none.
#[inline]
pub(crate) fn write(kind: FieldType, text: &str, out: &mut Vec<u8>) -> bool {
    match kind {
        FieldType::String | FieldType::Enum => {
            json_text::write_string(text, out);
            true
        }
        FieldType::Int64 => write_integer(text, i64::MIN.into(), i64::MAX.into(), out),
        FieldType::Int32 => write_integer(text, i32::MIN.into(), i32::MAX.into(), out),
        FieldType::Int16 => write_integer(text, i16::MIN.into(), i16::MAX.into(), out),
        FieldType::Uint64 => write_integer(text, 0, u64::MAX.into(), out),
        FieldType::Float64 | FieldType::Float32 => write_float(text, out),
        FieldType::Decimal(precision, scale) => write_decimal(text, precision, scale, out),
        FieldType::Bool => write_bool(text, out),
        FieldType::Date => time::is_date(text) && quoted(text, out),
        FieldType::Time => time::is_time(text) && quoted(text, out),
        FieldType::Timestamp => time::write_timestamp(text, false, out),
        FieldType::Timestamptz => time::write_timestamp(text, true, out),
        FieldType::Uuid => is_uuid(text) && quoted(text, out),
        FieldType::Bytes => is_base64(text) && quoted(text, out),
        FieldType::Json => write_json(text, out),
        FieldType::Array => text.trim_start().starts_with('[') && write_json(text, out),
    }
}

/// For text that is known to need no escapes.
fn quoted(text: &str, out: &mut Vec<u8>) -> bool {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
    true
}

#[inline]
fn write_integer(text: &str, min: i128, max: i128, out: &mut Vec<u8>) -> bool {
    let bytes = text.as_bytes();
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let short = (1..=15).contains(&digits.len()) && (digits[0] != b'0' || bytes.len() == 1);
    let wide = max >= i64::MAX.into() && (min < 0 || digits.len() == bytes.len());
    if short && wide && digits.iter().all(u8::is_ascii_digit) {
        out.extend_from_slice(bytes);
        return true;
    }
    write_any_integer(text, min, max, out)
}

/// A sign, zeros in front, blanks around it, more digits than are exact, a narrow type.
#[cold]
fn write_any_integer(text: &str, min: i128, max: i128, out: &mut Vec<u8>) -> bool {
    let Ok(number) = text.trim().parse::<i128>() else { return false };
    if number < min || number > max {
        return false;
    }
    let written = number.to_string();
    if number.unsigned_abs() > MAX_EXACT.into() {
        return quoted(&written, out);
    }
    out.extend_from_slice(written.as_bytes());
    true
}

/// The length of the JSON number that `text` begins with, were it one from end to end.
#[inline]
pub(crate) fn is_json_number(text: &[u8]) -> bool {
    let rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    let mut rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] => {
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
        _ => false,
    }
}

#[inline]
fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|b| b.is_ascii_digit()).count()
}

#[inline]
fn write_float(text: &str, out: &mut Vec<u8>) -> bool {
    if is_json_number(text.as_bytes()) && text.len() <= 24 {
        out.extend_from_slice(text.as_bytes());
        return true;
    }
    write_any_float(text, out)
}

/// `+1`, `.5`, `1.`, and what JSON has no number for: those travel as strings.
#[cold]
fn write_any_float(text: &str, out: &mut Vec<u8>) -> bool {
    let Ok(number) = text.trim().parse::<f64>() else { return false };
    if number.is_nan() {
        return quoted("NaN", out);
    }
    if number.is_infinite() {
        return quoted(if number > 0.0 { "Infinity" } else { "-Infinity" }, out);
    }
    serde_json::to_writer(out, &number).is_ok()
}

/// Exact: the digits stay as they are, as a string; `precision` 0 is no bound.
fn write_decimal(text: &str, precision: u16, scale: u16, out: &mut Vec<u8>) -> bool {
    let text = text.trim();
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    let numeric = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !numeric(whole) || !numeric(fraction) {
        return false;
    }
    if precision > 0 {
        let before = whole.trim_start_matches('0').len();
        let after = fraction.trim_end_matches('0').len();
        if after > usize::from(scale) || before + usize::from(scale) > usize::from(precision) {
            return false;
        }
    }
    quoted(text.strip_prefix('+').unwrap_or(text), out)
}

fn write_bool(text: &str, out: &mut Vec<u8>) -> bool {
    const TRUE: [&str; 5] = ["true", "t", "yes", "y", "1"];
    const FALSE: [&str; 5] = ["false", "f", "no", "n", "0"];
    let is = |words: [&str; 5]| words.iter().any(|w| w.eq_ignore_ascii_case(text));
    let word = match (is(TRUE), is(FALSE)) {
        (true, _) => "true",
        (_, true) => "false",
        _ => return false,
    };
    out.extend_from_slice(word.as_bytes());
    true
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_base64(text: &str) -> bool {
    base64::engine::general_purpose::STANDARD.decode(text).is_ok()
}

/// Validated, and copied without line breaks: outside of strings they are mere blanks.
fn write_json(text: &str, out: &mut Vec<u8>) -> bool {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return false;
    }
    out.extend(text.trim().bytes().map(|b| if b == b'\n' || b == b'\r' { b' ' } else { b }));
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(kind: FieldType, text: &str) -> Option<String> {
        let mut out = Vec::new();
        write(kind, text, &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn integers_keep_their_value_and_large_ones_travel_as_strings() {
        use FieldType::{Int16, Int64, Uint64};
        assert_eq!(json(Int64, "-17").as_deref(), Some("-17"));
        assert_eq!(json(Int64, "+007 ").as_deref(), Some("7"));
        assert_eq!(json(Int64, "9007199254740992").as_deref(), Some("9007199254740992"));
        assert_eq!(json(Int64, "9007199254740993").as_deref(), Some("\"9007199254740993\""));
        assert_eq!(json(Int64, "9223372036854775808"), None);
        assert_eq!(
            json(Uint64, "18446744073709551615").as_deref(),
            Some("\"18446744073709551615\"")
        );
        assert_eq!(json(Uint64, "-1"), None);
        assert_eq!(json(Int16, "32768"), None);
        for wrong in ["", "-", "1.0", "1e3", "0x1", "１"] {
            assert_eq!(json(Int64, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn floats_keep_their_digits_and_are_normalised_only_where_json_asks_for_it() {
        use FieldType::Float64;
        assert_eq!(json(Float64, "12.50").as_deref(), Some("12.50"));
        assert_eq!(json(Float64, "-1e-7").as_deref(), Some("-1e-7"));
        assert_eq!(json(Float64, ".5").as_deref(), Some("0.5"));
        assert_eq!(json(Float64, "+1.").as_deref(), Some("1.0"));
        assert_eq!(json(Float64, "00.5").as_deref(), Some("0.5"));
        assert_eq!(json(Float64, "nan").as_deref(), Some("\"NaN\""));
        assert_eq!(json(Float64, "-inf").as_deref(), Some("\"-Infinity\""));
        assert_eq!(json(Float64, "1,5"), None);
    }

    #[test]
    fn decimals_are_strings_and_are_held_to_their_precision_and_scale() {
        let money = FieldType::Decimal(6, 2);
        assert_eq!(json(money, "1234.50").as_deref(), Some("\"1234.50\""));
        assert_eq!(json(money, "12345.5"), None);
        assert_eq!(json(money, "1.234"), None);
        assert_eq!(
            json(FieldType::Decimal(0, 0), "+1.2345678901234567890").as_deref(),
            Some("\"1.2345678901234567890\"")
        );
    }

    #[test]
    fn json_columns_are_checked_and_stay_on_one_line() {
        assert_eq!(json(FieldType::Json, "{\"a\":\n1}").as_deref(), Some("{\"a\": 1}"));
        assert_eq!(json(FieldType::Json, "{a:1}"), None);
        assert_eq!(json(FieldType::Array, "{}"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_always_json(text in "[-+0-9.eE\"\\\\a-f\\[\\]{}:\u{0}-\u{1f}é]{0,8}") {
            use FieldType::*;
            for kind in [String, Int64, Int16, Uint64, Float64, Decimal(4, 2), Bool, Date, Time,
                Timestamp, Timestamptz, Uuid, Bytes, Json, Array] {
                if let Some(written) = json(kind, &text) {
                    prop_assert!(serde_json::from_str::<serde_json::Value>(&written).is_ok(), "{kind} {text:?} {written}");
                    prop_assert!(!written.contains('\n'));
                }
            }
        }

        #[test]
        fn any_float_comes_back_as_itself(number: f64) {
            let written = json(FieldType::Float64, &number.to_string()).unwrap();
            if number.is_finite() {
                prop_assert_eq!(written.parse::<f64>().unwrap(), number);
            }
        }
    }
}
