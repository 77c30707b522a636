//! The bookkeeping's tables, out of what a dialect calls its types.

use crate::{Dialect, TableName};

/// The tables that make a run exactly-once.
#[derive(Debug, Clone)]
pub(crate) struct Bookkeeping {
    /// `_dstream_checkpoints`: one row a (task_id, output, input, part), with epoch, state,
    /// mark_epoch, mark_id, task, updated_at. The row with neither input nor part is the run's.
    pub(crate) checkpoints: TableName,
    /// `_dstream_rejected`: task_id, output, epoch, checkpoint, n, rejected.
    pub(crate) rejected: TableName,
    /// `_dstream_tables`: name, task_id, output.
    pub(crate) tables: TableName,
    /// What has to be done before, in the same transaction: a schema.
    pub(crate) prepare: Vec<String>,
    /// The statements that make them, in the order of [`all`](Self::all). Run again they change
    /// nothing.
    pub(crate) create: [String; 3],
}

/// What a dialect calls the types of the bookkeeping's columns. Tables that are there stay as they
/// are: another type here is for new ones alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookTypes {
    /// Of the names of tasks, outputs and inputs: short enough that three of them and a partition
    /// are a key.
    pub id: &'static str,
    /// Of a partition's name.
    pub part: &'static str,
    /// Of a table's name with its schema, which is a key.
    pub name: &'static str,
    /// Of a text of any length.
    pub text: &'static str,
    /// Of a whole number with 64 bits.
    pub number: &'static str,
    /// Of a moment.
    pub time: &'static str,
    /// How a primary key is declared.
    pub key: &'static str,
    /// What stands behind the columns of a table that is looked up by its whole key, behind the
    /// [options](Dialect::table_options) of every table.
    pub by_key: &'static str,
}

impl BookTypes {
    /// In a database whose keys take texts of any length.
    pub const fn of(text: &'static str, number: &'static str, time: &'static str) -> Self {
        let key = "PRIMARY KEY";
        Self { id: text, part: text, name: text, text, number, time, key, by_key: "" }
    }
}

/// What is kept of each run and partition.
const CHECKPOINTS: &str =
    "task_id {id} NOT NULL, output {id} NOT NULL, input {id} NOT NULL, part {part} NOT NULL,
  epoch {number} NOT NULL, state {text}, mark_epoch {number}, mark_id {number},
  task {text} NOT NULL, updated_at {time} NOT NULL DEFAULT {now},
  {key} (task_id, output, input, part)";

const REJECTED: &str =
    "task_id {id} NOT NULL, output {id} NOT NULL, epoch {number} NOT NULL, checkpoint {number} NOT NULL,
  n {number} NOT NULL, rejected {text} NOT NULL, created_at {time} NOT NULL DEFAULT {now},
  {key} (task_id, output, epoch, checkpoint, n)";

const TABLES: &str = "name {name} NOT NULL {key}, task_id {id} NOT NULL, output {id} NOT NULL,
  created_at {time} NOT NULL DEFAULT {now}";

impl Bookkeeping {
    pub(crate) fn new(dialect: &impl Dialect) -> Self {
        let table = |name: &str| TableName {
            schema: dialect.bookkeeping_schema().map(str::to_owned),
            name: name.to_owned(),
        };
        let [checkpoints, rejected, tables] =
            ["_dstream_checkpoints", "_dstream_rejected", "_dstream_tables"].map(table);
        let by_key = dialect.book_types().by_key;
        let create = [
            create(dialect, &checkpoints, CHECKPOINTS, by_key),
            create(dialect, &rejected, REJECTED, by_key),
            create(dialect, &tables, TABLES, ""),
        ];
        let prepare = dialect.prepare_bookkeeping(&checkpoints);
        Self { checkpoints, rejected, tables, prepare, create }
    }

    /// The three.
    pub(crate) fn all(&self) -> [&TableName; 3] {
        [&self.checkpoints, &self.rejected, &self.tables]
    }
}

fn create(dialect: &impl Dialect, table: &TableName, columns: &str, by_key: &str) -> String {
    let types = dialect.book_types();
    let columns = columns
        .replace("{id}", types.id)
        .replace("{part}", types.part)
        .replace("{name}", types.name)
        .replace("{text}", types.text)
        .replace("{number}", types.number)
        .replace("{time}", types.time)
        .replace("{key}", types.key)
        .replace("{now}", dialect.now());
    let [head, tail] = dialect.create_missing(&dialect.quote_table(table));
    format!("{head} (\n  {columns}\n){}{by_key}{tail}", dialect.table_options())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::tests::Plain;

    #[test]
    fn the_tables_are_made_with_the_dialects_types() {
        let books = Bookkeeping::new(&Plain);
        assert_eq!(
            books.create[2],
            "CREATE TABLE IF NOT EXISTS <_dstream_tables> (\n  name text NOT NULL PRIMARY KEY, \
             task_id text NOT NULL, output text NOT NULL,\n  created_at moment NOT NULL DEFAULT now\n)"
        );
        assert!(!books.create.iter().any(|sql| sql.contains(['{', '}'])), "{:?}", books.create);
        assert!(books.prepare.is_empty());
    }
}
