//! A table as a SELECT gives it: what the catalog says.

use crate::binlog::value::Wire;
use crate::catalog::{CatalogColumn, CatalogTable};
use crate::charset::Charset;
use crate::table::{Column, Table};

/// The table as a SELECT gives it.
pub(crate) fn from_catalog(database: &str, name: &str, catalog: &CatalogTable) -> Table {
    let columns: Vec<Column> = catalog
        .columns
        .iter()
        .map(|known| {
            let mut column = Column::new(&known.name, wire_of_type(known));
            column.nullable = known.nullable;
            column.source_type = Some(known.column_type.clone());
            column.computed = known.computed;
            column
        })
        .collect();
    let by_name = |name: &String| columns.iter().position(|c| c.name == *name);
    let key = catalog.key.iter().map(by_name).collect::<Option<_>>().unwrap_or_default();
    Table::new(database, name, columns, key)
}

fn wire_of_type(known: &CatalogColumn) -> Wire {
    let int = |bytes| Wire::Int { bytes, unsigned: known.unsigned() };
    let digits = known.digits;
    match known.data_type.as_str() {
        "tinyint" => int(1),
        "smallint" => int(2),
        "mediumint" => int(3),
        "int" => int(4),
        "bigint" => int(8),
        "float" => Wire::Float,
        "double" => Wire::Double,
        "decimal" => Wire::Decimal { precision: known.precision, scale: known.scale },
        "bit" => Wire::Bit { bits: known.precision },
        "year" => Wire::Year,
        "date" => Wire::Date,
        "time" => Wire::Time { digits },
        "datetime" => Wire::Datetime { digits },
        "timestamp" => Wire::Timestamp { digits },
        "uuid" => Wire::Uuid,
        "inet6" => Wire::Inet6,
        "inet4" => Wire::Inet4,
        "json" => Wire::JsonText { prefix: 4 },
        "enum" => Wire::Enum { bytes: 2, labels: Vec::new() },
        "set" => Wire::Set { bytes: 8, labels: Vec::new() },
        "binary" => {
            Wire::Binary { prefix: 1, fixed: usize::try_from(known.octets).unwrap_or_default() }
        }
        "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "vector" => {
            Wire::Binary { prefix: 4, fixed: 0 }
        }
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" if !known.json => {
            // A SELECT converts to UTF-8.
            Wire::Text { prefix: 4, charset: Charset::Utf8 }
        }
        _ if known.json => Wire::JsonText { prefix: 4 },
        _ => Wire::Geometry { prefix: 4 },
    }
}
