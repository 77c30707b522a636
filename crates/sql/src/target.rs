//! A table that rows can be written to: made or widened, in the open transaction.

use std::collections::HashMap;

use dstream_sdk::row::Columns;
use dstream_sdk::{Error, FieldType, Result, fail, tracing};

use crate::bookkeeping::Books;
use crate::collect::extra_columns;
use crate::config::TableSettings;
use crate::evolve::{self, Plan};
use crate::sessions::Sessions;
use crate::{Column, Database, Dialect, Existing, Failure, Table, fit};

/// A table that rows can be written to.
#[derive(Debug)]
pub struct Target<T> {
    /// The table, with the columns that are written, in the order of a row's cells.
    pub table: Table,
    /// Where the key's columns stand among them.
    pub key_at: Vec<usize>,
    /// Where `_deleted_at` stands, where deletes are soft.
    pub deleted_at: Option<usize>,
    /// What the database keeps for it.
    pub own: T,
    /// The columns that come out of the rows' data: all but the last few.
    pub(crate) columns: Columns,
    pub(crate) key_columns: Columns,
    /// Columns that rows have and that are not written.
    pub(crate) ignored: Vec<String>,
}

impl<T> Target<T> {
    /// The table with columns that a row has brought.
    pub(crate) fn with(&self, names: &[String], settings: &TableSettings) -> Table {
        let mut table = self.data_table();
        table.columns.extend(names.iter().map(|name| {
            let mut column = Column::new(name, None);
            settings.rename_column(&mut column);
            column
        }));
        table
    }

    /// Without the columns that do not come out of the data.
    fn data_table(&self) -> Table {
        let mut table = self.table.clone();
        table.columns.truncate(self.columns.names().len());
        table
    }

    /// The name of a column.
    pub fn name(&self, column: usize) -> &str {
        self.table.columns.get(column).map_or("", |column| &column.name)
    }

    /// A row has a value that this column does not take.
    #[cold]
    pub fn wrong_value(&self, column: usize, why: impl std::fmt::Display) -> Failure {
        let name = self.name(column);
        Failure::Row(Error::permanent(format!("column `{name}`: {why}")))
    }

    /// The stream's type of a column.
    pub fn kind(&self, column: usize) -> Option<FieldType> {
        self.table.columns.get(column)?.kind
    }
}

/// What came of it.
pub(crate) enum Ensured<T> {
    /// Rows can be written.
    Ready(Box<Target<T>>),
    /// The table has to be widened, which the rows in the open transaction do not allow.
    Waits(Table),
}

/// A table as it is, and what has to change so that it takes a stream's rows.
pub(crate) struct Look<L> {
    /// With the columns of the mode.
    pub(crate) wanted: Table,
    /// How many of its columns come out of the data.
    data: usize,
    dialect: L,
    there: Option<Existing<L>>,
    generated: Vec<String>,
    pub(crate) plan: Plan,
}

impl<L> Look<L> {
    /// The names of the columns that the table will have.
    pub(crate) fn columns(&self) -> Vec<String> {
        let there = self.there.iter().flat_map(|there| there.columns.iter());
        let there = there.map(|column| column.name.clone());
        there.chain(self.wanted.names().map(str::to_owned)).collect()
    }
}

/// Looks at the table for `wanted`, which has the data's columns, and changes nothing. `db`: there is
/// none where the database is to be made as well. `planned`: the columns that the table would have by
/// then, where something else is to change it before.
pub(crate) async fn look<D: Database>(
    mut db: Option<&mut D>,
    dialect: &D::Dialect,
    settings: &TableSettings,
    mut wanted: Table,
    planned: Option<&[String]>,
) -> Result<Look<D::Dialect>> {
    let data = wanted.columns.len();
    wanted.columns.extend(extra_columns(settings));
    check_distinct(dialect, &wanted)?;
    let there = match &mut db {
        Some(db) if planned.is_none() => db.existing(&wanted.name).await?,
        _ => None,
    };
    let dialect = there.as_ref().map_or_else(|| dialect.clone(), |t| t.dialect.clone());
    let names = |there: &Existing<_>, all: bool| -> Vec<String> {
        let wanted = there.columns.iter().filter(|column| all || column.generated);
        wanted.map(|column| column.name.clone()).collect()
    };
    let generated = there.as_ref().map_or_else(Vec::new, |there| names(there, false));
    let all = planned.map(<[_]>::to_vec).or(there.as_ref().map(|there| names(there, true)));
    let mut plan = evolve::plan(&dialect, all.as_deref(), &wanted, settings.evolve);
    if matches!(plan, Plan::Create(_) | Plan::Add(_)) {
        fit::check_names(&dialect, &wanted, D::TITLE)?;
        if let Some(db) = db {
            db.known_types(&mut wanted).await?;
        }
        fit::fit(&dialect, &mut wanted);
        plan = evolve::plan(&dialect, all.as_deref(), &wanted, settings.evolve);
    }
    match plan {
        Plan::Create(sql) if !settings.create => Err(not_there(&wanted, &sql)),
        Plan::Refused(columns) => Err(refused(&wanted, &columns)),
        plan => Ok(Look { wanted, data, dialect, there, generated, plan }),
    }
}

/// Whether a run could write the table: before anything is changed, and so without the columns
/// that are to be added.
pub(crate) async fn check<D: Database>(
    db: &mut D,
    settings: &TableSettings,
    look: Look<D::Dialect>,
) -> Result<()> {
    let Some(there) = look.there.clone() else { return Ok(()) };
    match &look.plan {
        Plan::Add(_) => {
            let mut part = look.wanted;
            part.columns.retain(|column| there.column(&column.name).is_ok());
            db.target(&part, &there, settings).await.map(drop)
        }
        Plan::Ignored(columns) => {
            let ignored = columns.clone();
            finish(db, settings, look, ignored, &there).await.map(drop)
        }
        _ => finish(db, settings, look, Vec::new(), &there).await.map(drop),
    }
}

/// Makes the table fit `wanted`, which has the data's columns. `holds_rows`: the transaction that
/// is open has written some.
pub(crate) async fn ensure<D: Database>(
    sessions: &mut Sessions<D>,
    books: &Books,
    settings: &TableSettings,
    wanted: Table,
    holds_rows: bool,
) -> Result<Ensured<D::Target>> {
    let in_the_way = holds_rows && (D::DDL_COMMITS || sessions.lanes.hold_rows());
    let asked = in_the_way.then(|| wanted.clone());
    let dialect = sessions.dialect().clone();
    let mut look = look::<D>(Some(&mut *sessions), &dialect, settings, wanted, None).await?;
    let mut ignored = Vec::new();
    match &look.plan {
        // Nobody has rows in a table that is not there: this never waits.
        Plan::Create(sql) => make(sessions.for_tables().await?, books, &look.wanted, sql).await?,
        Plan::Add(columns) => {
            if let Some(asked) = asked {
                return Ok(Ensured::Waits(asked));
            }
            let db = sessions.for_tables().await?;
            for (_, sql) in columns {
                fail::point("before_ddl");
                run(db, sql).await?;
                fail::point("after_ddl");
            }
        }
        Plan::Ignored(columns) => ignored.clone_from(columns),
        Plan::Refused(_) | Plan::Nothing => {}
    }
    let db: &mut D = sessions;
    if matches!(look.plan, Plan::Create(_) | Plan::Add(_)) {
        look.there = db.existing(&look.wanted.name).await?;
        sessions.lanes.fresh.insert(look.wanted.name.clone());
    }
    let db: &mut D = sessions;
    let Some(there) = look.there.take() else {
        return Err(Error::transient(format!("the table `{}` is gone", look.wanted.name)));
    };
    let target = finish(db, settings, look, ignored, &there).await?;
    Ok(Ensured::Ready(Box::new(target)))
}

/// The note first: where the two are no transaction, `destroy` finds also what a killed run made.
async fn make<D: Database>(db: &mut D, books: &Books, table: &Table, sql: &str) -> Result<()> {
    if let Some(sql) = db.dialect().create_schema(&table.name) {
        db.run(&sql).await.map_err(|error| error.context(sql))?;
    }
    books.note_table(db, &table.name).await?;
    fail::point("before_ddl");
    run(db, sql).await?;
    fail::point("after_ddl");
    Ok(())
}

/// Gets ready to write a table that has all columns but these.
async fn finish<D: Database>(
    db: &mut D,
    settings: &TableSettings,
    look: Look<D::Dialect>,
    mut ignored: Vec<String>,
    there: &Existing<D::Dialect>,
) -> Result<Target<D::Target>> {
    let Look { wanted: mut table, data, dialect, generated, .. } = look;
    ignored.extend(generated);
    let is_ignored = |column: &Column| {
        ignored.iter().any(|name| dialect.fold_case(name) == dialect.fold_case(&column.name))
    };
    if let Some(lost) = table.columns[data..].iter().find(|column| is_ignored(column)) {
        return Err(needed(&table, lost));
    }
    let written = table.columns[..data].iter().filter(|column| !is_ignored(column)).count();
    let (ignored_columns, columns) = table.columns.into_iter().partition(is_ignored);
    table.columns = columns;
    // As rows name them.
    let others =
        ignored.iter().filter(|name| !ignored_columns.iter().any(|c: &Column| c.name == **name));
    let ignored: Vec<_> =
        others.cloned().chain(ignored_columns.iter().map(|c| c.source().to_owned())).collect();
    let own = db.target(&table, there, settings).await?;
    let at = |name: &str| table.names().position(|column| column == name);
    let key_at: Option<Vec<_>> = table.key.iter().map(|key| at(key)).collect();
    let key_at = key_at.ok_or_else(|| {
        let message = format!("a column of the key is not written to the table `{}`", table.name);
        Error::config("key", message)
    })?;
    let sources = table.columns.iter().map(|column| column.source().to_owned());
    let key_columns =
        Columns::new(key_at.iter().map(|at| table.columns[*at].source().to_owned()).collect());
    Ok(Target {
        key_at,
        deleted_at: settings.is_soft().then(|| at(DELETED_AT)).flatten(),
        own,
        columns: Columns::new(sources.take(written).collect()),
        key_columns,
        ignored,
        table,
    })
}

/// Where a database takes names that differ in case only for the same, or where `columns` gives two
/// the same name.
fn check_distinct(dialect: &impl Dialect, table: &Table) -> Result<()> {
    let mut names = HashMap::new();
    for column in &table.columns {
        if let Some(other) = names.insert(dialect.fold_case(&column.name), column.source()) {
            let message = format!(
                "`{other}` and `{}` would both be the column `{}` of the table `{}`: give one of them another name with `columns`",
                column.source(),
                column.name,
                table.name
            );
            return Err(Error::config("columns", message));
        }
    }
    Ok(())
}

/// Says since when a row is gone that was deleted softly.
pub(crate) const DELETED_AT: &str = "_deleted_at";

async fn run<D: Database>(db: &mut D, sql: &str) -> Result<()> {
    tracing::info!(sql, "changing the database");
    db.run(sql).await.map_err(|error| error.context(sql))
}

fn not_there(table: &Table, sql: &str) -> Error {
    Error::config(
        "create",
        format!(
            "the table `{}` is not there, and `create = false`: make it, or leave `create` out; a fitting one is: {sql}",
            table.name
        ),
    )
}

/// Left out, a soft delete would be a hard one, and the history would not say what happened.
fn needed(table: &Table, column: &Column) -> Error {
    Error::config(
        "evolve",
        format!(
            "the table `{}` has no column `{}` to write, which `mode` and `delete` ask for: add it, or set `evolve` to \"add\"",
            table.name, column.name
        ),
    )
}

fn refused(table: &Table, columns: &[String]) -> Error {
    Error::permanent(format!(
        "the table `{}` lacks {}: add them, or set `evolve` to \"add\" or \"ignore\"",
        table.name,
        columns.join(", ")
    ))
}
