//! Rows as statements of many rows each, with literals: for a database that takes them so fastest,
//! or in no other way.

mod send;
mod sql;
mod writing;

use dstream_sdk::Result;

use crate::literal::Literal;
use crate::{
    Batch, Database, DbResult, Existing, Failure, Mode, Table, TableSettings, Target, catalog,
    merge,
};

use sql::Sql;
use writing::Writing;

/// A database that takes rows in this way. Its `target` and `load` are [`prepare`] and [`load`].
#[allow(async_fn_in_trait)]
pub trait Rows: Database<Target = Prepared> {
    /// How many rows one statement may hold.
    const ROWS: usize = usize::MAX;

    /// The longest statement that the server takes, and what helps where a row needs a longer one.
    fn longest(&self) -> (usize, &'static str) {
        (usize::MAX, "")
    }

    /// Statements without an answer; how many rows the last of them found, whether it changed
    /// anything in them or not.
    async fn send(&mut self, sql: &[u8]) -> DbResult<u64>;

    /// Whether an upsert was refused in a way that hides why, so that the row is tried once more as
    /// an `INSERT`, for the server's own words.
    fn hides_why(_: &Failure) -> bool {
        false
    }
}

/// What writes a table.
#[derive(Debug, Clone)]
pub struct Prepared {
    literals: Vec<Literal>,
    /// There is no unique index beside the key.
    alone: bool,
}

/// Gets ready to write a table. `unique`: see [`catalog::unique`].
///
/// # Errors
/// Kind `config` where it has no unique index on the key of an upsert.
pub async fn prepare<D: Rows>(
    db: &mut D,
    table: &Table,
    existing: &Existing<D::Dialect>,
    settings: &TableSettings,
    unique: &str,
) -> Result<Prepared> {
    let (on_key, others) = catalog::unique(db, table, unique).await?;
    if settings.mode == Mode::Upsert && !on_key {
        return Err(catalog::no_unique_index(&existing.dialect, table));
    }
    catalog::has_binary_key(table, existing)?;
    let literal = |column: &crate::Column| {
        existing.column(&column.name).map(|found| Literal::of(&found.data_type, column.kind))
    };
    let literals = table.columns.iter().map(literal).collect::<Result<_>>()?;
    Ok(Prepared { literals, alone: !others })
}

/// Writes a batch.
///
/// # Errors
/// Those of the database, and rows with values that their columns do not take.
pub async fn load<D: Rows>(
    db: &mut D,
    target: &Target<Prepared>,
    batch: &mut Batch<'_>,
    mode: Mode,
) -> DbResult<()> {
    let sql = Sql { dialect: db.dialect().clone(), target };
    let mut writing = Writing { db, sql };
    if mode == Mode::Upsert {
        return merge::write_sets(&mut writing, target, batch).await;
    }
    let rows: Vec<_> = (0..batch.changes().len()).collect();
    let all: Vec<_> = (0..batch.width()).collect();
    writing.insert(batch, &all, &rows).await
}

#[cfg(test)]
mod tests;
