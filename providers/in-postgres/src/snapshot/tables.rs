//! Which tables are read, and how they are divided.

use dstream_cdc::{Key, KeyPart, TableState};
use dstream_postgres::{Wire, quote};
use dstream_sdk::Result;

use crate::catalog::{TableInfo, text};
use crate::explain;
use crate::lsn::Lsn;
use crate::query::QueryState;
use crate::state::State;
use crate::table::{Column, Table};
use crate::types::Order;

/// A table with fewer rows than this is one range.
pub(crate) const LARGE: u64 = 100_000;

/// Ranges for each connection, so that uneven ones even out.
pub(crate) const RANGES_EACH: usize = 4;

/// A table of which rows are to be read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) info: TableInfo,
    pub(crate) table: Table,
    pub(crate) state: TableState<Lsn>,
    /// It was read before, and is read again from its beginning.
    pub(crate) truncate: bool,
    /// In mode `query`: how it is selected.
    pub(crate) select: Option<Select>,
}

/// How rows are selected in mode `query`.
#[derive(Debug, Clone)]
pub(crate) struct Select {
    /// What follows FROM.
    pub(crate) from: String,
    pub(crate) conditions: Vec<String>,
    /// A fingerprint of what the config selects.
    pub(crate) of: String,
    /// Only rows behind the last that was read, in every run.
    pub(crate) incremental: bool,
}

impl Reading {
    /// What its partition's checkpoint holds.
    pub(crate) fn checkpoint(&self) -> State {
        match &self.select {
            None => State::Table(self.state.clone()),
            Some(Select { incremental: false, of, .. }) => {
                // A completed read says nothing of the next one.
                let of = (!self.state.done).then(|| of.clone());
                State::Query(QueryState::Full { table: self.state.clone(), of })
            }
            Some(Select { of, .. }) => State::Query(QueryState::Incremental {
                order: self.state.key.clone(),
                after: self.state.lanes.first().and_then(|lane| lane.after()).cloned(),
                of: Some(of.clone()),
            }),
        }
    }

    /// Whether the table's rows can be kept from being rewritten meanwhile.
    pub(crate) fn is_table(&self) -> bool {
        self.info.oid != 0 && matches!(self.info.kind, 'r' | 'p')
    }

    /// Its name in SQL, for people.
    pub(super) fn sql_name(&self) -> String {
        match self.info.oid {
            0 => self.table.stream().to_owned(),
            _ => self.info.sql(),
        }
    }
}

/// Divides a table that was not read yet.
pub(crate) async fn plan_lanes(
    wire: &mut Wire,
    info: &TableInfo,
    table: &Table,
    parallelism: usize,
) -> Result<TableState<Lsn>> {
    let key: Vec<String> = table.schema.key.clone();
    let ranges = parallelism * RANGES_EACH;
    let splits = match table.key.as_slice() {
        [only] if parallelism > 1 && info.rows >= LARGE => match table.columns.get(*only) {
            Some(column) => splits(wire, &info.sql(), column, ranges).await?,
            None => Vec::new(),
        },
        _ => Vec::new(),
    };
    if key.is_empty() {
        tracing::info!(
            table = table.stream(),
            "the table has no key: it is read in one piece, without a checkpoint in the middle"
        );
    }
    Ok(TableState::new(key, splits))
}

/// Keys that divide what `from` holds.
pub(crate) async fn splits(
    wire: &mut Wire,
    from: &str,
    column: &Column,
    ranges: usize,
) -> Result<Vec<Key>> {
    let ranges = i128::try_from(ranges).unwrap_or(1);
    if column.order == Order::Int {
        let name = quote::name(&column.name);
        let rows = wire.query(&format!("SELECT min({name}), max({name}) FROM {from}")).await;
        let rows = rows.map_err(|error| explain::snapshot(error, from))?;
        let row = rows.into_iter().next().unwrap_or_default();
        let (Ok(least), Ok(most)) = (text(&row, 0).parse::<i64>(), text(&row, 1).parse::<i64>())
        else {
            return Ok(Vec::new());
        };
        return Ok(even(least, most, ranges));
    }
    if column.kind == crate::render::Kind::Plain && column.order == Order::Native {
        let first_byte =
            |i: i128| format!("{:02x}000000-0000-0000-0000-000000000000", i * 256 / ranges);
        return Ok((1..ranges.min(256)).map(|i| Key(vec![KeyPart::Text(first_byte(i))])).collect());
    }
    Ok(Vec::new())
}

/// Ends of ranges of the same width.
fn even(least: i64, most: i64, ranges: i128) -> Vec<Key> {
    let (from, width) = (i128::from(least), i128::from(most) - i128::from(least));
    if width < ranges {
        return Vec::new();
    }
    let end = |i: i128| i64::try_from(from + width * i / ranges).ok().map(Key::int);
    (1..ranges).filter_map(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_even_over_all_integers() {
        let ends: Vec<i64> = even(0, 1000, 4).iter().filter_map(Key::as_int).collect();
        assert_eq!(ends, [250, 500, 750]);
        assert_eq!(even(i64::MIN, i64::MAX, 3).len(), 2);
        assert!(even(5, 6, 8).is_empty());
    }
}
