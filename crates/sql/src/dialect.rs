//! How one database writes what all of them have.

use std::borrow::Cow;

use crate::{Column, TableName};

/// A database's own way of writing SQL.
pub trait Dialect: Clone {
    /// A name, quoted.
    fn quote(&self, name: &str) -> String;

    /// The type of a column; without a kind any value may come.
    fn column_type(&self, column: &Column) -> Cow<'static, str>;

    /// The parameter with this index, counted from 1.
    fn placeholder(&self, index: usize) -> String;

    /// The present time, as the bookkeeping's `updated_at` has it.
    fn now(&self) -> &'static str;

    /// The bookkeeping's tables.
    fn bookkeeping(&self) -> Bookkeeping;

    /// A table's name out of a setting or a stream's name.
    fn table_name(&self, text: &str) -> TableName {
        TableName { schema: None, name: text.to_owned() }
    }

    /// Whether the name cannot be that of a table with rows.
    fn is_reserved(&self, table: &TableName) -> bool {
        table.name.to_lowercase().starts_with("_dstream_")
    }

    /// How names of columns are compared.
    fn fold_case<'n>(&self, name: &'n str) -> Cow<'n, str> {
        Cow::Borrowed(name)
    }

    /// Makes the schema of a new table, where it is not there.
    fn create_schema(&self, table: &TableName) -> Option<String> {
        let _ = table;
        None
    }

    /// What stands behind a new table's columns.
    fn table_options(&self) -> &'static str {
        ""
    }

    /// What stands behind a `SELECT` that holds on to its row until the transaction ends, in a
    /// database whose transactions do not shut out each other.
    fn for_update(&self) -> &'static str {
        ""
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

/// The tables that make a run exactly-once.
#[derive(Debug, Clone)]
pub struct Bookkeeping {
    /// `_dstream_checkpoints`: one row a (task_id, output, input, part), with epoch, state,
    /// mark_epoch, mark_id, task, updated_at. The row with neither input nor part is the run's.
    pub checkpoints: TableName,
    /// `_dstream_rejected`: task_id, output, epoch, checkpoint, n, rejected.
    pub rejected: TableName,
    /// `_dstream_tables`: name, task_id, output.
    pub tables: TableName,
    /// What has to be done before, in the same transaction: a schema.
    pub prepare: Vec<String>,
    /// The statements that make them, in the order of [`all`](Self::all). Run again they change
    /// nothing.
    pub create: [String; 3],
}

impl Bookkeeping {
    /// The three.
    pub fn all(&self) -> [&TableName; 3] {
        [&self.checkpoints, &self.rejected, &self.tables]
    }
}
