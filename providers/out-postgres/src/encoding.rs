//! JSON values as the text that PostgreSQL reads, straight from their JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dstream_sdk::FieldType;
use dstream_sdk::row::Cell;
use dstream_sql::literal::shown;
use serde_json::value::RawValue;

/// How the values of a column are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// A string's text, and the JSON of everything else.
    Text,
    /// Base64 becomes `\x…`.
    Bytes,
    /// The JSON as it is.
    Json,
    /// A JSON array becomes an array's literal; a string is one already.
    Array {
        /// Its elements.
        element: Box<Encoding>,
        /// What stands between them.
        delimiter: u8,
    },
}

/// Why a value cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{shown} is no {wanted}")]
pub(crate) struct WrongValue {
    shown: String,
    wanted: &'static str,
}

impl Encoding {
    /// For a column of the type with this name in the catalog, or an array of elements of a type,
    /// with what stands between them. `kind`: the type in the stream.
    pub(crate) fn of(name: &str, element: Option<(&str, &str)>, kind: Option<FieldType>) -> Self {
        use FieldType::{Array, Bytes, Json};
        match (name, element) {
            (_, Some((element, delimiter))) => Self::Array {
                element: Box::new(Self::of(element, None, Some(element_kind(element)))),
                delimiter: delimiter.bytes().next().unwrap_or(b','),
            },
            ("bytea", None) if kind == Some(Bytes) => Self::Bytes,
            // A text that holds JSON is JSON; that of a column without a schema is what it looks like.
            ("json" | "jsonb", None) if matches!(kind, None | Some(Json | Array)) => Self::Json,
            _ => Self::Text,
        }
    }

    /// Appends the value's text; `false`: it is null, and nothing is appended.
    #[inline]
    pub(crate) fn write(&self, cell: Cell<'_>, out: &mut Vec<u8>) -> Result<bool, WrongValue> {
        let json = cell.json();
        if cell.is_null() {
            return Ok(false);
        }
        let is_text = json.starts_with('"');
        match self {
            Self::Text if is_text => out.extend_from_slice(cell.text().as_bytes()),
            Self::Text | Self::Json => out.extend_from_slice(json.as_bytes()),
            Self::Bytes if is_text => write_bytes(&cell.text(), out)?,
            Self::Bytes => return Err(wrong(json, "base64")),
            Self::Array { .. } if is_text => out.extend_from_slice(cell.text().as_bytes()),
            Self::Array { element, delimiter } => write_array(json, element, *delimiter, out)?,
        }
        Ok(true)
    }

    /// Whether what [`write`](Self::write) appends for the cell is known to hold neither control
    /// characters nor backslashes.
    #[inline]
    pub(crate) fn is_clean(&self, cell: Cell<'_>) -> bool {
        let json = cell.json().as_bytes();
        match self {
            Self::Text => cell.is_plain() || !matches!(json.first(), Some(b'"' | b'{' | b'[')),
            _ => false,
        }
    }
}

/// The stream does not say what an array's elements are; the table does.
fn element_kind(name: &str) -> FieldType {
    match name {
        "bytea" => FieldType::Bytes,
        "json" | "jsonb" => FieldType::Json,
        _ => FieldType::String,
    }
}

fn write_bytes(text: &str, out: &mut Vec<u8>) -> Result<(), WrongValue> {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    let bytes = STANDARD.decode(text).map_err(|_| wrong(text, "base64"))?;
    out.extend_from_slice(b"\\x");
    out.extend(bytes.iter().flat_map(|b| [HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]));
    Ok(())
}

/// <https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>: elements in quotes, those of
/// more dimensions in braces of their own.
fn write_array(
    json: &str,
    element: &Encoding,
    delimiter: u8,
    out: &mut Vec<u8>,
) -> Result<(), WrongValue> {
    let items: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| wrong(json, "array"))?;
    out.push(b'{');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(delimiter);
        }
        let cell = Cell::new(item.get());
        if *element != Encoding::Json && item.get().starts_with('[') {
            write_array(item.get(), element, delimiter, out)?;
            continue;
        }
        let start = out.len();
        match element.write(cell, out)? {
            true => quote(out, start),
            false => out.extend_from_slice(b"NULL"),
        }
    }
    out.push(b'}');
    Ok(())
}

/// Puts quotes around what stands from `start`.
fn quote(out: &mut Vec<u8>, start: usize) {
    let text = out.split_off(start);
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cold]
fn wrong(json: &str, wanted: &'static str) -> WrongValue {
    WrongValue { shown: shown(json), wanted }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(encoding: &Encoding, json: &str) -> Option<String> {
        let mut out = Vec::new();
        let there = encoding.write(Cell::new(json), &mut out).unwrap();
        there.then(|| String::from_utf8(out).unwrap())
    }

    fn array(of: &str) -> Encoding {
        Encoding::of("_x", Some((of, ",")), Some(FieldType::Array))
    }

    #[test]
    fn a_value_is_written_as_its_column_reads_it() {
        let text = Encoding::of("text", None, None);
        assert_eq!(written(&text, r#""a\nb""#).as_deref(), Some("a\nb"));
        assert_eq!(written(&text, "1.50").as_deref(), Some("1.50"));
        assert_eq!(written(&text, r#"{"a": 1}"#).as_deref(), Some(r#"{"a": 1}"#));
        assert_eq!(written(&text, "null"), None);
        let bytes = Encoding::of("bytea", None, Some(FieldType::Bytes));
        assert_eq!(written(&bytes, "\"AP8=\"").as_deref(), Some("\\x00ff"));
        assert!(bytes.write(Cell::new("\"%\""), &mut Vec::new()).is_err());
        let json = Encoding::of("jsonb", None, Some(FieldType::Json));
        assert_eq!(written(&json, r#""text""#).as_deref(), Some(r#""text""#));
        let held = Encoding::of("jsonb", None, Some(FieldType::String));
        assert_eq!(written(&held, r#""{\"a\":1}""#).as_deref(), Some(r#"{"a":1}"#));
    }

    #[test]
    fn an_array_is_written_as_its_literal() {
        let all = r#"["a\"b\\", null, "NULL", "", [1, 2]]"#;
        assert_eq!(
            written(&array("text"), all).as_deref(),
            Some(r#"{"a\"b\\",NULL,"NULL","",{"1","2"}}"#)
        );
        assert_eq!(written(&array("bytea"), r#"["AA=="]"#).as_deref(), Some(r#"{"\\x00"}"#));
        assert_eq!(
            written(&array("jsonb"), r#"[{"a":[1]},[2]]"#).as_deref(),
            Some(r#"{"{\"a\":[1]}","[2]"}"#)
        );
        assert_eq!(written(&array("int4"), "\"[0:1]={1,2}\"").as_deref(), Some("[0:1]={1,2}"));
        assert_eq!(written(&array("int4"), "[]").as_deref(), Some("{}"));
        assert!(array("int4").write(Cell::new("{}"), &mut Vec::new()).is_err());
    }
}
