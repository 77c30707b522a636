//! The tables of a run: which one a stream's rows go to.

use std::collections::HashMap;

use dstream_protocol::StreamSchema;
use dstream_sdk::{Envelope, Error, Result};

use crate::config::Mode;
use crate::raw_row::Columns;
use crate::sql::{Column, Table};
use crate::target::Target;
use crate::writer::{Writer, no_object};

/// The column that holds a row which is no object.
pub(crate) const WHOLE_ROW: &str = "data";

/// The tables of this run, by stream.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    pub(crate) list: Vec<Target>,
    by_stream: HashMap<String, usize>,
    schemas: HashMap<String, StreamSchema>,
}

impl Targets {
    /// The stream has these columns from here on.
    pub(crate) fn announce(&mut self, schema: &StreamSchema) {
        self.schemas.insert(schema.stream.clone(), schema.clone());
        self.by_stream.remove(&schema.stream);
    }

    /// The stream's rows go to this table from here on.
    pub(crate) fn put(&mut self, stream: &str, target: Target) -> usize {
        self.list.push(target);
        let at = self.list.len() - 1;
        self.by_stream.insert(stream.to_owned(), at);
        at
    }
}

impl Writer<'_> {
    /// The table of a stream; made from its schema, else from this row's columns.
    pub(crate) fn target(&mut self, stream: &str, envelope: &Envelope<'_>) -> Result<usize> {
        if let Some(at) = self.targets.by_stream.get(stream) {
            return Ok(*at);
        }
        let name = self.config.table_of(stream)?;
        let schema = self.targets.schemas.get(stream);
        let key = self.key(stream, schema)?;
        let table = match schema {
            Some(schema) => Table::of(&name, schema, &key),
            None => Table { columns: columns_of(envelope)?, name, key },
        };
        for column in &table.key {
            if !table.columns.iter().any(|c| &c.name == column) {
                let message = format!("the stream `{stream}` has no column `{column}`");
                return Err(Error::config("key", message));
            }
        }
        let target = Target::ensure(self.connection, self.owner, self.config, table)?;
        Ok(self.targets.put(stream, target))
    }

    fn key(&self, stream: &str, schema: Option<&StreamSchema>) -> Result<Vec<String>> {
        if self.config.mode == Mode::Append {
            return Ok(Vec::new());
        }
        let given = Some(&self.config.key).filter(|key| !key.is_empty());
        let key = given.or(schema.map(|schema| &schema.key)).filter(|key| !key.is_empty());
        key.cloned().ok_or_else(|| {
            let message = format!("upsert needs to know which columns identify a row of `{stream}`, and its schema names none: set `key`");
            Error::config("key", message)
        })
    }
}

/// The columns of a row without schema; a row that is no object becomes one column.
fn columns_of(envelope: &Envelope<'_>) -> Result<Vec<Column>> {
    if !envelope.data.starts_with('{') {
        return Ok(vec![Column::untyped(WHOLE_ROW)]);
    }
    let (mut names, mut cells) = (Vec::new(), Vec::new());
    let none = Columns::default();
    none.read(envelope.data, &mut cells, |name| names.push(Column::untyped(name)))
        .map_err(no_object)?;
    Ok(names)
}
