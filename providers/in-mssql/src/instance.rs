//! A capture instance: one change table, with the columns that it captures.

use dstream_cdc::stream_name;
use dstream_mssql::{literal, name};
use dstream_sdk::{Error, Field, Result, StreamSchema};

use crate::config::TableSettings;
use crate::lsn::Lsn;
use crate::types::SqlType;

/// What a change table is of, and what it has.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    /// The capture instance's name: `dbo_orders`.
    pub(crate) name: String,
    pub(crate) schema: String,
    pub(crate) table: String,
    /// Its first change has this number or a later one; `None`: it is not established yet.
    pub(crate) start: Option<Lsn>,
    pub(crate) columns: Vec<Column>,
    /// The key's columns, in order; none: the table has no key that is captured.
    pub(crate) key: Vec<String>,
    /// Whether its change table numbers the statements of a transaction, as all do since SQL Server 2012 SP 4.
    pub(crate) has_command_id: bool,
    pub(crate) stream: StreamSchema,
    /// The stream's name as JSON.
    pub(crate) label: Vec<u8>,
}

/// A captured column that is handed on.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) sql: SqlType,
    /// Its bit in the update mask, counted from 1.
    pub(crate) ordinal: usize,
    /// `"name":`, as it stands in an envelope.
    pub(crate) label: Vec<u8>,
    pub(crate) is_key: bool,
    /// Whether null in an update's row may stand for a value that was not changed.
    pub(crate) is_large: bool,
    pub(crate) nullable: bool,
}

impl Instance {
    /// The stream's name: `dbo.orders`.
    pub(crate) fn stream(&self) -> &str {
        &self.stream.stream
    }

    /// The change table, quoted.
    pub(crate) fn change_table(&self) -> String {
        format!("[cdc].{}", name(&format!("{}_CT", self.name)))
    }

    /// The number of the oldest change that is left, as an expression.
    pub(crate) fn min_lsn(&self) -> String {
        format!("sys.fn_cdc_get_min_lsn({})", literal(&self.name))
    }

    /// Keeps the columns that the config wants, and makes the schema.
    pub(crate) fn choose(&mut self, settings: &TableSettings) -> Result<()> {
        let setting = |what: &str| format!("table.{}.{what}", self.stream());
        for (what, names) in
            [("columns", &settings.columns), ("exclude_columns", &settings.exclude_columns)]
        {
            let known = |name: &String| self.columns.iter().any(|column| column.name == *name);
            if let Some(unknown) = names.iter().find(|name| !known(name)) {
                let all: Vec<_> = self.columns.iter().map(|c| c.name.as_str()).collect();
                return Err(Error::config(
                    setting(what),
                    format!(
                        "`{unknown}` is no column that {} captures; there are: {}",
                        self.name,
                        all.join(", ")
                    ),
                ));
            }
        }
        if let Some(key) = settings.exclude_columns.iter().find(|name| self.key.contains(name)) {
            let text = format!("`{key}` is part of the key, by which rows are told apart");
            return Err(Error::config(setting("exclude_columns"), text));
        }
        self.columns.retain(|column| {
            column.is_key
                || ((settings.columns.is_empty() || settings.columns.contains(&column.name))
                    && !settings.exclude_columns.contains(&column.name))
        });
        let field = |column: &Column| Field {
            name: column.name.clone(),
            kind: column.sql.kind(),
            nullable: column.nullable,
            source_type: Some(column.sql.text()),
        };
        self.stream.fields = self.columns.iter().map(field).collect();
        self.stream.key.clone_from(&self.key);
        Ok(())
    }

    /// Without columns: they are added one by one.
    pub(crate) fn new(name: String, schema: String, table: String, start: Option<Lsn>) -> Self {
        let stream = StreamSchema {
            stream: stream_name(&schema, &table),
            system: Some("sqlserver".into()),
            ..StreamSchema::default()
        };
        let label = serde_json::to_vec(&stream.stream).unwrap_or_default();
        let (columns, key) = (Vec::new(), Vec::new());
        Self { name, schema, table, start, columns, key, has_command_id: true, stream, label }
    }
}
