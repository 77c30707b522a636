//! Types that a table can be made with: those of a MySQL source where this server knows them, texts
//! short enough for a key, rows short enough for a page.

use dstream_sdk::FieldType;
use dstream_sql::{Column, Dialect as _, Table};

use crate::dialect::MySqlDialect;

/// What a VARCHAR can have in utf8mb4, whatever the source's charset lets it have.
const MAX_CHARS: usize = 16_383;
const CHAR_BYTES: usize = 4;
/// What a row has at most, texts that are stored apart not counted.
const ROW_BYTES: usize = 65_535;
/// What an index has at most.
const KEY_BYTES: usize = 3072;

/// Types that may be followed by `(n)` or `(n,m)`, `unsigned` and `zerofill`.
const PLAIN: [&str; 41] = [
    "tinyint",
    "smallint",
    "mediumint",
    "int",
    "bigint",
    "decimal",
    "float",
    "double",
    "bit",
    "date",
    "time",
    "datetime",
    "timestamp",
    "year",
    "char",
    "varchar",
    "binary",
    "varbinary",
    "tinytext",
    "text",
    "mediumtext",
    "longtext",
    "tinyblob",
    "blob",
    "mediumblob",
    "longblob",
    "json",
    "geometry",
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "multilinestring",
    "multipolygon",
    "geometrycollection",
    "geomcollection",
    "enum",
    "set",
    "uuid",
    "inet4",
    "inet6",
];

/// Gives each column a type that this server has.
pub(crate) fn fit(dialect: &MySqlDialect, table: &mut Table) {
    let Table { columns, key, .. } = table;
    for column in columns.iter_mut() {
        column.native = column.native.take().and_then(|native| known(dialect, column, &native));
    }
    let is_key = |column: &Column| key.contains(&column.name);
    // What the texts of a key may have, of what its other columns leave.
    let open = |column: &&Column| is_key(column) && is_long(&dialect.column_type(column));
    let fixed: usize = columns
        .iter()
        .filter(|column| is_key(column) && !open(column))
        .map(|column| bytes(&dialect.column_type(column)))
        .sum();
    let texts = columns.iter().filter(open).count().max(1);
    let share = KEY_BYTES.saturating_sub(fixed) / texts;
    for column in columns.iter_mut() {
        let kind = dialect.column_type(column);
        if is_key(column) && is_long(&kind) {
            column.native = Some(match kind.to_ascii_lowercase().contains("blob") {
                true => format!("VARBINARY({share})"),
                false => format!("VARCHAR({})", share / CHAR_BYTES),
            });
        }
    }
    let size = |column: &Column| bytes(&dialect.column_type(column));
    while columns.iter().map(size).sum::<usize>() > ROW_BYTES {
        let others = columns.iter_mut().filter(|column| !is_key(column));
        let Some(longest) = others.max_by_key(|column| size(column)) else { return };
        longest.native = None;
        longest.kind =
            longest.kind.filter(|kind| *kind == FieldType::Bytes).or(Some(FieldType::String));
    }
}

/// The source's type, where it is one that this server takes as it is.
fn known(dialect: &MySqlDialect, column: &Column, native: &str) -> Option<String> {
    let native = lowercase(native);
    let (base, rest) = split(&native);
    let known = PLAIN.contains(&base)
        && match base {
            "enum" | "set" => is_labels(rest),
            "uuid" => dialect.has_uuid() && rest.is_empty(),
            "inet6" => dialect.is_mariadb && dialect.version >= 1005 && rest.is_empty(),
            "inet4" => dialect.is_mariadb && dialect.version >= 1010 && rest.is_empty(),
            _ => is_modifier(rest),
        };
    // MariaDB calls a JSON a text.
    let is_json = column.kind == Some(FieldType::Json);
    let too_long = base == "varchar" && length(rest) > MAX_CHARS;
    if !known || is_json || too_long {
        return None;
    }
    let native = native.replace("geomcollection", "geometrycollection");
    // Where nothing is said, an old server makes the column NOT NULL, with the present time.
    let null = if base == "timestamp" && column.nullable { " NULL" } else { "" };
    Some(native + null)
}

/// The labels of an enum keep their case.
fn lowercase(native: &str) -> String {
    let end = native.find('\'').unwrap_or(native.len());
    native[..end].to_ascii_lowercase() + &native[end..]
}

fn split(native: &str) -> (&str, &str) {
    native.split_at(native.find(['(', ' ']).unwrap_or(native.len()))
}

/// `(n)`, `(n,m)`, `unsigned`, `zerofill`, or nothing.
fn is_modifier(rest: &str) -> bool {
    let rest = match rest.strip_prefix('(').and_then(|inside| inside.split_once(')')) {
        Some((numbers, rest)) if numbers.bytes().all(|b| b.is_ascii_digit() || b == b',') => rest,
        Some(_) => return false,
        None => rest,
    };
    rest.split_whitespace().all(|word| matches!(word, "unsigned" | "zerofill"))
}

/// `('a','it''s')`, and nothing that could end the quotes.
fn is_labels(rest: &str) -> bool {
    let Some(inside) = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else {
        return false;
    };
    let mut quoted = false;
    for char in inside.chars() {
        match char {
            '\'' => quoted = !quoted,
            ',' => {}
            _ if !quoted => return false,
            '\\' => return false,
            _ => {}
        }
    }
    !quoted && !inside.is_empty()
}

fn length(rest: &str) -> usize {
    let digits = rest.trim_start_matches('(').split(')').next().unwrap_or_default();
    digits.parse().unwrap_or_default()
}

/// A text or a blob that an index takes only a part of.
fn is_long(kind: &str) -> bool {
    let base = split(kind).0.to_ascii_lowercase();
    base.ends_with("text") || base.ends_with("blob")
}

/// What a column has of a row, about.
fn bytes(kind: &str) -> usize {
    let lower = kind.to_ascii_lowercase();
    let (base, rest) = split(&lower);
    match base {
        "varchar" | "char" => length(rest) * CHAR_BYTES + 2,
        "varbinary" | "binary" => length(rest) + 2,
        "decimal" => 32,
        "uuid" | "inet6" => 16,
        _ => 12,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialect(version: u32) -> MySqlDialect {
        crate::dialect::tests::dialect(true, version)
    }

    fn native(kind: FieldType, source: &str) -> Column {
        Column { native: Some(source.into()), ..Column::new("c", Some(kind)) }
    }

    fn fitted(columns: Vec<Column>, key: &[&str]) -> Vec<String> {
        let key = key.iter().map(|name| (*name).to_owned()).collect();
        let dialect = dialect(1011);
        let mut table = Table { name: dialect.table_name("d.t"), columns, key };
        fit(&dialect, &mut table);
        table.columns.iter().map(|column| dialect.column_type(column).into_owned()).collect()
    }

    #[test]
    fn a_source_type_is_taken_only_where_it_is_one() {
        for (kind, source, expected) in [
            (FieldType::Int64, "bigint(20) unsigned zerofill", "bigint(20) unsigned zerofill"),
            (FieldType::Enum, "enum('A','it''s (x)')", "enum('A','it''s (x)')"),
            (FieldType::Enum, "enum('a') DEFAULT ('x')", "LONGTEXT"),
            (FieldType::Enum, r"enum('a\'')", "LONGTEXT"),
            (FieldType::String, "int); DROP TABLE t; --", "LONGTEXT"),
            (FieldType::String, "varchar(20000)", "LONGTEXT"),
            (FieldType::Timestamptz, "timestamp(3)", "timestamp(3) NULL"),
            (FieldType::Json, "longtext", "JSON"),
            (FieldType::String, "geomcollection", "geometrycollection"),
            (FieldType::String, "vector(3)", "LONGTEXT"),
        ] {
            assert_eq!(fitted(vec![native(kind, source)], &[]), [expected], "{source}");
        }
        let mut old = Table {
            name: dialect(1006).table_name("d.t"),
            columns: vec![native(FieldType::Uuid, "uuid")],
            key: vec![],
        };
        fit(&dialect(1006), &mut old);
        assert!(dialect(1006).column_type(&old.columns[0]).starts_with("CHAR(36)"));
    }

    #[test]
    fn the_texts_of_a_key_share_what_an_index_takes() {
        let column = |name: &str, kind| Column::new(name, Some(kind));
        let of = |kinds: &[FieldType]| {
            let names = ["a", "b", "c"];
            let columns = names.iter().zip(kinds).map(|(name, kind)| column(name, *kind)).collect();
            fitted(columns, &names[..kinds.len()])
        };
        assert_eq!(of(&[FieldType::String]), ["VARCHAR(768)"]);
        assert_eq!(of(&[FieldType::Int64, FieldType::Enum]), ["BIGINT", "VARCHAR(765)"]);
        assert_eq!(of(&[FieldType::Bytes, FieldType::String]), ["VARBINARY(1536)", "VARCHAR(384)"]);
    }

    #[test]
    fn a_row_that_would_be_too_long_has_its_longest_texts_stored_apart() {
        let long =
            |name: &str| Column { name: name.into(), ..native(FieldType::String, "varchar(9000)") };
        let columns = vec![long("a"), native(FieldType::String, "varchar(9)"), long("b")];
        let types = fitted(columns, &[]);
        assert_eq!(types.iter().filter(|kind| *kind == "LONGTEXT").count(), 1, "{types:?}");
        assert_eq!(types[1], "varchar(9)");
    }
}
