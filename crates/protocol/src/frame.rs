//! What kind of line is this? Decided on its first bytes, so that a relay never parses a payload.

use crate::control::NAMES;

/// The bytes that every control line begins with, exactly.
pub const CONTROL_PREFIX: &[u8] = br#"{"@"#;

/// The kind of one line, without its newline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind<'a> {
    /// Nothing, or a lone carriage return: ignored by both sides.
    Blank,
    /// An envelope.
    Data,
    /// A control line with one of the reserved [`NAMES`]; the name is without `@`.
    Control(&'a str),
    /// Begins like a control line, and its name is not a reserved one (or has no end).
    /// From a version-1 provider this is data; from a version-2 provider it is an error.
    Unknown,
}

/// Decides the kind of a line.
///
/// ```
/// use dstream_protocol::{classify, LineKind};
/// assert_eq!(classify(br#"{"data":{"id":1},"metadata":{}}"#), LineKind::Data);
/// assert_eq!(classify(br#"{"@checkpoint":{"id":1,"state":{}}}"#), LineKind::Control("checkpoint"));
/// assert_eq!(classify(br#"{"@timestamp":"2024-01-01T00:00:00Z"}"#), LineKind::Unknown);
/// assert_eq!(classify(b""), LineKind::Blank);
/// ```
#[inline]
pub fn classify(line: &[u8]) -> LineKind<'_> {
    if line.starts_with(CONTROL_PREFIX) {
        return classify_control(&line[CONTROL_PREFIX.len()..]);
    }
    if is_blank(line) { LineKind::Blank } else { LineKind::Data }
}

/// Whether a line holds nothing: it is empty, or a lone carriage return.
#[inline]
pub fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"" | b"\r")
}

#[cold]
fn classify_control(rest: &[u8]) -> LineKind<'_> {
    let Some(end) = rest.iter().take(32).position(|&b| b == b'"') else {
        return LineKind::Unknown;
    };
    match std::str::from_utf8(&rest[..end]) {
        Ok(name) if NAMES.contains(&name) => LineKind::Control(name),
        _ => LineKind::Unknown,
    }
}

/// Wraps a line of a version-1 provider that begins like a control line, so that a version-2
/// provider takes it for the data that it is.
///
/// A line that is no JSON travels as a JSON string.
pub fn wrap_as_data(line: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(line);
    let data = match serde_json::from_str::<&serde_json::value::RawValue>(&text) {
        Ok(raw) => raw.get().to_owned(),
        Err(_) => serde_json::Value::String(text.into_owned()).to_string(),
    };
    format!(r#"{{"data":{data},"metadata":{{}}}}"#).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reserved_name_is_a_control_line_and_no_other_is() {
        for name in NAMES {
            let line = format!(r#"{{"@{name}":{{}}}}"#);
            assert_eq!(classify(line.as_bytes()), LineKind::Control(name));
        }
        assert_eq!(classify(br#"{"@checkpoints":{}}"#), LineKind::Unknown);
        assert_eq!(classify(br#"{"@"#), LineKind::Unknown);
        assert_eq!(classify(br#"{ "@stop":{}}"#), LineKind::Data);
    }

    #[test]
    fn a_wrapped_line_is_an_envelope_that_holds_the_line() {
        let wrapped = wrap_as_data(br#"{"@schema":1}"#);
        assert_eq!(wrapped, br#"{"data":{"@schema":1},"metadata":{}}"#);
        assert_eq!(wrap_as_data(br#"{"@x"#), br#"{"data":"{\"@x","metadata":{}}"#);
    }
}
