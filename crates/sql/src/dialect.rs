//! How one database writes what all of them have.

use std::borrow::Cow;

use dstream_sdk::FieldType;

use crate::bookkeeping::BookTypes;
use crate::fit::Limits;
use crate::{Column, TableName, literal};

/// A database's own way of writing SQL. What has a default is the standard's way, or the most
/// common one.
pub trait Dialect: Clone {
    /// A name, quoted.
    fn quote(&self, name: &str) -> String;

    /// The type for a stream's; `None`: any value may come.
    fn type_of(&self, kind: Option<FieldType>) -> Cow<'static, str>;

    /// The type of a column: in the database's own words, where it comes with one.
    fn column_type(&self, column: &Column) -> Cow<'static, str> {
        column.native.clone().map_or_else(|| self.type_of(column.kind), Cow::Owned)
    }

    /// The parameter with this index, counted from 1.
    fn placeholder(&self, _index: usize) -> String {
        "?".into()
    }

    /// The present time, as the bookkeeping's `updated_at` has it; in a `DEFAULT` as well.
    fn now(&self) -> &'static str;

    /// The types of the bookkeeping's columns.
    fn book_types(&self) -> BookTypes;

    /// The schema of the bookkeeping's tables, in a database that has them.
    fn bookkeeping_schema(&self) -> Option<&str> {
        None
    }

    /// What has to be done before the bookkeeping is made, in the same transaction.
    fn prepare_bookkeeping(&self, table: &TableName) -> Vec<String> {
        self.create_schema(table).into_iter().collect()
    }

    /// A table's name out of a setting or a stream's name.
    fn table_name(&self, text: &str) -> TableName {
        TableName { schema: None, name: text.to_owned() }
    }

    /// Whether names of tables that differ in case only are the same.
    fn folds_tables(&self) -> bool {
        false
    }

    /// The name as names of tables are compared.
    fn folded(&self, TableName { schema, name }: TableName) -> TableName {
        match self.folds_tables() {
            true => {
                TableName { schema: schema.map(|s| s.to_lowercase()), name: name.to_lowercase() }
            }
            false => TableName { schema, name },
        }
    }

    /// Whether the name cannot be that of a table with rows.
    fn is_reserved(&self, table: &TableName) -> bool {
        table.name.to_lowercase().starts_with("_dstream_")
    }

    /// How names of columns are compared.
    fn fold_case<'n>(&self, name: &'n str) -> Cow<'n, str> {
        Cow::Owned(name.to_lowercase())
    }

    /// What a name, a key and a row may have.
    fn limits(&self) -> Limits {
        Limits::NONE
    }

    /// A text in a key, of so many bytes.
    fn key_text(&self, bytes: usize) -> String {
        format!("VARCHAR({})", bytes / self.limits().char_bytes)
    }

    /// The source's own type, which this database has as well; `None`: it has not, or it is no type.
    fn native(&self, column: &Column, source: &str) -> Option<String> {
        let _ = column;
        Some(source.to_owned())
    }

    /// Of a table's columns in the catalog: schema, table, column, `1` or `true` where the database
    /// makes the values, the type's name, the collation, and what
    /// [`Found::more`](crate::Found::more) is to hold.
    /// `{1}` and `{2}` are the schema and the table. Rows of other tables, and those without a
    /// column, are passed over.
    fn columns_query(&self) -> String {
        crate::catalog::columns("0", "")
    }

    /// Has a row where the schema `{1}` is there.
    fn schema_query(&self) -> &'static str {
        "SELECT 1 FROM INFORMATION_SCHEMA.SCHEMATA WHERE SCHEMA_NAME = {1}"
    }

    /// What a schema is called here.
    fn schema_word(&self) -> &'static str {
        "schema"
    }

    /// Makes the schema of a new table, where it is not there.
    fn create_schema(&self, table: &TableName) -> Option<String> {
        let schema = self.quote(table.schema.as_deref()?);
        Some(format!("CREATE {} IF NOT EXISTS {schema}", self.schema_word().to_uppercase()))
    }

    /// What stands before and behind the columns of a table that is made where it is not there.
    fn create_missing(&self, table: &str) -> [String; 2] {
        [format!("CREATE TABLE IF NOT EXISTS {table}"), String::new()]
    }

    /// What stands behind a new table's columns.
    fn table_options(&self) -> String {
        String::new()
    }

    /// The collation that compares texts by their bytes, the blanks at the end too; `None`: every
    /// collation tells apart what differs.
    fn binary_collation(&self) -> Option<&'static str> {
        None
    }

    /// Gives a column of a key this collation. `kind`: its type, as [`columns_query`](Self::columns_query)
    /// gives it first of what is more.
    fn collate(&self, table: &str, column: &str, kind: &str, collation: &str) -> String {
        format!("ALTER TABLE {table} ALTER COLUMN {column} {kind} COLLATE {collation} NOT NULL")
    }

    /// Adds a column to a table that has rows.
    fn add_column(&self, table: &str, definition: &str) -> String {
        format!("ALTER TABLE {table} ADD COLUMN {definition}")
    }

    /// Makes a unique index.
    fn add_unique(&self, table: &str, columns: &str) -> String {
        format!("ALTER TABLE {table} ADD UNIQUE ({columns})")
    }

    /// What stands behind a `SELECT` that holds on to its row until the transaction ends, in a
    /// database whose transactions do not shut out each other.
    fn for_update(&self) -> &'static str {
        " FOR UPDATE"
    }

    /// The same, behind the table's name, in a database that says it there.
    fn lock_hint(&self) -> &'static str {
        ""
    }

    /// What stands before and behind rows, `(…), (…)`, that are to be there afterwards: one whose
    /// key is there gets the columns of `set`, or stays as it is where there are none. `alone`:
    /// the table has no unique index beside the key. Where it has, a row that is in the way by one
    /// of those must be an error.
    fn upsert(
        &self,
        table: &str,
        columns: &[&str],
        key: &[&str],
        set: &[&str],
        alone: bool,
    ) -> [String; 2] {
        let _ = alone;
        [self.insert(table, columns), self.on_conflict(key, set)]
    }

    /// One row that is to be there afterwards, as [`upsert`](Self::upsert), of these expressions:
    /// for the bookkeeping.
    fn put(
        &self,
        table: &str,
        columns: &[&str],
        values: &[&str],
        key: &[&str],
        set: &[&str],
    ) -> String {
        let [head, tail] = self.upsert(table, columns, key, set, true);
        format!("{head}({}){tail}", values.join(", "))
    }

    /// What stands before the rows of an `INSERT`.
    fn insert(&self, table: &str, columns: &[&str]) -> String {
        format!("INSERT INTO {table} ({}) VALUES ", self.quote_all(columns.iter().copied()))
    }

    /// What stands behind an `INSERT`: a row with that key gets these columns, or stays as it is.
    fn on_conflict(&self, key: &[&str], set: &[&str]) -> String {
        let key = self.quote_all(key.iter().copied());
        if set.is_empty() {
            return format!(" ON CONFLICT ({key}) DO NOTHING");
        }
        let set = set.iter().map(|name| format!("{0} = excluded.{0}", self.quote(name)));
        format!(" ON CONFLICT ({key}) DO UPDATE SET {}", set.collect::<Vec<_>>().join(", "))
    }

    /// A text as a literal. `plain`: it holds neither backslashes nor control characters.
    #[inline]
    fn push_text(&self, text: &str, plain: bool, out: &mut Vec<u8>) {
        let _ = plain;
        literal::quoted(text, out);
    }

    /// Bytes as a literal.
    fn push_bytes(&self, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"x'");
        literal::hex(bytes, out);
        out.push(b'\'');
    }

    /// A geometry, given as WKB, in this reference system.
    fn push_geometry(&self, srid: u32, wkb: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"ST_GeomFromWKB(");
        self.push_bytes(wkb, out);
        out.extend_from_slice(format!(", {srid})").as_bytes());
    }

    /// A table's name, quoted.
    fn quote_table(&self, table: &TableName) -> String {
        match &table.schema {
            Some(schema) => format!("{}.{}", self.quote(schema), self.quote(&table.name)),
            None => self.quote(&table.name),
        }
    }

    /// Several names, quoted, with commas.
    fn quote_all<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> String {
        let quoted: Vec<_> = names.into_iter().map(|name| self.quote(name)).collect();
        quoted.join(", ")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Plain SQL, for the tests of what knows no database.
    #[derive(Clone)]
    pub(crate) struct Plain;

    impl Dialect for Plain {
        fn quote(&self, name: &str) -> String {
            format!("<{name}>")
        }

        fn type_of(&self, kind: Option<FieldType>) -> Cow<'static, str> {
            kind.map_or("any".into(), |kind| kind.to_string().into())
        }

        fn placeholder(&self, index: usize) -> String {
            format!(":{index}")
        }

        fn now(&self) -> &'static str {
            "now"
        }

        fn book_types(&self) -> BookTypes {
            BookTypes::of("text", "bigint", "moment")
        }
    }
}
