//! What a column's type is called in a schema, and how it is asked for.

use dstream_mssql::name;
use dstream_sdk::FieldType;

/// A column's type, as the catalog has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SqlType {
    /// `nvarchar`, without length.
    pub(crate) name: String,
    /// In bytes; -1: `max`.
    pub(crate) max_length: i32,
    pub(crate) precision: u8,
    pub(crate) scale: u8,
}

impl SqlType {
    /// As it is written in a table's definition.
    pub(crate) fn text(&self) -> String {
        let Self { name, max_length, precision, scale } = self;
        match name.as_str() {
            "nchar" | "nvarchar" if *max_length > 0 => format!("{name}({})", max_length / 2),
            "char" | "varchar" | "binary" | "varbinary" if *max_length > 0 => {
                format!("{name}({max_length})")
            }
            "nvarchar" | "varchar" | "varbinary" => format!("{name}(max)"),
            "decimal" | "numeric" => format!("{name}({precision},{scale})"),
            "time" | "datetime2" | "datetimeoffset" => format!("{name}({scale})"),
            _ => name.clone(),
        }
    }

    pub(crate) fn kind(&self) -> FieldType {
        match self.name.as_str() {
            "bit" => FieldType::Bool,
            "tinyint" | "smallint" => FieldType::Int16,
            "int" => FieldType::Int32,
            "bigint" => FieldType::Int64,
            "real" => FieldType::Float32,
            "float" => FieldType::Float64,
            "decimal" | "numeric" => {
                FieldType::Decimal(u16::from(self.precision), u16::from(self.scale))
            }
            "money" => FieldType::Decimal(19, 4),
            "smallmoney" => FieldType::Decimal(10, 4),
            "date" => FieldType::Date,
            "time" => FieldType::Time,
            "datetime" | "smalldatetime" | "datetime2" => FieldType::Timestamp,
            "datetimeoffset" => FieldType::Timestamptz,
            "uniqueidentifier" => FieldType::Uuid,
            "binary" | "varbinary" | "image" | "timestamp" | "rowversion" => FieldType::Bytes,
            _ => FieldType::String,
        }
    }

    /// A value that is `max`, or older than that, is null in an update that did not change it.
    pub(crate) fn is_large(&self) -> bool {
        self.max_length == -1 || matches!(self.name.as_str(), "text" | "ntext" | "image" | "xml")
    }

    /// The column in a SELECT. The driver would make a float of money, and does not know the types
    /// of the common language runtime, nor those that are older than `max`.
    pub(crate) fn select(&self, column: &str) -> String {
        let quoted = name(column);
        let cast = match self.name.as_str() {
            "money" => "decimal(19,4)",
            "smallmoney" => "decimal(10,4)",
            "text" => "varchar(max)",
            "ntext" | "sql_variant" => "nvarchar(max)",
            "image" => "varbinary(max)",
            "timestamp" | "rowversion" => "binary(8)",
            "hierarchyid" | "geometry" | "geography" => {
                return format!("{quoted}.ToString() AS {quoted}");
            }
            _ => return quoted,
        };
        format!("CAST({quoted} AS {cast}) AS {quoted}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, max_length: i32, precision: u8, scale: u8) -> SqlType {
        SqlType { name: name.into(), max_length, precision, scale }
    }

    #[test]
    fn a_type_is_written_as_in_a_definition() {
        for (sql, text, kind) in [
            (of("nvarchar", 40, 0, 0), "nvarchar(20)", FieldType::String),
            (of("varbinary", -1, 0, 0), "varbinary(max)", FieldType::Bytes),
            (of("decimal", 9, 18, 3), "decimal(18,3)", FieldType::Decimal(18, 3)),
            (of("datetimeoffset", 10, 34, 7), "datetimeoffset(7)", FieldType::Timestamptz),
            (of("datetime", 8, 23, 3), "datetime", FieldType::Timestamp),
            (of("xml", -1, 0, 0), "xml", FieldType::String),
            (of("tinyint", 1, 3, 0), "tinyint", FieldType::Int16),
        ] {
            assert_eq!((sql.text().as_str(), sql.kind()), (text, kind));
        }
    }

    #[test]
    fn what_the_driver_would_damage_is_cast() {
        let money = of("money", 8, 19, 4).select("a]b");
        assert_eq!(money, "CAST([a]]b] AS decimal(19,4)) AS [a]]b]");
        assert_eq!(of("int", 4, 10, 0).select("a"), "[a]");
        assert!(of("hierarchyid", 892, 0, 0).select("h").contains(".ToString()"));
    }
}
