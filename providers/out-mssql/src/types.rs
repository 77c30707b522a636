//! The types of columns: by the stream's kind, or the source's own where that is a SQL Server.

use std::borrow::Cow;

use dstream_sdk::FieldType;

/// The type for a stream's; `None`: any value may come.
pub(crate) fn of(kind: Option<FieldType>) -> Cow<'static, str> {
    use FieldType as Kind;
    Cow::Borrowed(match kind {
        Some(Kind::Bool) => "bit",
        Some(Kind::Int16) => "smallint",
        Some(Kind::Int32) => "int",
        Some(Kind::Int64) => "bigint",
        Some(Kind::Uint64) => "decimal(20,0)",
        Some(Kind::Float32) => "real",
        Some(Kind::Float64) => "float",
        Some(Kind::Decimal(p @ 1..=38, s)) if s <= p => {
            return Cow::Owned(format!("decimal({p},{s})"));
        }
        Some(Kind::Bytes) => "varbinary(max)",
        Some(Kind::Date) => "date",
        Some(Kind::Time) => "time(7)",
        Some(Kind::Timestamp) => "datetime2(7)",
        Some(Kind::Timestamptz) => "datetimeoffset(7)",
        Some(Kind::Uuid) => "uniqueidentifier",
        // A decimal with more digits than any type here has stays as it is written.
        Some(Kind::Decimal(..) | Kind::String | Kind::Enum | Kind::Json | Kind::Array) | None => {
            "nvarchar(max)"
        }
    })
}

/// A source's type as this server takes it; `None`: it is none, or another one is better.
pub(crate) fn native(source: &str) -> Option<String> {
    let (name, arguments) = match source.split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')')?.split(',').collect()),
        None => (source, Vec::new()),
    };
    let number = |text: &&str| text.trim().parse::<u16>().ok();
    let numbers: Option<Vec<_>> = arguments.iter().map(number).collect();
    let is_max = matches!(arguments[..], [one] if one.trim().eq_ignore_ascii_case("max"));
    let name = name.to_ascii_lowercase();
    match (name.as_str(), numbers.as_deref()) {
        (
            "bit" | "tinyint" | "smallint" | "int" | "bigint" | "real" | "float" | "money"
            | "smallmoney" | "date" | "datetime" | "smalldatetime" | "uniqueidentifier" | "xml",
            Some([]),
        ) => Some(name),
        ("float", Some([1..=53])) => Some(source.to_owned()),
        ("decimal" | "numeric", Some([p @ 1..=38, s])) if s <= p => {
            Some(format!("{name}({p},{s})"))
        }
        ("time" | "datetime2" | "datetimeoffset", Some([0..=7])) => Some(source.to_owned()),
        ("nchar" | "nvarchar", Some([1..=4000])) => Some(source.to_owned()),
        ("binary" | "varbinary", Some([1..=8000])) => Some(source.to_owned()),
        // Its code page is that of the source's collation, which nobody has said.
        ("char" | "varchar", Some([n @ 1..=4000])) => Some(format!("n{name}({n})")),
        // It is made by the server: here it is what the source's was.
        ("timestamp" | "rowversion", Some([])) => Some("binary(8)".into()),
        ("varbinary" | "nvarchar", None) if is_max => Some(format!("{name}(max)")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_type_is_taken_only_where_it_is_one() {
        for (source, expected) in [
            ("int", Some("int")),
            ("decimal(38,10)", Some("decimal(38,10)")),
            ("decimal(39,0)", None),
            ("nvarchar(50)", Some("nvarchar(50)")),
            ("nvarchar(max)", Some("nvarchar(max)")),
            ("varchar(50)", Some("nvarchar(50)")),
            ("char(3)", Some("nchar(3)")),
            ("varchar(8000)", None),
            ("varchar(max)", None),
            ("text", None),
            ("image", None),
            ("sql_variant", None),
            ("timestamp", Some("binary(8)")),
            ("datetime2(7)", Some("datetime2(7)")),
            ("datetime2(8)", None),
            ("int); DROP TABLE t; --", None),
            ("nvarchar(50) NOT NULL", None),
        ] {
            assert_eq!(native(source).as_deref(), expected, "{source}");
        }
    }
}
