//! JSON, appended to bytes: strings, numbers, base64.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Integers beyond this are strings: a reader that has only floats would round them.
const EXACT: u64 = 1 << 53;

/// Appends a JSON string. What is no UTF-8 becomes U+FFFD.
pub(crate) fn string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    match std::str::from_utf8(bytes) {
        Ok(text) => escaped(text.as_bytes(), out),
        Err(_) => escaped(String::from_utf8_lossy(bytes).as_bytes(), out),
    }
    out.push(b'"');
}

fn escaped(mut bytes: &[u8], out: &mut Vec<u8>) {
    let special = |b: &u8| *b < 0x20 || *b == b'"' || *b == b'\\';
    while let Some(at) = bytes.iter().position(special) {
        out.extend_from_slice(&bytes[..at]);
        match bytes[at] {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            // Writing to a Vec does not fail.
            other => drop(write!(out, "\\u{other:04x}")),
        }
        bytes = &bytes[at + 1..];
    }
    out.extend_from_slice(bytes);
}

/// Appends a whole number, as a string where it is beyond ±2^53.
pub(crate) fn integer(negative: bool, size: u64, out: &mut Vec<u8>) {
    let sign = if negative { "-" } else { "" };
    if size > EXACT {
        drop(write!(out, "\"{sign}{size}\""));
        return;
    }
    let mut digits = [0; 20];
    let (mut at, mut rest) = (digits.len(), size);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(sign.as_bytes());
    out.extend_from_slice(&digits[at..]);
}

/// The same, with a sign.
pub(crate) fn signed(value: i64, out: &mut Vec<u8>) {
    integer(value < 0, value.unsigned_abs(), out);
}

/// Appends the shortest number that is this one.
pub(crate) fn float64(value: f64, out: &mut Vec<u8>) {
    // Neither writing to a Vec nor a number can fail.
    drop(serde_json::to_writer(out, &value));
}

/// Appends the shortest number that is this one.
pub(crate) fn float32(value: f32, out: &mut Vec<u8>) {
    drop(serde_json::to_writer(out, &value));
}

/// Appends base64 in quotes.
pub(crate) fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or_default();
    out.truncate(start + written);
    out.push(b'"');
}

/// Appends hexadecimal digits.
pub(crate) fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        drop(write!(out, "{byte:02X}"));
    }
}

/// Appends JSON that a database holds as text: on one line, and as a string where it is no JSON
/// (MariaDB lets that in with `check_constraint_checks=0`).
pub(crate) fn json(bytes: &[u8], out: &mut Vec<u8>) {
    if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_err() {
        return string(bytes, out);
    }
    // Inside a JSON string a line break is escaped, so these stand between values.
    out.extend(bytes.iter().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { *b }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fill: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        fill(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn integers_are_numbers_up_to_2_to_the_53_and_strings_beyond() {
        assert_eq!(of(|out| integer(false, 1 << 53, out)), "9007199254740992");
        assert_eq!(of(|out| integer(false, u64::MAX, out)), "\"18446744073709551615\"");
        assert_eq!(of(|out| signed(i64::MIN, out)), "\"-9223372036854775808\"");
        assert_eq!(of(|out| signed(-10, out)) + &of(|out| signed(0, out)), "-100");
    }

    #[test]
    fn a_string_reads_back_as_what_it_was() {
        for text in ["plain", "a\"b\\c\n\r\t\u{1}\u{1f}\u{7f}", "é€😀", ""] {
            let json = of(|out| string(text.as_bytes(), out));
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
        assert_eq!(of(|out| string(b"a\xff", out)), "\"a\u{fffd}\"");
    }

    #[test]
    fn stored_json_goes_on_one_line_and_what_is_none_becomes_a_string() {
        assert_eq!(of(|out| json(b"{\"a\":\n 1}", out)), r#"{"a":  1}"#);
        assert_eq!(of(|out| json(b"nonsense", out)), r#""nonsense""#);
    }

    #[test]
    fn bytes_are_base64_with_padding() {
        assert_eq!(of(|out| base64(b"\0\xffa", out)), r#""AP9h""#);
        assert_eq!(of(|out| base64(b"a", out)), r#""YQ==""#);
        assert_eq!(of(|out| base64(b"", out)), r#""""#);
    }
}
