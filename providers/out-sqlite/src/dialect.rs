//! SQLite's way of writing SQL.

use std::borrow::Cow;

use dstream_sdk::FieldType;
use dstream_sql::{BookTypes, Column, Dialect, TableName};

/// SQLite; whether the table in question is a `STRICT` one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SqliteDialect {
    pub(crate) strict: bool,
}

impl Dialect for SqliteDialect {
    fn quote(&self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }

    /// <https://www.sqlite.org/stricttables.html>. Exact decimals stay text: SQLite has no such type.
    fn type_of(&self, kind: Option<FieldType>) -> Cow<'static, str> {
        use FieldType::{Bool, Bytes, Float32, Float64, Int16, Int32, Int64, Uint64};
        Cow::Borrowed(match kind {
            Some(Bool | Int16 | Int32 | Int64 | Uint64) => "INTEGER",
            Some(Float32 | Float64) => "REAL",
            Some(Bytes) => "BLOB",
            Some(_) => "TEXT",
            // In a table that is not strict, a type called ANY would turn text into numbers.
            None if self.strict => "ANY",
            None => "",
        })
    }

    fn placeholder(&self, index: usize) -> String {
        format!("?{index}")
    }

    fn now(&self) -> &'static str {
        "(strftime('%Y-%m-%dT%H:%M:%fZ'))"
    }

    fn book_types(&self) -> BookTypes {
        BookTypes { by_key: ", WITHOUT ROWID", ..BookTypes::of("TEXT", "INTEGER", "TEXT") }
    }

    fn add_unique(&self, table: &str, columns: &str) -> String {
        format!("CREATE UNIQUE INDEX … ON {table} ({columns})")
    }

    fn is_reserved(&self, table: &TableName) -> bool {
        let name = table.name.to_lowercase();
        name.starts_with("_dstream_") || name.starts_with("sqlite_")
    }

    /// There are no such types, and no input that says some.
    fn native(&self, _: &Column, _: &str) -> Option<String> {
        None
    }

    /// A transaction holds the write lock from its beginning.
    fn for_update(&self) -> &'static str {
        ""
    }

    fn table_options(&self) -> String {
        if self.strict { " STRICT".into() } else { String::new() }
    }
}

#[cfg(test)]
mod tests {
    use dstream_sql::{Table, statements};

    use super::*;

    const DIALECT: SqliteDialect = SqliteDialect { strict: true };

    fn people() -> Table {
        Table {
            name: DIALECT.table_name("dbo.people"),
            columns: vec![
                Column::new("id", Some(FieldType::Int64)),
                Column::new("na\"me", Some(FieldType::String)),
                Column::new("pay", Some(FieldType::Decimal(18, 4))),
                Column::new("more", None),
            ],
            key: vec!["id".into()],
        }
    }

    #[test]
    fn a_table_is_made_with_types_key_and_quoted_names() {
        assert_eq!(
            people().create(&DIALECT),
            "CREATE TABLE \"dbo.people\" (\n  \"id\" INTEGER NOT NULL,\n  \"na\"\"me\" TEXT,\n  \"pay\" TEXT,\n  \"more\" ANY,\n  PRIMARY KEY (\"id\")\n) STRICT"
        );
    }

    #[test]
    fn statements_number_their_parameters_columns_first() {
        let (t, key) = (DIALECT.table_name("t"), ["id"]);
        assert_eq!(
            statements::upsert(&DIALECT, &t, &["id", "a"], &key),
            "INSERT INTO \"t\" (\"id\", \"a\") VALUES (?1, ?2) ON CONFLICT (\"id\") DO UPDATE SET \"a\" = excluded.\"a\""
        );
        assert_eq!(
            statements::upsert(&DIALECT, &t, &["id"], &key),
            "INSERT INTO \"t\" (\"id\") VALUES (?1) ON CONFLICT (\"id\") DO NOTHING"
        );
        assert_eq!(
            statements::update(&DIALECT, &t, &["id", "a"], &key),
            "UPDATE \"t\" SET \"id\" = ?1, \"a\" = ?2 WHERE \"id\" = ?3"
        );
        assert_eq!(statements::delete(&DIALECT, &t, &key), "DELETE FROM \"t\" WHERE \"id\" = ?1");
    }
}
