//! A table as a stream's schema asks for it.

use std::borrow::Cow;
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
            Some(schema) => write!(f, "{}.{}", quote(schema), quote(&self.name)),
            None => f.write_str(&self.name),
        }
    }
}

impl TableName {
    /// `schema.name`, as a person or a stream writes it; a part that holds a dot or a quote stands
    /// in double quotes, its own doubled. Without a schema it is `default`.
    pub fn parse(text: &str, default: &str) -> Self {
        let (schema, name) = split(text);
        let schema = if schema.is_empty() { default.to_owned() } else { unquote(schema) };
        Self { schema: Some(schema), name: unquote(name) }
    }
}

/// What stands before the last dot that is not in quotes, and behind it. As it is written.
pub(crate) fn split(text: &str) -> (&str, &str) {
    let mut quoted = false;
    let mut dot = None;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'.' if !quoted => dot = Some(at),
            _ => {}
        }
    }
    // A quote that is never closed is part of the name.
    let dot = if quoted { text.rfind('.') } else { dot };
    dot.map_or(("", text), |at| (&text[..at], &text[at + 1..]))
}

fn unquote(part: &str) -> String {
    let inside = part.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.map_or_else(|| part.to_owned(), |inside| inside.replace("\"\"", "\""))
}

fn quote(part: &str) -> Cow<'_, str> {
    match part.contains(['.', '"']) {
        true => Cow::Owned(format!("\"{}\"", part.replace('"', "\"\""))),
        false => Cow::Borrowed(part),
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
    /// Whether `native` is what an index takes of it, and no word of the stream's.
    pub fitted: bool,
    /// Its name in the stream, where that is another.
    pub source: Option<String>,
}

impl Column {
    /// A column that can be null.
    pub fn new(name: impl Into<String>, kind: Option<FieldType>) -> Self {
        Self { name: name.into(), kind, nullable: true, native: None, fitted: false, source: None }
    }

    /// Whether the stream comes from such a database.
    pub fn is_native(&self) -> bool {
        self.native.is_some() && !self.fitted
    }

    /// Its name in the stream.
    pub fn source(&self) -> &str {
        self.source.as_deref().unwrap_or(&self.name)
    }

    fn of(field: &Field, native: bool) -> Self {
        let native = field.source_type.clone().filter(|_| native);
        let column = Self::new(field.name.clone(), Some(field.kind));
        Self { nullable: field.nullable, native, ..column }
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
        dialect.add_column(&dialect.quote_table(&self.name), &definition)
    }
}

fn define(dialect: &impl Dialect, column: &Column, in_key: bool) -> String {
    let null = if in_key || !column.nullable { " NOT NULL" } else { "" };
    let kind = dialect.column_type(column);
    let space = if kind.is_empty() { "" } else { " " };
    format!("{}{space}{kind}{null}", dialect.quote(&column.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for (text, schema, name) in [
            ("orders", "public", "orders"),
            ("sales.orders", "sales", "orders"),
            (r#"sales."a.b""#, "sales", "a.b"),
            (r#""my.schema"."say ""hi""""#, "my.schema", r#"say "hi""#),
            (r#"a."b"#, "a", "\"b"),
        ] {
            let read = TableName::parse(text, "public");
            assert_eq!(
                (read.schema.as_deref(), read.name.as_str()),
                (Some(schema), name),
                "{text}"
            );
            assert_eq!(TableName::parse(&read.to_string(), "other"), read, "{text}");
        }
    }
}
