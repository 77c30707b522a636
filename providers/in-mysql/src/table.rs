//! A table as its rows are read: which columns, how they stand in the log, what its key is.

use dstream_cdc::{Key, KeyPart, stream_name};
use dstream_sdk::{Field, FieldType, StreamSchema};

use crate::binlog::bytes::{Read, little};
use crate::binlog::rows::Cell;
use crate::binlog::value::Wire;
use crate::charset::Charset;
use crate::text;

/// One table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    /// Ordinals of the key's columns; empty: it has none.
    pub(crate) key: Vec<usize>,
    pub(crate) schema: StreamSchema,
}

/// One column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// `"name":`
    pub(crate) label: Vec<u8>,
    pub(crate) wire: Wire,
    pub(crate) nullable: bool,
    pub(crate) source_type: Option<String>,
    /// Computed when it is read: no part of the stream.
    pub(crate) computed: bool,
}

impl Column {
    pub(crate) fn new(name: &str, wire: Wire) -> Self {
        let mut label = Vec::new();
        text::string(name.as_bytes(), &mut label);
        label.push(b':');
        let (name, source_type) = (name.to_owned(), None);
        Self { name, label, wire, nullable: true, source_type, computed: false }
    }

    fn field(&self) -> Field {
        Field {
            nullable: self.nullable,
            source_type: self.source_type.clone(),
            ..Field::new(&self.name, kind(&self.wire))
        }
    }
}

impl Table {
    pub(crate) fn new(database: &str, name: &str, columns: Vec<Column>, key: Vec<usize>) -> Self {
        let schema = StreamSchema {
            stream: stream_name(database, name),
            key: key.iter().filter_map(|at| Some(columns.get(*at)?.name.clone())).collect(),
            fields: columns.iter().filter(|c| !c.computed).map(Column::field).collect(),
            system: Some("mysql".into()),
            ..StreamSchema::default()
        };
        Self { columns, key, schema }
    }

    pub(crate) fn stream(&self) -> &str {
        &self.schema.stream
    }

    /// Appends a row as a JSON object, of these columns only where they are given.
    pub(crate) fn render(
        &self,
        cells: &[Cell<'_>],
        only: Option<&[usize]>,
        out: &mut Vec<u8>,
    ) -> Read<()> {
        out.push(b'{');
        let start = out.len();
        for (at, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            if column.computed || only.is_some_and(|only| !only.contains(&at)) {
                continue;
            }
            let value = match cell {
                Cell::Absent => continue,
                Cell::Null => None,
                Cell::Value(bytes) => Some(bytes),
            };
            if out.len() > start {
                out.push(b',');
            }
            out.extend_from_slice(&column.label);
            match value {
                Some(bytes) => column.wire.render(bytes, out)?,
                None => out.extend_from_slice(b"null"),
            }
        }
        out.push(b'}');
        Ok(())
    }

    /// The row's key as the snapshot compares it; `None`: the key is none that it can compare.
    pub(crate) fn key_of(&self, cells: &[Cell<'_>]) -> Option<Key> {
        let part = |at: &usize| match cells.get(*at)? {
            Cell::Value(bytes) => key_part(&self.columns.get(*at)?.wire, bytes),
            _ => None,
        };
        let parts: Option<Vec<KeyPart>> = self.key.iter().map(part).collect();
        parts.filter(|parts| !parts.is_empty()).map(Key)
    }
}

/// How the snapshot orders a column of the key, where both sides can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyOrder {
    /// As numbers.
    Int,
    /// As numbers of 20 digits: BIGINT UNSIGNED.
    Unsigned,
    /// By the bytes of its UTF-8.
    Text,
    /// By its bytes, in hexadecimal digits.
    Bytes,
}

pub(crate) fn key_order(wire: &Wire) -> Option<KeyOrder> {
    Some(match wire {
        Wire::Int { bytes: 8, unsigned: true } => KeyOrder::Unsigned,
        Wire::Int { .. } => KeyOrder::Int,
        Wire::Text { charset: Charset::Binary, .. } => return None,
        Wire::Text { .. } => KeyOrder::Text,
        Wire::Binary { .. } => KeyOrder::Bytes,
        _ => return None,
    })
}

fn key_part(wire: &Wire, bytes: &[u8]) -> Option<KeyPart> {
    Some(match (wire, key_order(wire)?) {
        (Wire::Int { bytes: count, unsigned }, KeyOrder::Int) => {
            let shift = 64 - 8 * count;
            let number = little(bytes) << shift;
            let signed = number as i64 >> shift;
            KeyPart::Int(if *unsigned { (number >> shift) as i64 } else { signed })
        }
        (_, KeyOrder::Unsigned) => KeyPart::Text(unsigned_key(little(bytes))),
        (Wire::Text { charset, .. }, _) => {
            let text = charset.decode(bytes, |t| String::from_utf8_lossy(t).into_owned());
            KeyPart::Text(text)
        }
        (Wire::Binary { fixed, .. }, _) => KeyPart::Text(hex_key(bytes, *fixed)),
        _ => return None,
    })
}

/// A number that is ordered as text.
pub(crate) fn unsigned_key(number: u64) -> String {
    format!("{number:020}")
}

/// Bytes that are ordered as text; a BINARY with its zeros.
pub(crate) fn hex_key(bytes: &[u8], fixed: usize) -> String {
    let mut all = bytes.to_vec();
    all.resize(fixed.max(bytes.len()), 0);
    let mut digits = Vec::new();
    text::hex(&all, &mut digits);
    String::from_utf8_lossy(&digits).into_owned()
}

/// The column's type in `@schema`.
pub(crate) fn kind(wire: &Wire) -> FieldType {
    match wire {
        Wire::Int { bytes: 1, .. } | Wire::Int { bytes: 2, unsigned: false } | Wire::Year => {
            FieldType::Int16
        }
        Wire::Int { bytes: 2 | 3, .. } | Wire::Int { bytes: 4, unsigned: false } => {
            FieldType::Int32
        }
        Wire::Int { bytes: 8, unsigned: true } => FieldType::Uint64,
        Wire::Int { .. } => FieldType::Int64,
        Wire::Float => FieldType::Float32,
        Wire::Double => FieldType::Float64,
        Wire::Decimal { precision, scale } => {
            let digits = |n: &usize| u16::try_from(*n).unwrap_or_default();
            FieldType::Decimal(digits(precision), digits(scale))
        }
        Wire::Bit { bits: 1 } => FieldType::Bool,
        Wire::Bit { .. } => FieldType::Uint64,
        Wire::Date => FieldType::Date,
        Wire::OldTime | Wire::Time { .. } => FieldType::Time,
        Wire::OldDatetime | Wire::Datetime { .. } => FieldType::Timestamp,
        Wire::OldTimestamp | Wire::Timestamp { .. } => FieldType::Timestamptz,
        Wire::Enum { .. } => FieldType::Enum,
        Wire::Uuid => FieldType::Uuid,
        Wire::JsonBinary { .. } | Wire::JsonText { .. } => FieldType::Json,
        Wire::Binary { .. } | Wire::Compressed { charset: Charset::Binary, .. } => FieldType::Bytes,
        Wire::Set { .. }
        | Wire::Text { .. }
        | Wire::Inet6
        | Wire::Inet4
        | Wire::Geometry { .. }
        | Wire::Compressed { .. } => FieldType::String,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_as_the_database_was_told_to() {
        assert!(unsigned_key(9) < unsigned_key(10));
        assert!(unsigned_key(u64::MAX) > unsigned_key(i64::MAX as u64));
        assert_eq!(hex_key(&[0xab], 2), "AB00");
        let int = Wire::Int { bytes: 4, unsigned: false };
        assert_eq!(key_part(&int, &[0xff; 4]), Some(KeyPart::Int(-1)));
        let unsigned = Wire::Int { bytes: 4, unsigned: true };
        assert_eq!(key_part(&unsigned, &[0xff; 4]), Some(KeyPart::Int(4_294_967_295)));
    }
}
