//! A table as a stream's schema asks for it.

use std::fmt;

use dstream_sdk::{Field, FieldType, StreamSchema};

use crate::Dialect;

/// Which table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableName {
    /// The schema, in a database that has them.
    pub schema: Option<String>,
    /// The name.
    pub name: String,
}

impl fmt::Display for TableName {
    /// As [`Dialect::table_name`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The type in the stream; `None`: no schema said.
    pub kind: Option<FieldType>,
    /// Whether it can be null.
    pub nullable: bool,
    /// The type in this database's own words, where the stream comes from such a database.
    pub native: Option<String>,
}

impl Column {
    /// A column that can be null.
    pub fn new(name: impl Into<String>, kind: Option<FieldType>) -> Self {
        Self { name: name.into(), kind, nullable: true, native: None }
    }

    fn of(field: &Field, native: bool) -> Self {
        let native = field.source_type.clone().filter(|_| native);
        Self { name: field.name.clone(), kind: Some(field.kind), nullable: field.nullable, native }
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: TableName,
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// The columns of the primary key; none for a table that only grows.
    pub key: Vec<String>,
}

impl Table {
    /// The table for a stream. `system`: whose types are this database's own.
    pub fn of(name: TableName, schema: &StreamSchema, key: &[String], system: &str) -> Self {
        let native = schema.system.as_deref() == Some(system);
        let columns = schema.fields.iter().map(|field| Column::of(field, native)).collect();
        Self { name, columns, key: key.to_vec() }
    }

    /// The names of the columns.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// `CREATE TABLE`.
    pub fn create(&self, dialect: &impl Dialect) -> String {
        let define = |c: &Column| define(dialect, c, self.key.contains(&c.name));
        let mut lines: Vec<_> = self.columns.iter().map(define).collect();
        if !self.key.is_empty() {
            let key = dialect.quote_all(self.key.iter().map(String::as_str));
            lines.push(format!("PRIMARY KEY ({key})"));
        }
        let (name, options) = (dialect.quote_table(&self.name), dialect.table_options());
        format!("CREATE TABLE {name} (\n  {}\n){options}", lines.join(",\n  "))
    }

    /// `ALTER TABLE … ADD COLUMN`. Rows that are there have null, so it cannot be refused.
    pub fn add_column(&self, dialect: &impl Dialect, column: &Column) -> String {
        let column = Column { nullable: true, ..column.clone() };
        let definition = define(dialect, &column, false);
        format!("ALTER TABLE {} ADD COLUMN {definition}", dialect.quote_table(&self.name))
    }
}

fn define(dialect: &impl Dialect, column: &Column, in_key: bool) -> String {
    let null = if in_key || !column.nullable { " NOT NULL" } else { "" };
    let kind = dialect.column_type(column);
    let space = if kind.is_empty() { "" } else { " " };
    format!("{}{space}{kind}{null}", dialect.quote(&column.name))
}
