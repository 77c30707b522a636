//! Where a read begins: what the checkpoint says of it.

use dstream_cdc::{Key, TableState};
use dstream_postgres::Wire;
use dstream_sdk::{Error, Result};

use super::sources::Source;
use super::{QueryState, States};
use crate::config::Config;
use crate::explain;
use crate::lsn::Lsn;
use crate::snapshot::{LARGE, RANGES_EACH, Reading, splits};
use crate::state::State;

/// What is left to read of each source.
pub(super) async fn plan(
    wire: &mut Wire,
    config: &Config,
    sources: Vec<Source>,
    states: &States,
) -> Result<Vec<Reading>> {
    if states.values().any(|state| !matches!(state, State::Query(_))) {
        return Err(explain::mode_changed("cdc", "query"));
    }
    // A full read that was completed: it is read again, whole.
    let completed = states
        .values()
        .any(|state| matches!(state, State::Query(QueryState::Full { table, .. }) if table.done));
    let mut readings = Vec::with_capacity(sources.len());
    for source in sources {
        let order = source.table.order();
        let state = match states.get(source.table.stream()) {
            Some(State::Query(QueryState::Incremental { order: was, after, of }))
                if source.select.incremental =>
            {
                require_same(&source, was, &order)?;
                require_same_selection(config, &source, of.as_deref())?;
                behind(order, after.clone())
            }
            Some(State::Query(QueryState::Full { table, of }))
                if !source.select.incremental && !completed =>
            {
                require_same(&source, &table.key, &order)?;
                require_same_selection(config, &source, of.as_deref())?;
                tracing::warn!(
                    stream = source.table.stream(),
                    "the read that was interrupted goes on in a new snapshot: rows that changed meanwhile may be \
                     there as they were, as they are, or twice"
                );
                table.clone()
            }
            _ if source.select.incremental => behind(order, None),
            _ => TableState::new(order, lanes(wire, config, &source).await?),
        };
        let Source { info, table, select } = source;
        readings.push(Reading { info, table, state, truncate: false, select: Some(select) });
    }
    Ok(readings)
}

/// One range, in the order of cursor and key.
fn behind(order: Vec<String>, after: Option<Key>) -> TableState<Lsn> {
    let mut state = TableState::new(order, Vec::new());
    if let Some(lane) = state.lanes.first_mut() {
        lane.from = after;
    }
    state
}

/// Keys that divide a source.
async fn lanes(wire: &mut Wire, config: &Config, source: &Source) -> Result<Vec<Key>> {
    let parallelism = config.select.parallelism();
    let asked = config.select.parallelism.is_some();
    // How large it is, is not known of a view or a SELECT, which is computed anew for each range.
    let large = if source.is_table() { source.info.rows >= LARGE } else { asked };
    match source.table.key.as_slice() {
        [only] if parallelism > 1 && large => match source.table.columns.get(*only) {
            Some(column) => {
                // The user's own SQL means the user's own search path.
                let own_sql = config.select.query.is_some();
                wire.query(if own_sql { "RESET search_path" } else { "" }).await?;
                let ranges = parallelism * RANGES_EACH;
                let splits = splits(wire, &source.select.from, column, ranges).await?;
                wire.query("SET search_path = pg_catalog").await?;
                Ok(splits)
            }
            None => Ok(Vec::new()),
        },
        [] => {
            tracing::info!(
                stream = source.table.stream(),
                "without a key it is read in one piece, without a checkpoint in the middle"
            );
            Ok(Vec::new())
        }
        _ => Ok(Vec::new()),
    }
}

fn require_same(source: &Source, was: &[String], is: &[String]) -> Result<()> {
    if was == is {
        return Ok(());
    }
    let name = if source.select.incremental { "cursor" } else { "key" };
    Err(Error::config(
        name,
        format!(
            "{} was read in the order of ({}), and would be in that of ({}): the checkpoint means nothing there. Set \
             `cursor` and `key` as they were, or forget the checkpoint (`dstream state rm`) to read from the beginning",
            source.table.stream(),
            was.join(", "),
            is.join(", ")
        ),
    ))
}

/// Rows that were not selected before, and stand before the last that was read, would never come.
fn require_same_selection(config: &Config, source: &Source, was: Option<&str>) -> Result<()> {
    if was.is_none_or(|was| was == source.select.of) {
        return Ok(());
    }
    let path = if config.select.query.is_some() { "query" } else { "where" };
    Err(Error::config(
        path,
        format!(
            "what is selected of {} (`columns`, `where`, `query`) is not what it was when the checkpoint was made: rows that are \
             new in it and stand before the last one that was read would not come. Set it as it was; or forget the checkpoint (`dstream state \
             rm`) to read from the beginning; or, to go on with the rows behind it only, take `of` out of the checkpoint (`dstream state set`)",
            source.table.stream()
        ),
    ))
}
