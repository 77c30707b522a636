//! Joins what the log says of a table with what the catalog says: a column for each of the log's.

use dstream_sdk::{Error, Result};

use crate::binlog::codes::column as code;
use crate::binlog::table_map::{TableMap, WireColumn};
use crate::binlog::value::Wire;
use crate::catalog::{CatalogColumn, CatalogTable};
use crate::charset::Charset;
use crate::charsets::Charsets;
use crate::table::{Column, Table};
use crate::text;

/// The table as its rows stand in the log.
///
/// # Errors
/// Where neither says what a column is called, or how its texts are stored.
pub(crate) fn from_log(
    map: &TableMap,
    catalog: &CatalogTable,
    charsets: &Charsets,
) -> Result<Table> {
    let mut columns = Vec::with_capacity(map.columns.len());
    for (at, wire) in map.columns.iter().enumerate() {
        let known = known(map, at, catalog)?;
        let name = wire.name.as_deref().or(known.map(|c| c.name.as_str())).unwrap_or_default();
        let resolved = wire_of(wire, known, charsets).map_err(|what| {
            Error::permanent(format!(
                "the column `{name}` of `{}`.`{}` cannot be read: {what}",
                map.database, map.table
            ))
        })?;
        let mut column = Column::new(name, resolved);
        column.nullable = wire.nullable;
        column.source_type = known.map(|c| c.column_type.clone());
        column.computed = known.is_some_and(|c| c.computed);
        columns.push(column);
    }
    let by_name = |name: &String| columns.iter().position(|c| c.name == *name);
    let key = match &map.key {
        // Without a primary key a unique one may do, and only the catalog knows it.
        Some(key) if !key.is_empty() => key.clone(),
        _ => catalog.key.iter().map(by_name).collect::<Option<_>>().unwrap_or_default(),
    };
    Ok(Table::new(&map.database, &map.table, columns, key))
}

/// The catalog's word on a column: the one of that name where the log has names, else the one in
/// that place; nothing where it has another type by now.
fn known<'c>(
    map: &TableMap,
    at: usize,
    catalog: &'c CatalogTable,
) -> Result<Option<&'c CatalogColumn>> {
    let wire = &map.columns[at];
    if let Some(name) = &wire.name {
        let same = catalog.columns.iter().find(|c| c.name == *name);
        return Ok(same.filter(|c| could_be(wire.code, &c.data_type)));
    }
    let same = catalog.columns.get(at).filter(|c| could_be(wire.code, &c.data_type));
    match same {
        Some(column) if catalog.columns.len() == map.columns.len() => Ok(Some(column)),
        _ => Err(Error::permanent(format!(
            "the table `{}`.`{}` had other columns when these changes were written, and the log \
             does not name them: set binlog_row_metadata=FULL in the server, which keeps this from \
             happening again, and begin anew with a snapshot (`dstream state rm`)",
            map.database, map.table
        ))),
    }
}

/// Whether a column of this type in the catalog stands in the log like this.
fn could_be(wire: u8, data_type: &str) -> bool {
    use code::*;
    let codes: &[u8] = match data_type {
        "tinyint" => &[TINY],
        "smallint" => &[SHORT],
        "mediumint" => &[INT24],
        "int" => &[LONG],
        "bigint" => &[LONGLONG],
        "float" => &[FLOAT],
        "double" => &[DOUBLE],
        "decimal" => &[NEWDECIMAL],
        "bit" => &[BIT],
        "year" => &[YEAR],
        "date" => &[DATE, NEWDATE],
        "time" => &[TIME, TIME2],
        "datetime" => &[DATETIME, DATETIME2],
        "timestamp" => &[TIMESTAMP, TIMESTAMP2],
        "char" | "binary" | "uuid" | "inet6" | "inet4" => &[STRING],
        "varchar" | "varbinary" => &[VARCHAR, VAR_STRING, VARCHAR_COMPRESSED],
        "enum" => &[ENUM],
        "set" => &[SET],
        "json" => &[JSON, BLOB],
        "vector" => &[VECTOR, VARCHAR],
        "tinytext" | "text" | "mediumtext" | "longtext" | "tinyblob" | "blob" | "mediumblob"
        | "longblob" => &[BLOB, BLOB_COMPRESSED],
        _ => &[GEOMETRY],
    };
    codes.contains(&wire)
}

fn wire_of(
    wire: &WireColumn,
    known: Option<&CatalogColumn>,
    charsets: &Charsets,
) -> Result<Wire, String> {
    use code::*;
    let int = |bytes| -> Result<Wire, String> {
        let unsigned = wire.unsigned.or(known.map(CatalogColumn::unsigned));
        let unsigned = unsigned.ok_or("whether it is unsigned is not known")?;
        Ok(Wire::Int { bytes, unsigned })
    };
    let digits = wire.meta[0];
    Ok(match wire.code {
        TINY => int(1)?,
        SHORT => int(2)?,
        INT24 => int(3)?,
        LONG => int(4)?,
        LONGLONG => int(8)?,
        FLOAT => Wire::Float,
        DOUBLE => Wire::Double,
        NEWDECIMAL => {
            Wire::Decimal { precision: usize::from(wire.meta[0]), scale: usize::from(wire.meta[1]) }
        }
        BIT => Wire::Bit { bits: usize::from(wire.meta[1]) * 8 + usize::from(wire.meta[0]) },
        YEAR => Wire::Year,
        DATE | NEWDATE => Wire::Date,
        TIME => Wire::OldTime,
        DATETIME => Wire::OldDatetime,
        TIMESTAMP => Wire::OldTimestamp,
        TIME2 => Wire::Time { digits },
        DATETIME2 => Wire::Datetime { digits },
        TIMESTAMP2 => Wire::Timestamp { digits },
        JSON => Wire::JsonBinary { prefix: usize::from(digits) },
        GEOMETRY => Wire::Geometry { prefix: usize::from(digits) },
        VECTOR => Wire::Binary { prefix: usize::from(digits), fixed: 0 },
        ENUM | SET => labelled(wire, known, charsets)?,
        _ => character(wire, known, charsets)?,
    })
}

fn labelled(
    wire: &WireColumn,
    known: Option<&CatalogColumn>,
    charsets: &Charsets,
) -> Result<Wire, String> {
    let bytes = usize::from(wire.meta[0]);
    let labels = match (&wire.labels, known) {
        (Some(labels), known) => {
            let charset = charset(wire, known, charsets)?;
            labels.iter().map(|l| charset.decode(l, <[u8]>::to_vec)).collect()
        }
        (None, Some(known)) => known.labels(),
        (None, None) => return Err("its labels are not known".into()),
    };
    if wire.code == code::SET {
        return Ok(Wire::Set { bytes, labels });
    }
    let quoted = labels.iter().map(|label| {
        let mut json = Vec::new();
        text::string(label, &mut json);
        json
    });
    Ok(Wire::Enum { bytes, labels: quoted.collect() })
}

fn character(
    wire: &WireColumn,
    known: Option<&CatalogColumn>,
    charsets: &Charsets,
) -> Result<Wire, String> {
    use code::*;
    let length = wire.meta16();
    let prefix = match wire.code {
        BLOB | BLOB_COMPRESSED => usize::from(wire.meta[0]),
        STRING | VARCHAR | VARCHAR_COMPRESSED | VAR_STRING if length > 255 => 2,
        STRING | VARCHAR | VARCHAR_COMPRESSED | VAR_STRING => 1,
        other => return Err(format!("its type, number {other}, is not known")),
    };
    match known.map(|c| c.data_type.as_str()) {
        Some("uuid") => return Ok(Wire::Uuid),
        Some("inet6") => return Ok(Wire::Inet6),
        Some("inet4") => return Ok(Wire::Inet4),
        _ => {}
    }
    let charset = charset(wire, known, charsets)?;
    Ok(match (wire.code, charset) {
        (BLOB_COMPRESSED | VARCHAR_COMPRESSED, charset) => Wire::Compressed { prefix, charset },
        (STRING, Charset::Binary) => Wire::Binary { prefix, fixed: length },
        (_, Charset::Binary) => Wire::Binary { prefix, fixed: 0 },
        (BLOB, _) if known.is_some_and(|c| c.json) => Wire::JsonText { prefix },
        (_, charset) => Wire::Text { prefix, charset },
    })
}

/// The log's word first: the catalog's is that of now.
fn charset(
    wire: &WireColumn,
    known: Option<&CatalogColumn>,
    charsets: &Charsets,
) -> Result<Charset, String> {
    if let Some(charset) = wire.collation.and_then(|id| charsets.of_collation(id)) {
        return Ok(charset.clone());
    }
    match known {
        None => Err("its charset is not known".into()),
        Some(known) => match &known.charset {
            None => Ok(Charset::Binary),
            Some(name) => charsets.of_name(name).cloned().ok_or_else(|| {
                format!("its charset `{name}` is not supported; convert it to utf8mb4")
            }),
        },
    }
}
