//! A table as a stream's schema asks for it.

use dstream_protocol::{FieldType, StreamSchema};

use super::Dialect;

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// `None`: no schema said.
    pub(crate) kind: Option<FieldType>,
    pub(crate) nullable: bool,
}

impl Column {
    /// A column that no schema speaks of.
    pub(crate) fn untyped(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: None, nullable: true }
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    /// The columns of the primary key; none for a table that only grows.
    pub(crate) key: Vec<String>,
}

impl Table {
    /// The table for a stream.
    pub(crate) fn of(name: &str, schema: &StreamSchema, key: &[String]) -> Self {
        let column = |field: &dstream_protocol::Field| Column {
            name: field.name.clone(),
            kind: Some(field.kind),
            nullable: field.nullable,
        };
        let columns = schema.fields.iter().map(column).collect();
        Self { name: name.to_owned(), columns, key: key.to_vec() }
    }

    /// `CREATE TABLE`.
    pub(crate) fn create(&self, dialect: &impl Dialect) -> String {
        let mut lines: Vec<_> = self.columns.iter().map(|c| self.define(dialect, c)).collect();
        if !self.key.is_empty() {
            let key = dialect.quote_all(self.key.iter().map(String::as_str));
            lines.push(format!("PRIMARY KEY ({key})"));
        }
        let (name, options) = (dialect.quote(&self.name), dialect.table_options());
        format!("CREATE TABLE {name} (\n  {}\n){options}", lines.join(",\n  "))
    }

    /// `ALTER TABLE … ADD COLUMN`. Rows that are there have null, so it cannot be refused.
    pub(crate) fn add_column(&self, dialect: &impl Dialect, column: &Column) -> String {
        let column = Column { nullable: true, ..column.clone() };
        let definition = define(dialect, &column, false);
        format!("ALTER TABLE {} ADD COLUMN {definition}", dialect.quote(&self.name))
    }

    fn define(&self, dialect: &impl Dialect, column: &Column) -> String {
        define(dialect, column, self.key.contains(&column.name))
    }
}

fn define(dialect: &impl Dialect, column: &Column, in_key: bool) -> String {
    let null = if in_key || !column.nullable { " NOT NULL" } else { "" };
    let kind = dialect.column_type(column.kind);
    let space = if kind.is_empty() { "" } else { " " };
    format!("{}{space}{kind}{null}", dialect.quote(&column.name))
}
