//! One value: the server's text, by its type.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::array;
use super::text::{plain, string};

/// How a type's text becomes JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `t`, `f`.
    Bool,
    /// An integer that a JSON number holds exactly.
    Int,
    /// An integer that may not.
    Int8,
    /// A number, `NaN` or `Infinity`.
    Float,
    /// A string of characters that need no escapes.
    Plain,
    /// Any string.
    Text,
    /// JSON.
    Json,
    /// `\x` and hexadecimal digits.
    Bytes,
    /// `2024-05-01 10:20:30.5`.
    Timestamp,
    /// `2024-05-01 10:20:30.5+00`.
    Timestamptz,
    /// An array literal; the elements' kind, and what stands between them.
    Array(Box<Kind>, u8),
}

/// Beyond this a reader that takes numbers for floats would be wrong.
const EXACT: u64 = 1 << 53;

/// Appends the value.
#[inline]
pub(crate) fn value(out: &mut Vec<u8>, kind: &Kind, text: &[u8]) {
    match kind {
        Kind::Int => out.extend_from_slice(text),
        Kind::Int8 => int8(out, text),
        Kind::Text => string(out, text),
        Kind::Plain => plain(out, text),
        Kind::Bool => out.extend_from_slice(if text == b"t" { b"true" } else { b"false" }),
        Kind::Float => match text.last() {
            // NaN, Infinity
            Some(b'N' | b'y') => plain(out, text),
            _ => out.extend_from_slice(text),
        },
        Kind::Timestamp => timestamp(out, text, b""),
        Kind::Timestamptz => timestamp(out, text, b"+00"),
        Kind::Json => json(out, text),
        Kind::Bytes => bytes(out, text),
        Kind::Array(element, delimiter) => array::array(out, element, *delimiter, text),
    }
}

#[inline]
fn int8(out: &mut Vec<u8>, text: &[u8]) {
    // 15 digits are always below 2^53.
    let exact = text.len() <= 15 || {
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        let number = std::str::from_utf8(digits).ok().and_then(|d| d.parse::<u64>().ok());
        number.is_some_and(|n| n <= EXACT)
    };
    if exact { out.extend_from_slice(text) } else { plain(out, text) }
}

/// As RFC 3339 where the year has four digits; the server's own text for the rest (`infinity`,
/// years before Christ or after 9999), which RFC 3339 cannot say.
#[inline]
fn timestamp(out: &mut Vec<u8>, text: &[u8], zone: &[u8]) {
    let common = text.get(10) == Some(&b' ') && text.get(4) == Some(&b'-') && text.ends_with(zone);
    // A year before Christ ends in " BC".
    if !common || text.last() == Some(&b'C') {
        return plain(out, text);
    }
    out.push(b'"');
    out.extend_from_slice(&text[..10]);
    out.push(b'T');
    out.extend_from_slice(&text[11..text.len() - zone.len()]);
    out.extend_from_slice(if zone.is_empty() { b"\"" } else { b"Z\"" });
}

/// As it is. A line end can only stand between tokens, where a space means the same.
fn json(out: &mut Vec<u8>, text: &[u8]) {
    let start = out.len();
    out.extend_from_slice(text);
    while let Some(at) = memchr::memchr2(b'\n', b'\r', &out[start..]) {
        // Rare enough, and each is looked for from the start only once per line end.
        let at = start + at;
        for byte in &mut out[at..] {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
}

fn bytes(out: &mut Vec<u8>, text: &[u8]) {
    let hex = text.strip_prefix(b"\\x").unwrap_or(text);
    let digit = |d: u8| match d {
        b'0'..=b'9' => d - b'0',
        _ => (d | 0x20).wrapping_sub(b'a').wrapping_add(10) & 15,
    };
    out.push(b'"');
    // Whole groups of three, so that the base64 of the pieces is that of the whole.
    let mut piece = [0; 3 * 256];
    let mut encoded = [0; 4 * 256];
    for part in hex.chunks(2 * piece.len()) {
        let count = part.len() / 2;
        for (byte, pair) in piece.iter_mut().zip(part.chunks_exact(2)) {
            *byte = digit(pair[0]) << 4 | digit(pair[1]);
        }
        // The buffer is as large as a whole piece becomes.
        let length = STANDARD.encode_slice(&piece[..count], &mut encoded).unwrap_or(0);
        out.extend_from_slice(&encoded[..length]);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(kind: Kind, text: &str) -> String {
        let mut out = Vec::new();
        value(&mut out, &kind, text.as_bytes());
        let json = String::from_utf8(out).unwrap();
        serde_json::from_str::<serde_json::Value>(&json).unwrap();
        json
    }

    #[test]
    fn numbers_are_numbers_where_every_reader_gets_them_right() {
        assert_eq!(shown(Kind::Int, "-32768"), "-32768");
        assert_eq!(shown(Kind::Int8, "9007199254740992"), "9007199254740992");
        assert_eq!(shown(Kind::Int8, "9007199254740993"), "\"9007199254740993\"");
        assert_eq!(shown(Kind::Int8, "-9223372036854775808"), "\"-9223372036854775808\"");
        assert_eq!(shown(Kind::Float, "1e+20"), "1e+20");
        assert_eq!(shown(Kind::Float, "-Infinity"), "\"-Infinity\"");
        assert_eq!(shown(Kind::Float, "NaN"), "\"NaN\"");
    }

    #[test]
    fn times_are_rfc_3339_where_that_can_say_them() {
        assert_eq!(shown(Kind::Timestamp, "2024-05-01 10:20:30.5"), "\"2024-05-01T10:20:30.5\"");
        assert_eq!(shown(Kind::Timestamptz, "2024-05-01 10:20:30+00"), "\"2024-05-01T10:20:30Z\"");
        for text in ["infinity", "-infinity"] {
            assert_eq!(shown(Kind::Timestamp, text), format!("\"{text}\""));
        }
        let before_christ = "0044-03-15 12:00:00 BC";
        assert_eq!(shown(Kind::Timestamp, before_christ), format!("\"{before_christ}\""));
        let far = "12024-05-01 10:20:30+00";
        assert_eq!(shown(Kind::Timestamptz, far), format!("\"{far}\""));
        assert_eq!(
            shown(Kind::Timestamptz, "0044-03-15 12:00:00+00 BC"),
            "\"0044-03-15 12:00:00+00 BC\""
        );
    }

    #[test]
    fn json_keeps_its_text_but_for_line_ends() {
        assert_eq!(
            shown(Kind::Json, "{\"a\":\n 1.0,\r\n\"b\\n\": 2}"),
            "{\"a\":  1.0,  \"b\\n\": 2}"
        );
    }

    #[test]
    fn bytes_of_any_length_are_base64() {
        for length in [0, 1, 2, 3, 767, 768, 769, 5000] {
            let bytes: Vec<u8> = (0..length).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(
                shown(Kind::Bytes, &format!("\\x{hex}")),
                format!("\"{}\"", STANDARD.encode(&bytes))
            );
        }
    }
}
