//! MySQL's way of writing SQL.

use std::borrow::Cow;

use dstream_mysql::{ColumnType, Server, name, push_literal};
use dstream_sdk::FieldType;
use dstream_sql::{BookTypes, Column, Dialect, Limits, NameLimit, TableName, catalog, literal};

use crate::config::Settings;

/// MySQL or MariaDB, with the databases that are meant where none is said.
#[derive(Debug, Clone)]
pub(crate) struct MySqlDialect {
    pub(crate) settings: Settings,
    pub(crate) server: Server,
    /// Whether the server takes names of tables for the same that differ in case only.
    pub(crate) folds_case: bool,
}

/// Every table that is made says so, since a note and a table are no one transaction.
pub(crate) const COMMENT: &str = "made by dstream";

/// What a VARCHAR can have in utf8mb4, whatever the source's charset lets it have.
const MAX_CHARS: usize = 16_383;

impl Dialect for MySqlDialect {
    fn quote(&self, text: &str) -> String {
        name(text)
    }

    fn type_of(&self, kind: Option<FieldType>) -> Cow<'static, str> {
        use FieldType as Kind;
        let Some(kind) = kind else { return Cow::Borrowed("LONGTEXT") };
        Cow::Borrowed(match kind {
            Kind::Bool => "TINYINT(1)",
            Kind::Int16 => "SMALLINT",
            Kind::Int32 => "INT",
            Kind::Int64 => "BIGINT",
            Kind::Uint64 => "BIGINT UNSIGNED",
            Kind::Float32 => "FLOAT",
            Kind::Float64 => "DOUBLE",
            Kind::Decimal(p @ 1..=65, s @ 0..=30) if s <= p => {
                return Cow::Owned(format!("DECIMAL({p},{s})"));
            }
            // One without bounds has more digits than any type here: they stay as they are.
            Kind::Decimal(..) | Kind::String | Kind::Enum => "LONGTEXT",
            Kind::Bytes => "LONGBLOB",
            Kind::Date => "DATE",
            Kind::Time => "TIME(6)",
            Kind::Timestamp | Kind::Timestamptz => "DATETIME(6)",
            Kind::Uuid if self.server.has_uuid() => "UUID",
            Kind::Uuid => "CHAR(36) CHARACTER SET ascii COLLATE ascii_bin",
            Kind::Json | Kind::Array => "JSON",
        })
    }

    fn now(&self) -> &'static str {
        "CURRENT_TIMESTAMP(6)"
    }

    fn table_name(&self, text: &str) -> TableName {
        self.folded(TableName::parse(text, &self.settings.database()))
    }

    fn folds_tables(&self) -> bool {
        self.folds_case
    }

    fn schema_word(&self) -> &'static str {
        "database"
    }

    fn table_options(&self) -> String {
        let collation = self.server.binary_collation();
        format!(
            " ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {collation} COMMENT = '{COMMENT}'"
        )
    }

    fn columns_query(&self) -> String {
        catalog::columns("COALESCE(GENERATION_EXPRESSION, '') <> ''", ", COLUMN_TYPE")
    }

    fn limits(&self) -> Limits {
        Limits {
            name: Some(NameLimit::Chars(64)),
            key_bytes: Some(3072),
            row_bytes: Some(65_535),
            ..Limits::NONE
        }
    }

    fn binary_collation(&self) -> Option<&'static str> {
        Some(self.server.binary_collation())
    }

    fn collate(&self, table: &str, column: &str, kind: &str, collation: &str) -> String {
        format!(
            "ALTER TABLE {table} MODIFY {column} {kind} CHARACTER SET utf8mb4 COLLATE {collation} NOT NULL"
        )
    }

    /// The source's type, where this server takes it as it is.
    fn native(&self, column: &Column, source: &str) -> Option<String> {
        let known = ColumnType::of(&self.server, source)?;
        let too_long = known.base() == "varchar" && known.length().is_some_and(|n| n > MAX_CHARS);
        // MariaDB calls a JSON a text.
        if too_long || column.kind == Some(FieldType::Json) {
            return None;
        }
        // Where nothing is said, an old server makes the column NOT NULL, with the present time.
        let null = if known.base() == "timestamp" && column.nullable { " NULL" } else { "" };
        Some(known.sql() + null)
    }

    /// Not `INSERT IGNORE`, which would hide every other error too. `ON DUPLICATE KEY UPDATE`
    /// changes whatever row is in the way, by whatever unique index: where there are others beside
    /// the key, a key that is another one becomes null, which it cannot be.
    fn upsert(
        &self,
        table: &str,
        columns: &[&str],
        key: &[&str],
        set: &[&str],
        alone: bool,
    ) -> [String; 2] {
        let set = if alone && set.is_empty() { &key[..1] } else { set };
        let guard = key.iter().filter(|_| !alone).map(|column| {
            let name = name(column);
            format!("{name} = IF({name} = VALUES({name}), {name}, NULL)")
        });
        let set = set.iter().map(|column| format!("{0} = VALUES({0})", name(column)));
        let all: Vec<_> = guard.chain(set).collect();
        let tail = format!(" ON DUPLICATE KEY UPDATE {}", all.join(", "));
        [self.insert(table, columns), tail]
    }

    #[inline]
    fn push_text(&self, text: &str, plain: bool, out: &mut Vec<u8>) {
        if plain { literal::quoted(text, out) } else { push_literal(text, out) }
    }

    /// The server's own form: the number of the reference system, and WKB.
    fn push_geometry(&self, srid: u32, wkb: &[u8], out: &mut Vec<u8>) {
        self.push_bytes(&[&srid.to_le_bytes(), wkb].concat(), out);
    }

    fn bookkeeping_schema(&self) -> Option<&str> {
        Some(&self.settings.bookkeeping_database)
    }

    /// An index takes 3072 bytes, which are 768 characters.
    fn book_types(&self) -> BookTypes {
        BookTypes {
            id: "VARCHAR(100)",
            part: "VARCHAR(468)",
            name: "VARCHAR(300)",
            ..BookTypes::of("LONGTEXT", "BIGINT", "DATETIME(6)")
        }
    }
}

#[cfg(test)]
mod tests {
    use dstream_mysql::Flavor;
    use dstream_sdk::row::Cell;
    use dstream_sql::literal::Literal;
    use dstream_testkit::serde_json::{self, json};

    use super::*;

    fn dialect(is_mariadb: bool, version: &str) -> MySqlDialect {
        let flavor = if is_mariadb { Flavor::MariaDb } else { Flavor::MySql };
        let server = Server { flavor, version: version.into(), id: 1, identity: "1".into() };
        let settings = json!({"database": "shop"});
        let settings = serde_json::from_value(settings).unwrap();
        MySqlDialect { settings, server, folds_case: false }
    }

    #[test]
    fn names_are_one_where_the_server_takes_them_for_one() {
        let folding = MySqlDialect { folds_case: true, ..dialect(true, "10.11.6") };
        assert_eq!(folding.table_name("Sales.Orders"), folding.table_name("sales.orders"));
        let apart = dialect(true, "10.11.6");
        assert_ne!(apart.table_name("Orders"), apart.table_name("orders"));
        assert_eq!(apart.quote_table(&apart.table_name("a`b")), "`shop`.`a``b`");
    }

    #[test]
    fn every_table_says_who_made_it_and_compares_bytes() {
        for is_mariadb in [true, false] {
            let dialect = dialect(is_mariadb, "10.11.6");
            assert!(dialect.table_options().contains(COMMENT));
            assert!(dialect.table_options().contains(dialect.server.binary_collation()));
        }
    }

    #[test]
    fn a_source_type_is_taken_only_where_it_is_one() {
        let made = |version: &str, kind: FieldType, source: &str| {
            let dialect = dialect(true, version);
            let column = Column::new("c", Some(kind));
            let native = dialect.native(&column, source);
            dialect.column_type(&Column { native, ..column }).into_owned()
        };
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
            assert_eq!(made("10.11.6", kind, source), expected, "{source}");
        }
        assert!(made("10.6.1", FieldType::Uuid, "uuid").starts_with("CHAR(36)"));
    }

    fn written(data_type: &str, json: &str) -> Result<String, String> {
        let mut out = Vec::new();
        let done = Literal::of(data_type, None).write(
            &dialect(true, "10.11.6"),
            Some(Cell::new(json)),
            &mut out,
        );
        done.map(|()| String::from_utf8(out).unwrap()).map_err(|error| error.to_string())
    }

    /// What is the same in every dialect, the library tests.
    #[test]
    fn texts_and_points_are_written_as_this_server_reads_them() {
        for (data_type, json, literal) in [
            ("text", "\"it's\"", "'it''s'"),
            ("text", r#""a\\b\u0000\n""#, "'a\\\\b\\0\n'"),
            ("text", r#"{"a":"\\"}"#, r#"'{"a":"\\\\"}'"#),
            ("point", "\"0101000020E610000009\"", "x'E6100000010100000009'"),
        ] {
            assert_eq!(written(data_type, json).as_deref(), Ok(literal), "{data_type} {json}");
        }
    }
}
