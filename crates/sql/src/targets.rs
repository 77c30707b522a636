//! The tables of a run: which one a stream's rows go to.

use std::collections::HashMap;

use dstream_sdk::row::{Columns, NoObject};
use dstream_sdk::{Envelope, Error, Result, StreamSchema};

use crate::bookkeeping::Books;
use crate::config::{Mode, TableSettings};
use crate::sessions::Sessions;
use crate::target::{Ensured, Target, ensure};
use crate::{Column, Database, Dialect, Table, TableName};

/// The column that holds a row which is no object.
pub(crate) const WHOLE_ROW: &str = "data";

/// The tables of this run, by stream.
#[derive(Debug)]
pub(crate) struct Targets<T> {
    pub(crate) list: Vec<Target<T>>,
    by_stream: HashMap<String, usize>,
    schemas: HashMap<String, StreamSchema>,
    /// The open transaction has rows.
    pub(crate) hold_rows: bool,
    /// What cannot be done because of them.
    pub(crate) waiting: Option<Waiting>,
}

/// What the open transaction is in the way of: it is given up, and its rows are written again.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// The table of this stream has to be widened.
    Widen(String, Table),
    /// Its rows have to be written by one connection.
    Alone,
}

/// Which streams are known, and where their rows go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    by_stream: HashMap<String, usize>,
    schemas: HashMap<String, StreamSchema>,
}

impl<T> Default for Targets<T> {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            by_stream: HashMap::new(),
            schemas: HashMap::new(),
            hold_rows: false,
            waiting: None,
        }
    }
}

impl<T> Targets<T> {
    /// The stream has these columns from here on.
    pub(crate) fn announce(&mut self, schema: &StreamSchema) {
        self.schemas.insert(schema.stream.clone(), schema.clone());
        self.by_stream.remove(&schema.stream);
    }

    /// The table of a stream, where it is known.
    pub(crate) fn of(&self, stream: &str) -> Option<usize> {
        self.by_stream.get(stream).copied()
    }

    /// What is known now.
    pub(crate) fn known(&self) -> Known {
        Known { by_stream: self.by_stream.clone(), schemas: self.schemas.clone() }
    }

    /// Goes back to what was known.
    pub(crate) fn rewind(&mut self, known: &Known) {
        let Known { by_stream, schemas } = known.clone();
        (self.by_stream, self.schemas, self.hold_rows) = (by_stream, schemas, false);
    }

    /// The stream's rows go to this table from here on.
    fn put(&mut self, stream: &str, target: Target<T>) -> usize {
        self.list.push(target);
        let at = self.list.len() - 1;
        self.by_stream.insert(stream.to_owned(), at);
        at
    }

    /// The table of a stream; made from its schema, else from this row's columns.
    pub(crate) async fn find<D: Database<Target = T>>(
        &mut self,
        db: &mut Sessions<D>,
        books: &Books,
        settings: &TableSettings,
        stream: &str,
        envelope: &Envelope<'_>,
    ) -> Result<usize> {
        if let Some(schema) = self.schemas.get(stream) {
            let table = table_of::<D>(settings, db.dialect(), schema)?;
            return self.take(db, books, settings, stream, table).await;
        }
        let name = settings.table_of(stream, db.dialect())?;
        let key = key(settings, stream, None)?;
        let table = Table { columns: columns_of(envelope, &key)?, name, key };
        let table = named(settings, stream, table, false)?;
        self.take(db, books, settings, stream, table).await
    }

    /// The table of a stream that is known to come.
    pub(crate) async fn make<D: Database<Target = T>>(
        &mut self,
        db: &mut Sessions<D>,
        books: &Books,
        settings: &TableSettings,
        schema: &StreamSchema,
    ) -> Result<usize> {
        let table = table_of::<D>(settings, db.dialect(), schema)?;
        self.take(db, books, settings, &schema.stream, table).await
    }

    async fn take<D: Database<Target = T>>(
        &mut self,
        db: &mut Sessions<D>,
        books: &Books,
        settings: &TableSettings,
        stream: &str,
        table: Table,
    ) -> Result<usize> {
        let others = self.by_stream.iter();
        let others = others.map(|(other, at)| (other.as_str(), &self.list[*at].table.name));
        check_alone(settings, db.dialect(), stream, &table.name, others)?;
        self.ensure(db, books, settings, stream, table).await
    }

    /// Makes the table fit.
    pub(crate) async fn ensure<D: Database<Target = T>>(
        &mut self,
        db: &mut Sessions<D>,
        books: &Books,
        settings: &TableSettings,
        stream: &str,
        table: Table,
    ) -> Result<usize> {
        match ensure(db, books, settings, table, self.hold_rows).await? {
            Ensured::Ready(target) => Ok(self.put(stream, *target)),
            Ensured::Waits(table) => {
                let message = format!("the table `{}` has to be widened first", table.name);
                self.waiting = Some(Waiting::Widen(stream.to_owned(), table));
                Err(Error::transient(message))
            }
        }
    }

    /// The table with columns that a row has brought.
    pub(crate) async fn grow<D: Database<Target = T>>(
        &mut self,
        db: &mut Sessions<D>,
        books: &Books,
        settings: &TableSettings,
        stream: &str,
        (at, names): (usize, &[String]),
    ) -> Result<usize> {
        let wanted = self.list[at].with(names, settings);
        self.ensure(db, books, settings, stream, wanted).await
    }
}

/// The table that a stream asks for by its schema.
pub(crate) fn table_of<D: Database>(
    settings: &TableSettings,
    dialect: &D::Dialect,
    schema: &StreamSchema,
) -> Result<Table> {
    let stream = &schema.stream;
    let name = settings.table_of(stream, dialect)?;
    let key = key(settings, stream, Some(schema))?;
    named(settings, stream, Table::of(name, schema, &key, D::SYSTEM), true)
}

/// The table with its columns named as the task has them. `known`: by the stream's schema.
fn named(settings: &TableSettings, stream: &str, mut table: Table, known: bool) -> Result<Table> {
    if let Some(lost) = table.key.iter().find(|key| !table.names().any(|name| name == *key)) {
        let message = format!("the stream `{stream}` has no column `{lost}`");
        return Err(Error::config("key", message));
    }
    settings.rename(stream, &mut table, known)?;
    if settings.mode == Mode::History {
        // A delete may have its key alone.
        table.columns.iter_mut().for_each(|column| column.nullable = true);
    }
    Ok(table)
}

/// Where a database takes `Orders` and `orders` for one table, rows of two streams would mix
/// that nobody has put together.
pub(crate) fn check_alone<'o>(
    settings: &TableSettings,
    dialect: &impl Dialect,
    stream: &str,
    table: &TableName,
    mut others: impl Iterator<Item = (&'o str, &'o TableName)>,
) -> Result<()> {
    let table = dialect.folded(table.clone());
    let same = |(other, name): &(&str, &TableName)| {
        *other != stream
            && other.to_lowercase() == stream.to_lowercase()
            && dialect.folded((*name).clone()) == table
    };
    match others.find(same) {
        Some((other, _)) if settings.fixed_table().is_none() => {
            let message = format!(
                "the streams `{other}` and `{stream}` are one table here, where names that differ in case only are the same: set `table`"
            );
            Err(Error::config("table", message))
        }
        _ => Ok(()),
    }
}

fn key(
    settings: &TableSettings,
    stream: &str,
    schema: Option<&StreamSchema>,
) -> Result<Vec<String>> {
    if settings.mode != Mode::Upsert {
        return Ok(Vec::new());
    }
    let given = Some(&settings.key).filter(|key| !key.is_empty());
    let key = given.or(schema.map(|schema| &schema.key)).filter(|key| !key.is_empty());
    key.cloned().ok_or_else(|| {
        let message = format!("upsert needs to know which columns identify a row of `{stream}`, and its schema names none: set `key`");
        Error::config("key", message)
    })
}

/// The columns of a row without schema; a row that is no object becomes one column. A delete may
/// have nothing but its key.
fn columns_of(envelope: &Envelope<'_>, key: &[String]) -> Result<Vec<Column>> {
    if !envelope.data.starts_with('{') {
        return Ok(vec![Column::new(WHOLE_ROW, None)]);
    }
    let (mut columns, mut cells) = (Vec::new(), Vec::new());
    let none = Columns::default();
    none.read(envelope.data, &mut cells, |name| columns.push(Column::new(name, None)))
        .map_err(no_object)?;
    if columns.is_empty() {
        columns.extend(key.iter().map(|name| Column::new(name, None)));
    }
    Ok(columns)
}

pub(crate) fn no_object(error: NoObject) -> Error {
    Error::permanent(error.to_string())
}
