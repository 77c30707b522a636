//! The `config` block: the database's own settings, and those that every SQL output has.

use std::collections::BTreeMap;

use dstream_sdk::{Error, Result, tracing};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Column, Database, Dialect, Table, TableName};

/// Which database, which tables, and how rows go in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Config<S> {
    /// Which database.
    #[serde(flatten)]
    pub database: S,
    /// Which tables, and how rows go in.
    #[serde(flatten)]
    pub tables: TableSettings,
}

impl<S> Config<S> {
    /// What can be seen to be wrong before anything is opened.
    pub(crate) fn check<D: Database<Settings = S>>(&self) -> Result<()> {
        D::check(&self.database)?;
        self.tables.check()
    }
}

/// Which tables, and how rows go in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct TableSettings {
    /// The table. May hold `{stream}`, which is also the default, and the stream's parts `{schema}`
    /// and `{name}`: what stands before its last dot, and behind it.
    #[serde(default = "stream")]
    #[schemars(extend(
        "pattern" = r"^([^{}]|\{(stream|schema|name)\})+$",
        "patternMessage" = "may hold {stream}, {schema} and {name}, and no other braces"
    ))]
    pub table: String,
    /// `append`: every row is a new one. `upsert`: a row takes the place of the one with its key,
    /// and deletes are followed. `history`: every change becomes a row that says what happened.
    #[serde(default)]
    pub mode: Mode,
    /// The columns that identify a row, for `upsert`. Default: the key of the stream's schema.
    #[serde(default)]
    pub key: Vec<String>,
    /// Columns that have another name in the table: `columns = { id = "customer_id" }`. The
    /// stream's name stands first; `key` has the stream's names as well.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// What a delete does, for `upsert`: `hard` removes the row, `soft` keeps it and sets
    /// `_deleted_at`, `ignore` leaves it as it is.
    #[serde(default)]
    pub delete: Delete,
    /// A column that the table lacks: `add` it, `fail`, or `ignore` its values.
    #[serde(default)]
    pub evolve: Evolve,
    /// Whether a table that is not there is made.
    #[serde(default = "yes")]
    pub create: bool,
}

/// What becomes of a row with a key that is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every row is a new one.
    #[default]
    Append,
    /// A row takes the place of the one with its key.
    Upsert,
    /// Every change is a row, with `_op`, `_ts`, `_position` and `_tx`.
    History,
}

/// What a delete does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delete {
    /// The row is removed.
    #[default]
    Hard,
    /// The row stays, and `_deleted_at` says since when it is gone.
    Soft,
    /// The row stays.
    Ignore,
}

/// What a column does that the table lacks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evolve {
    /// It is added to the table.
    #[default]
    Add,
    /// The run fails.
    Fail,
    /// Its values are not written.
    Ignore,
}

fn stream() -> String {
    "{stream}".into()
}

fn yes() -> bool {
    true
}

const PLACEHOLDERS: [&str; 3] = ["{stream}", "{schema}", "{name}"];

impl TableSettings {
    /// What can be seen to be wrong before anything is opened.
    fn check(&self) -> Result<()> {
        if self.table.is_empty() {
            let message = "`table` is empty: leave it out to use the stream's name";
            return Err(Error::config("table", message));
        }
        let rest = PLACEHOLDERS.iter().fold(self.table.clone(), |text, one| text.replace(one, ""));
        if rest.contains(['{', '}']) {
            let valid = PLACEHOLDERS.join(", ");
            let message = format!("`{}`: the only placeholders are {valid}", self.table);
            return Err(Error::config("table", message));
        }
        if let Some((name, _)) = self.columns.iter().find(|(_, other)| other.is_empty()) {
            let message = format!("`columns` gives `{name}` no name: say which it is to have");
            return Err(Error::config("columns", message));
        }
        if self.delete != Delete::Hard && self.mode != Mode::Upsert {
            let message = "`delete` says what a delete does to a row, which only `mode = \"upsert\"` has: set that, or leave `delete` out";
            return Err(Error::config("delete", message));
        }
        Ok(())
    }

    /// The table of a stream.
    pub(crate) fn table_of(&self, stream: &str, dialect: &impl Dialect) -> Result<TableName> {
        if stream.is_empty() && self.fixed_table().is_none() {
            let message = "rows without a stream cannot be put into a table: set `table`";
            return Err(Error::config("table", message));
        }
        let (schema, name) = crate::table::split(stream);
        if schema.is_empty() && self.table.contains("{schema}") {
            let message =
                format!("the stream `{stream}` has no {{schema}}: set `table` without it");
            return Err(Error::config("table", message));
        }
        // Each part in one pass: a stream's name may look like a placeholder.
        let mut text = String::new();
        let mut rest = self.table.as_str();
        while let Some(at) = rest.find('{') {
            text.push_str(&rest[..at]);
            let end = rest[at..].find('}').map_or(rest.len(), |end| at + end + 1);
            text.push_str(match &rest[at..end] {
                "{schema}" => schema,
                "{name}" => name,
                _ => stream,
            });
            rest = &rest[end..];
        }
        text.push_str(rest);
        let table = dialect.table_name(&text);
        if dialect.is_reserved(&table) {
            let message = format!("the name `{table}` is reserved: set `table` to another");
            return Err(Error::config("table", message));
        }
        Ok(table)
    }

    /// Gives the columns of a stream's table, and its key, the names that they have in the table.
    pub(crate) fn rename(&self, stream: &str, table: &mut Table, known: bool) -> Result<()> {
        let lost = self.columns.keys().find(|name| !table.names().any(|one| one == *name));
        if let Some(lost) = lost {
            let there = table.names().collect::<Vec<_>>().join(", ");
            let message = format!(
                "`columns` renames `{lost}`, which the stream `{stream}` does not have: it has {there}"
            );
            if known {
                return Err(Error::config("columns", message));
            }
            // Without a schema it may come with a later row.
            tracing::warn!("{message}");
        }
        table.columns.iter_mut().for_each(|column| self.rename_column(column));
        for key in &mut table.key {
            if let Some(name) = self.columns.get(key) {
                key.clone_from(name);
            }
        }
        Ok(())
    }

    /// The same of one column.
    pub(crate) fn rename_column(&self, column: &mut Column) {
        if let Some(name) = self.columns.get(&column.name) {
            column.source = Some(std::mem::replace(&mut column.name, name.clone()));
        }
    }

    /// What a checkpoint is of, beside the database: rows that went to another table are not in
    /// this one. Nothing for the default.
    pub(crate) fn destination(&self) -> String {
        if self.table == stream() { String::new() } else { format!(", table {}", self.table) }
    }

    /// The table's name where it does not depend on the stream.
    pub(crate) fn fixed_table(&self) -> Option<&str> {
        (!PLACEHOLDERS.iter().any(|one| self.table.contains(one))).then_some(&self.table)
    }

    /// Whether a delete leaves its row.
    pub fn is_soft(&self) -> bool {
        self.mode == Mode::Upsert && self.delete == Delete::Soft
    }
}
