//! MySQL's binary JSON as text, as the server itself prints it.

use std::io::Write;

use mysql_common::binlog::jsonb::{JsonContainer, JsonDom, JsonNumber, JsonScalar, Value};
use mysql_common::io::ParseBuf;
use mysql_common::proto::MyDeserialize;

use super::bytes::Damaged;
use crate::text;

/// Appends the document; nothing where there is none, which the server prints as `null`.
pub(crate) fn render(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Damaged> {
    if bytes.is_empty() {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    let damaged = |_| Damaged("a JSON document in it cannot be read");
    let value = Value::deserialize((), &mut ParseBuf(bytes)).map_err(damaged)?;
    node(&value.parse().map_err(damaged)?, out);
    Ok(())
}

fn node(dom: &JsonDom, out: &mut Vec<u8>) {
    match dom {
        JsonDom::Scalar(value) => scalar(value, out),
        JsonDom::Container(JsonContainer::Array(items)) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.extend_from_slice(b", ");
                }
                node(item, out);
            }
            out.push(b']');
        }
        JsonDom::Container(JsonContainer::Object(entries)) => {
            // The server orders keys by length first.
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| (key.len(), key.as_bytes()));
            out.push(b'{');
            for (at, (key, value)) in entries.into_iter().enumerate() {
                if at > 0 {
                    out.extend_from_slice(b", ");
                }
                text::string(key.as_bytes(), out);
                out.extend_from_slice(b": ");
                node(value, out);
            }
            out.push(b'}');
        }
    }
}

fn scalar(value: &JsonScalar, out: &mut Vec<u8>) {
    let quoted = |shown: String, out: &mut Vec<u8>| text::string(shown.as_bytes(), out);
    match value {
        JsonScalar::Null => out.extend_from_slice(b"null"),
        JsonScalar::Boolean(true) => out.extend_from_slice(b"true"),
        JsonScalar::Boolean(false) => out.extend_from_slice(b"false"),
        JsonScalar::String(value) => text::string(value.as_bytes(), out),
        JsonScalar::DateTime(moment) => quoted(format!("{moment:.6}"), out),
        JsonScalar::Opaque(value) => quoted(value.to_string(), out),
        JsonScalar::Number(JsonNumber::Double(value)) => text::float64(*value, out),
        // Writing to a Vec does not fail.
        JsonScalar::Number(JsonNumber::Decimal(value)) => drop(write!(out, "{value}")),
        JsonScalar::Number(JsonNumber::Int(value)) => drop(write!(out, "{value}")),
        JsonScalar::Number(JsonNumber::Uint(value)) => drop(write!(out, "{value}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_object_is_text_and_a_damaged_one_an_error() {
        // {"a": 7}: small object, one element, 12 bytes; key at 11, one byte; int16 7 inline.
        let bytes = [0, 1, 0, 12, 0, 11, 0, 1, 0, 5, 7, 0, b'a'];
        let mut out = Vec::new();
        render(&bytes, &mut out).unwrap();
        assert_eq!(out, br#"{"a": 7}"#);
        assert!(render(&[77, 0], &mut out).is_err());
    }
}
