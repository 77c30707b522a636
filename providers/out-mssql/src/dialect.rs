//! T-SQL, where it differs.

use std::borrow::Cow;

use dstream_mssql::{literal, name};
use dstream_sdk::FieldType;
use dstream_sql::{BookTypes, Column, Dialect, Limits, NameLimit, TableName};

use crate::config::Settings;
use crate::types;

/// Compares texts by their code points: two keys of a stream are never one.
const BINARY: &str = "Latin1_General_100_BIN2";

/// Nobody else makes or changes such a row before the transaction ends.
pub(crate) const HOLD: &str = "WITH (UPDLOCK, SERIALIZABLE)";

/// SQL Server, with the schemas that are meant where none is said.
#[derive(Debug, Clone)]
pub(crate) struct Tsql {
    pub(crate) settings: Settings,
    /// Whether the database takes names for the same that differ in case only.
    pub(crate) folds_case: bool,
}

impl Dialect for Tsql {
    fn quote(&self, text: &str) -> String {
        name(text)
    }

    fn type_of(&self, kind: Option<FieldType>) -> Cow<'static, str> {
        types::of(kind)
    }

    fn placeholder(&self, index: usize) -> String {
        format!("@P{index}")
    }

    fn now(&self) -> &'static str {
        "SYSUTCDATETIME()"
    }

    fn table_name(&self, text: &str) -> TableName {
        TableName::parse(text, &self.settings.schema)
    }

    fn folds_tables(&self) -> bool {
        self.folds_case
    }

    /// CREATE SCHEMA has to be alone in its batch.
    fn create_schema(&self, table: &TableName) -> Option<String> {
        let schema = table.schema.as_deref()?;
        let create = literal(&format!("CREATE SCHEMA {}", name(schema)));
        Some(format!("IF SCHEMA_ID({}) IS NULL EXEC({create})", literal(schema)))
    }

    fn create_missing(&self, table: &str) -> [String; 2] {
        [format!("IF OBJECT_ID({}) IS NULL CREATE TABLE {table}", literal(table)), String::new()]
    }

    fn add_column(&self, table: &str, definition: &str) -> String {
        format!("ALTER TABLE {table} ADD {definition}")
    }

    fn columns_query(&self) -> String {
        COLUMNS.into()
    }

    /// A clustered index takes 900 bytes; names are counted in units of UTF-16.
    fn limits(&self) -> Limits {
        Limits {
            name: Some(NameLimit::Chars(128)),
            key_bytes: Some(900),
            row_bytes: None,
            char_bytes: 2,
        }
    }

    fn key_text(&self, bytes: usize) -> String {
        format!("nvarchar({}) COLLATE {BINARY}", bytes / self.limits().char_bytes)
    }

    fn binary_collation(&self) -> Option<&'static str> {
        Some(BINARY)
    }

    /// A column of a key is not altered while the key is there.
    fn collate(&self, table: &str, column: &str, kind: &str, collation: &str) -> String {
        format!(
            "drop the key, ALTER TABLE {table} ALTER COLUMN {column} {kind} COLLATE {collation} NOT NULL, and make the key again"
        )
    }

    fn native(&self, _: &Column, source: &str) -> Option<String> {
        types::native(source)
    }

    fn for_update(&self) -> &'static str {
        ""
    }

    fn lock_hint(&self) -> &'static str {
        " WITH (UPDLOCK, ROWLOCK)"
    }

    /// Not `MERGE`, which is no more one step than these two, and has errors of its own.
    fn put(
        &self,
        table: &str,
        columns: &[&str],
        values: &[&str],
        key: &[&str],
        set: &[&str],
    ) -> String {
        let equal = |wanted: &[&str], between: &str| {
            let all = columns.iter().zip(values).filter(|(column, _)| wanted.contains(column));
            let all = all.map(|(column, value)| format!("{} = {value}", name(column)));
            all.collect::<Vec<_>>().join(between)
        };
        let row = equal(key, " AND ");
        let insert = format!("{}({})", self.insert(table, columns), values.join(", "));
        if set.is_empty() {
            return format!("IF NOT EXISTS (SELECT 1 FROM {table} {HOLD} WHERE {row}) {insert}");
        }
        let set = equal(set, ", ");
        format!("UPDATE {table} {HOLD} SET {set} WHERE {row}; IF @@ROWCOUNT = 0 {insert}")
    }

    fn bookkeeping_schema(&self) -> Option<&str> {
        Some(&self.settings.bookkeeping_schema)
    }

    /// An index beside the table takes 1700 bytes, which are 850 characters.
    fn book_types(&self) -> BookTypes {
        BookTypes {
            id: "nvarchar(100) COLLATE Latin1_General_100_BIN2",
            part: "nvarchar(468) COLLATE Latin1_General_100_BIN2",
            name: "nvarchar(300) COLLATE Latin1_General_100_BIN2",
            key: "PRIMARY KEY NONCLUSTERED",
            ..BookTypes::of("nvarchar(max)", "bigint", "datetime2(7)")
        }
    }
}

/// Beside what every database gives: the whole type, whether it is an identity, digits, digits
/// behind the point, and bytes. Computed columns, rowversions and periods are the server's own.
const COLUMNS: &str = "SELECT s.name, o.name, c.name, \
     CASE WHEN c.is_computed = 1 OR c.system_type_id = 189 OR c.generated_always_type <> 0 THEN 1 ELSE 0 END, \
     COALESCE(TYPE_NAME(c.system_type_id), TYPE_NAME(c.user_type_id)), c.collation_name, \
     TYPE_NAME(c.system_type_id) + CASE WHEN c.collation_name IS NULL THEN '' WHEN c.max_length = -1 THEN '(max)' \
     WHEN TYPE_NAME(c.system_type_id) LIKE 'n%' THEN '(' + CAST(c.max_length / 2 AS varchar(9)) + ')' \
     ELSE '(' + CAST(c.max_length AS varchar(9)) + ')' END, \
     c.is_identity, c.precision, c.scale, c.max_length \
     FROM sys.columns c JOIN sys.objects o ON o.object_id = c.object_id \
     JOIN sys.schemas s ON s.schema_id = o.schema_id \
     WHERE s.name = {1} AND o.name = {2} AND o.type IN ('U', 'V') ORDER BY c.column_id";

/// Each column of each unique index over all rows.
pub(crate) const UNIQUE: &str = "SELECT s.name, o.name, i.name, c.name, 1 FROM sys.indexes i \
     JOIN sys.objects o ON o.object_id = i.object_id JOIN sys.schemas s ON s.schema_id = o.schema_id \
     JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id \
     JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id \
     WHERE s.name = {1} AND o.name = {2} AND i.is_unique = 1 AND i.has_filter = 0 AND i.is_disabled = 0 \
     AND k.is_included_column = 0";
