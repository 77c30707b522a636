//! One CSV record as the bytes of a JSON object, without a tree in between.

use dstream_protocol::{Field as Column, FieldType};

use super::record::{Dialect, Field, text};
use super::value;
use crate::json_text;

/// Why a record is no row.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RowError {
    #[error("the row has {found} fields, and the file has {expected} columns")]
    FieldCount { found: usize, expected: usize },
    #[error("the row is not valid {0}")]
    Encoding(&'static str),
    #[error(
        "column `{column}` is {kind}, and `{value}` is none: correct it, or give the column a type in `types`"
    )]
    Value { column: String, kind: FieldType, value: String },
}

/// Writes the rows of one file; keys are rendered once.
#[derive(Debug)]
pub(crate) struct RowWriter {
    dialect: Dialect,
    columns: Vec<Rendered>,
    nulls: Vec<String>,
    encoding: &'static str,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Rendered {
    name: String,
    /// `{"id":` or `,"name":`.
    key: Vec<u8>,
    kind: FieldType,
}

impl RowWriter {
    pub(crate) fn new(
        dialect: Dialect,
        columns: &[Column],
        nulls: &[String],
        encoding: &'static str,
    ) -> Self {
        let columns = columns.iter().enumerate().map(|(at, column)| {
            let mut key = vec![if at == 0 { b'{' } else { b',' }];
            json_text::write_string(&column.name, &mut key);
            key.push(b':');
            Rendered { name: column.name.clone(), key, kind: column.kind }
        });
        let columns = columns.collect();
        Self { dialect, columns, nulls: nulls.to_vec(), encoding, scratch: Vec::new() }
    }

    /// Appends the object. After an error `out` holds part of it: the caller cuts it off.
    #[inline]
    pub(crate) fn write(
        &mut self,
        record: &[u8],
        fields: &[Field],
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        if fields.len() != self.columns.len() {
            return Err(RowError::FieldCount { found: fields.len(), expected: self.columns.len() });
        }
        let Ok(record) = std::str::from_utf8(record) else {
            return Err(RowError::Encoding(self.encoding));
        };
        out.reserve(record.len() * 2);
        for (column, field) in self.columns.iter().zip(fields) {
            out.extend_from_slice(&column.key);
            let text = match field.doubled {
                false => &record[field.start..field.end],
                true => undouble(self.dialect, record, *field, &mut self.scratch),
            };
            if is_null(&self.nulls, column.kind, field.quoted, text) {
                out.extend_from_slice(b"null");
            } else if !value::write(column.kind, text, out) {
                return Err(wrong_value(column, text));
            }
        }
        out.push(b'}');
        Ok(())
    }
}

#[cold]
fn undouble<'a>(
    dialect: Dialect,
    record: &'a str,
    field: Field,
    scratch: &'a mut Vec<u8>,
) -> &'a str {
    // The quote is ASCII, so what is left of valid UTF-8 is valid UTF-8.
    std::str::from_utf8(text(dialect, record.as_bytes(), field, scratch)).unwrap_or_default()
}

/// An unquoted field that is one of `nulls`; for a type other than text, an empty one in any case,
/// since it could be nothing else.
#[inline]
pub(crate) fn is_null(nulls: &[String], kind: FieldType, quoted: bool, text: &str) -> bool {
    if text.is_empty() && !matches!(kind, FieldType::String | FieldType::Enum) {
        return true;
    }
    !quoted && nulls.iter().any(|null| null == text)
}

#[cold]
fn wrong_value(column: &Rendered, text: &str) -> RowError {
    const SHOWN: usize = 60;
    let mut value: String = text.chars().take(SHOWN).collect();
    if value.len() < text.len() {
        value.push('…');
    }
    RowError::Value { column: column.name.clone(), kind: column.kind, value }
}

#[cfg(test)]
mod tests {
    use super::super::record::split;
    use super::*;

    fn object(columns: &[(&str, FieldType)], line: &str) -> Result<String, RowError> {
        let columns: Vec<_> = columns.iter().map(|(n, k)| Column::new(*n, *k)).collect();
        let nulls = [String::new(), "NULL".to_owned()];
        let mut rows = RowWriter::new(Dialect::default(), &columns, &nulls, "utf-8");
        let (mut fields, mut out) = (Vec::new(), Vec::new());
        split(Dialect::default(), line.as_bytes(), true, &mut fields);
        rows.write(line.as_bytes(), &fields, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_row_is_one_object_with_typed_values() {
        let columns = [("id", FieldType::Int64), ("na\"me", FieldType::String)];
        assert_eq!(object(&columns, "1,\"O\"\"Neil\"").unwrap(), r#"{"id":1,"na\"me":"O\"Neil"}"#);
    }

    #[test]
    fn an_unquoted_null_is_null_and_a_quoted_one_is_text() {
        let columns = [("a", FieldType::String), ("b", FieldType::String), ("c", FieldType::Int64)];
        assert_eq!(object(&columns, "NULL,,").unwrap(), r#"{"a":null,"b":null,"c":null}"#);
        assert_eq!(
            object(&columns, "\"NULL\",\"\",\"\"").unwrap(),
            r#"{"a":"NULL","b":"","c":null}"#
        );
    }

    #[test]
    fn a_row_that_does_not_fit_says_what_is_wrong() {
        let columns = [("id", FieldType::Int64)];
        let error = object(&columns, "x1").unwrap_err().to_string();
        assert!(error.contains("`id` is int64") && error.contains("`x1`"), "{error}");
        assert_eq!(
            object(&columns, "1,2").unwrap_err(),
            RowError::FieldCount { found: 2, expected: 1 }
        );
    }
}
