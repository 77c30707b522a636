//! JSON values as SQLite's, straight from their text.

use std::borrow::Cow;

use base64::Engine as _;
use dstream_sdk::FieldType;
use dstream_sdk::row::Cell;
use dstream_sql::literal::shown;
use rusqlite::Statement;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

/// Why a value cannot be written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{json} is no {kind}")]
pub(crate) struct WrongValue {
    json: String,
    kind: FieldType,
}

/// Binds a [`value`], or null.
pub(crate) fn bind(
    statement: &mut Statement<'_>,
    index: usize,
    kind: Option<FieldType>,
    cell: Option<Cell<'_>>,
) -> Result<rusqlite::Result<()>, WrongValue> {
    let Some(cell) = cell else {
        return Ok(statement.raw_bind_parameter(index, rusqlite::types::Null));
    };
    let value = value(kind, cell)?;
    Ok(statement.raw_bind_parameter(index, value))
}

/// The value that SQLite stores for `cell` in a column of type `kind`; `None`: as whatever it is.
#[inline]
pub(crate) fn value(
    kind: Option<FieldType>,
    cell: Cell<'_>,
) -> Result<ToSqlOutput<'_>, WrongValue> {
    let json = cell.json();
    let found = match json.as_bytes().first() {
        Some(b'n') => Some(ToSqlOutput::Borrowed(ValueRef::Null)),
        Some(b'"') => from_text(kind, cell.text()),
        Some(b't' | b'f') => from_bool(kind, json),
        Some(b'{' | b'[') => from_nested(kind, json),
        _ => from_number(kind, json),
    };
    found.ok_or_else(|| wrong(kind, json))
}

#[cold]
fn wrong(kind: Option<FieldType>, json: &str) -> WrongValue {
    WrongValue { json: shown(json), kind: kind.unwrap_or(FieldType::Json) }
}

fn integer(number: i64) -> Option<ToSqlOutput<'static>> {
    Some(ToSqlOutput::Borrowed(ValueRef::Integer(number)))
}

fn real(number: f64) -> Option<ToSqlOutput<'static>> {
    Some(ToSqlOutput::Borrowed(ValueRef::Real(number)))
}

fn owned_text<'a>(text: Cow<'a, str>) -> Option<ToSqlOutput<'a>> {
    Some(match text {
        Cow::Borrowed(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        Cow::Owned(text) => ToSqlOutput::Owned(Value::Text(text)),
    })
}

/// Integers beyond 2^53 and floats that JSON has no number for travel as strings.
fn from_text(kind: Option<FieldType>, text: Cow<'_, str>) -> Option<ToSqlOutput<'_>> {
    use FieldType::{Bool, Bytes, Float32, Float64, Int16, Int32, Int64, Uint64};
    match kind {
        Some(Int16 | Int32 | Int64 | Uint64) => integer(text.parse().ok()?),
        Some(Float32 | Float64) => match &*text {
            // SQLite has no NaN: it stores null for one.
            "NaN" => Some(ToSqlOutput::Borrowed(ValueRef::Null)),
            "Infinity" => real(f64::INFINITY),
            "-Infinity" => real(f64::NEG_INFINITY),
            text => real(text.parse().ok()?),
        },
        Some(Bytes) => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(&*text).ok()?;
            Some(ToSqlOutput::Owned(Value::Blob(bytes)))
        }
        Some(Bool) => None,
        _ => owned_text(text),
    }
}

fn from_bool(kind: Option<FieldType>, json: &str) -> Option<ToSqlOutput<'_>> {
    match kind {
        None | Some(FieldType::Bool) => integer(i64::from(json == "true")),
        Some(FieldType::String | FieldType::Json | FieldType::Enum) => {
            owned_text(Cow::Borrowed(json))
        }
        _ => None,
    }
}

fn from_nested(kind: Option<FieldType>, json: &str) -> Option<ToSqlOutput<'_>> {
    match kind {
        None | Some(FieldType::String | FieldType::Json | FieldType::Array) => {
            owned_text(Cow::Borrowed(json))
        }
        _ => None,
    }
}

/// Numbers are read from their digits, so that nothing is rounded on the way.
fn from_number(kind: Option<FieldType>, json: &str) -> Option<ToSqlOutput<'_>> {
    use FieldType::{Bool, Bytes, Float32, Float64, Int16, Int32, Int64, Uint64};
    match kind {
        Some(Int16 | Int32 | Int64 | Uint64) => integer(json.parse().ok()?),
        Some(Float32 | Float64) => real(json.parse().ok()?),
        Some(Bool) => integer(json.parse().ok().filter(|n| matches!(n, 0 | 1))?),
        Some(Bytes) => None,
        Some(_) => owned_text(Cow::Borrowed(json)),
        None => match json.parse() {
            Ok(number) => integer(number),
            Err(_) if json.bytes().all(|b| b.is_ascii_digit() || b == b'-') => {
                owned_text(Cow::Borrowed(json))
            }
            Err(_) => real(json.parse().ok()?),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(kind: Option<FieldType>, json: &str) -> Option<Value> {
        value(kind, Cell::new(json)).ok().map(|output| match output {
            ToSqlOutput::Borrowed(value) => value.try_into().unwrap(),
            ToSqlOutput::Owned(value) => value,
            _ => panic!("neither borrowed nor owned"),
        })
    }

    #[test]
    fn values_keep_all_that_they_are() {
        use FieldType::*;
        let text = |t: &str| Some(Value::Text(t.into()));
        assert_eq!(stored(Some(Int64), "\"9223372036854775807\""), Some(Value::Integer(i64::MAX)));
        assert_eq!(stored(Some(Decimal(18, 2)), "\"12.50\""), text("12.50"));
        assert_eq!(stored(Some(Decimal(18, 2)), "12.50"), text("12.50"));
        assert_eq!(
            stored(Some(Float64), "-5.213370513951908e-156"),
            Some(Value::Real(-5.213370513951908e-156))
        );
        assert_eq!(stored(Some(Bytes), "\"AP8=\""), Some(Value::Blob(vec![0, 255])));
        assert_eq!(stored(Some(Bool), "true"), Some(Value::Integer(1)));
        assert_eq!(stored(Some(String), r#""a\u00e9\n\"""#), text("aé\n\""));
        assert_eq!(stored(Some(Json), r#"{"a":[1]}"#), text(r#"{"a":[1]}"#));
        assert_eq!(stored(Some(Float64), "\"NaN\""), Some(Value::Null));
        assert_eq!(stored(None, "18446744073709551615"), text("18446744073709551615"));
        assert_eq!(stored(None, "1.5"), Some(Value::Real(1.5)));
    }

    #[test]
    fn a_value_of_another_type_is_refused_not_bent() {
        use FieldType::*;
        for (kind, json) in [
            (Int64, "1.5"),
            (Int64, "\"x\""),
            (Uint64, "18446744073709551615"),
            (Bool, "2"),
            (Bytes, "\"%%\""),
            (Int64, "true"),
            (Date, "{}"),
        ] {
            assert_eq!(stored(Some(kind), json), None, "{kind} {json}");
        }
    }
}
