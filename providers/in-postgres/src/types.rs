//! Types: how their texts become JSON, what `@schema` says of them, and how keys of them are ordered.

use dstream_postgres::Wire;
use dstream_sdk::{FieldType, Result};

use crate::render::Kind;

/// What is known of a column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnType {
    pub(crate) kind: Kind,
    pub(crate) field: FieldType,
    /// As `format_type` writes it; nothing where the type is gone by now.
    pub(crate) source: Option<String>,
    pub(crate) order: Order,
}

/// How keys of a type are ordered, so that server and input agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// As integers.
    Int,
    /// The type's own order is that of its text's bytes.
    Native,
    /// By the bytes of a text: `COLLATE "C"`.
    Text,
    /// By the bytes of the text that the type prints.
    Printed,
}

/// The identities of PostgreSQL's own types, which are the same everywhere. By `pg_type.dat`.
mod oid {
    pub(super) const BOOL: u32 = 16;
    pub(super) const BYTEA: u32 = 17;
    pub(super) const INT8: u32 = 20;
    pub(super) const INT2: u32 = 21;
    pub(super) const INT4: u32 = 23;
    pub(super) const TEXT: u32 = 25;
    pub(super) const OID: u32 = 26;
    pub(super) const JSON: u32 = 114;
    pub(super) const FLOAT4: u32 = 700;
    pub(super) const FLOAT8: u32 = 701;
    pub(super) const VARCHAR: u32 = 1043;
    pub(super) const DATE: u32 = 1082;
    pub(super) const TIME: u32 = 1083;
    pub(super) const TIMESTAMP: u32 = 1114;
    pub(super) const TIMESTAMPTZ: u32 = 1184;
    pub(super) const NUMERIC: u32 = 1700;
    pub(super) const UUID: u32 = 2950;
    pub(super) const JSONB: u32 = 3802;
}

/// A type that has a form of its own; `None`: a string, an array, or one that the catalog knows.
fn builtin(oid: u32, typmod: i32) -> Option<(Kind, FieldType)> {
    Some(match oid {
        oid::BOOL => (Kind::Bool, FieldType::Bool),
        oid::BYTEA => (Kind::Bytes, FieldType::Bytes),
        oid::INT2 => (Kind::Int, FieldType::Int16),
        oid::INT4 => (Kind::Int, FieldType::Int32),
        oid::INT8 => (Kind::Int8, FieldType::Int64),
        oid::OID => (Kind::Int, FieldType::Int64),
        oid::TEXT | oid::VARCHAR => (Kind::Text, FieldType::String),
        oid::JSON | oid::JSONB => (Kind::Json, FieldType::Json),
        oid::FLOAT4 => (Kind::Float, FieldType::Float32),
        oid::FLOAT8 => (Kind::Float, FieldType::Float64),
        oid::DATE => (Kind::Plain, FieldType::Date),
        oid::TIME => (Kind::Plain, FieldType::Time),
        oid::TIMESTAMP => (Kind::Timestamp, FieldType::Timestamp),
        oid::TIMESTAMPTZ => (Kind::Timestamptz, FieldType::Timestamptz),
        oid::NUMERIC => (Kind::Plain, decimal(typmod)),
        oid::UUID => (Kind::Plain, FieldType::Uuid),
        _ => return None,
    })
}

/// Precision and scale out of a numeric's modifier: `((p << 16) | (s & 0x7ff)) + 4`.
fn decimal(typmod: i32) -> FieldType {
    let Ok(packed) = u32::try_from(typmod - 4) else { return FieldType::Decimal(0, 0) };
    let precision = u16::try_from(packed >> 16).unwrap_or(0);
    // Eleven bits with a sign; a negative scale rounds to tens, hundreds and so on.
    let scale = i32::try_from(packed & 0x7ff).unwrap_or(0);
    let scale = (scale ^ 1024) - 1024;
    match u16::try_from(scale) {
        Ok(scale) => FieldType::Decimal(precision.max(scale), scale),
        Err(_) => FieldType::Decimal(precision + u16::try_from(-scale).unwrap_or(0), 0),
    }
}

fn order(oid: u32) -> Order {
    match oid {
        oid::INT2 | oid::INT4 | oid::INT8 | oid::OID => Order::Int,
        oid::UUID | oid::BYTEA => Order::Native,
        oid::TEXT | oid::VARCHAR => Order::Text,
        _ => Order::Printed,
    }
}

/// The types of columns, by identity and modifier, in order.
pub(crate) async fn resolve(wire: &mut Wire, asked: &[(u32, i32)]) -> Result<Vec<ColumnType>> {
    let unknown = |&(oid, _): &(u32, i32)| ColumnType {
        kind: Kind::Text,
        field: FieldType::String,
        source: None,
        order: order(oid),
    };
    let mut types: Vec<ColumnType> = asked.iter().map(unknown).collect();
    if asked.is_empty() {
        return Ok(types);
    }
    for row in wire.query(&question(asked)).await? {
        let number =
            |i: usize| row.get(i).and_then(Option::as_deref).and_then(|t| t.parse::<i64>().ok());
        let text = |i: usize| row.get(i).cloned().flatten();
        let place = number(0).and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        let Some(slot) = types.get_mut(place) else { continue };
        let oid = number(1).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        let typmod = number(2).and_then(|n| i32::try_from(n).ok()).unwrap_or(-1);
        let element = number(5).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        let delimiter = text(6).and_then(|t| t.bytes().next()).unwrap_or(b',');
        let (kind, field) = match builtin(oid, typmod) {
            Some(known) => known,
            None if element != 0 => {
                // An element may be a domain or an array of its own.
                let element = match builtin(element, -1) {
                    Some((kind, _)) => kind,
                    None => Box::pin(resolve(wire, &[(element, -1)])).await?.remove(0).kind,
                };
                (Kind::Array(Box::new(element), delimiter), FieldType::Array)
            }
            None if text(4).as_deref() == Some("e") => (Kind::Text, FieldType::Enum),
            None => (Kind::Text, FieldType::String),
        };
        *slot = ColumnType { kind, field, source: text(3), order: order(oid) };
    }
    Ok(types)
}

/// Domains are looked through: number, type, modifier, name, class, element, delimiter.
fn question(asked: &[(u32, i32)]) -> String {
    let row =
        |(n, (oid, typmod)): (usize, &(u32, i32))| format!("({n}, {oid}::oid, {typmod}::int4)");
    let rows: Vec<String> = asked.iter().enumerate().map(row).collect();
    format!(
        "WITH RECURSIVE asked(n, oid, typmod) AS (VALUES {}), base AS ( \
           SELECT n, oid, typmod FROM asked UNION ALL \
           SELECT b.n, t.typbasetype, t.typtypmod FROM base b JOIN pg_type t ON t.oid = b.oid WHERE t.typtype = 'd') \
         SELECT b.n, b.oid, b.typmod, format_type(b.oid, b.typmod), t.typtype, \
           CASE WHEN t.typlen = -1 AND t.typsubscript = 'array_subscript_handler'::regproc THEN t.typelem ELSE 0 END, \
           e.typdelim \
         FROM base b JOIN pg_type t ON t.oid = b.oid LEFT JOIN pg_type e ON e.oid = t.typelem \
         WHERE t.typtype <> 'd' ORDER BY b.n",
        rows.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_and_scale_come_out_of_the_modifier() {
        assert_eq!(decimal(-1), FieldType::Decimal(0, 0));
        assert_eq!(decimal(((10 << 16) | 2) + 4), FieldType::Decimal(10, 2));
        assert_eq!(decimal(((3 << 16) | 0x7fe) + 4), FieldType::Decimal(5, 0));
        assert_eq!(decimal(((2 << 16) | 5) + 4), FieldType::Decimal(5, 5));
    }
}
