//! The tables that make a run exactly-once: checkpoints and rejected rows, in the database itself,
//! in the same transactions as the data.

use std::collections::BTreeMap;

use dstream_protocol::{CommitMark, Json, Rejected, SourceStates};
use dstream_sdk::{Claimed, Error, Result};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::value::RawValue;

use crate::db::fatal;

/// One row a (task, output, input, partition). The row with neither input nor partition holds the
/// run's epoch, and the mark of its last commit.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS _dstream_checkpoints (
  task_id TEXT NOT NULL, output TEXT NOT NULL, input TEXT NOT NULL, part TEXT NOT NULL,
  epoch INTEGER NOT NULL, state TEXT, mark_epoch INTEGER, mark_id INTEGER,
  task TEXT NOT NULL, updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),
  PRIMARY KEY (task_id, output, input, part)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS _dstream_rejected (
  task_id TEXT NOT NULL, output TEXT NOT NULL, epoch INTEGER NOT NULL, checkpoint INTEGER NOT NULL,
  n INTEGER NOT NULL, rejected TEXT NOT NULL,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),
  PRIMARY KEY (task_id, output, epoch, checkpoint, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS _dstream_tables (
  name TEXT NOT NULL PRIMARY KEY, task_id TEXT NOT NULL, output TEXT NOT NULL,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
) STRICT;";

/// The names of the bookkeeping tables.
pub(crate) const NAMES: [&str; 3] =
    ["_dstream_checkpoints", "_dstream_rejected", "_dstream_tables"];

const OPEN: &str = "INSERT INTO _dstream_checkpoints (task_id, output, input, part, epoch, task)
VALUES (?1, ?2, '', '', 1, ?3)
ON CONFLICT DO UPDATE SET epoch = epoch + 1, task = excluded.task
RETURNING epoch, mark_epoch, mark_id";

const SAVE: &str =
    "INSERT INTO _dstream_checkpoints (task_id, output, input, part, epoch, state, task)
VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6)
ON CONFLICT DO UPDATE SET state = excluded.state, task = excluded.task,
  updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')";

/// Whose rows they are.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) task_id: String,
    pub(crate) output: String,
    pub(crate) task: String,
}

impl Owner {
    /// A host of version 1 gives no identity; the task's name has to do.
    pub(crate) fn new(task_id: &str, task: &str, output: &str) -> Self {
        let task_id = if task_id.is_empty() { format!("task:{task}") } else { task_id.to_owned() };
        Self { task_id, output: output.to_owned(), task: task.to_owned() }
    }
}

/// Makes the tables where they are not there.
pub(crate) fn create(connection: &Connection) -> Result<()> {
    connection.execute_batch(TABLES).map_err(fatal)
}

/// Raises the epoch and reads the states; from here on every older run is fenced.
pub(crate) fn open(connection: &Connection, owner: &Owner) -> Result<Claimed> {
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let (epoch, mark_epoch, mark_id): (u64, Option<u64>, Option<u64>) = connection
        .query_row(OPEN, params![owner.task_id, owner.output, owner.task], row)
        .map_err(fatal)?;
    let previous = mark_epoch.zip(mark_id).map(|(epoch, id)| CommitMark { epoch, id });
    Ok(Claimed { epoch, previous, checkpoint: states(connection, owner)? })
}

/// Puts these checkpoints in the place of all that is stored of their inputs. The rows stay where
/// a partition is claimed: they hold its epoch.
pub(crate) fn adopt(connection: &Connection, owner: &Owner, adopt: &SourceStates) -> Result<()> {
    let forget = "UPDATE _dstream_checkpoints SET state = NULL
WHERE task_id = ?1 AND output = ?2 AND input = ?3";
    for (input, states) in adopt {
        connection.execute(forget, params![owner.task_id, owner.output, input]).map_err(fatal)?;
        for (part, state) in states {
            let values = params![owner.task_id, owner.output, input, part, state.get(), owner.task];
            connection.execute(SAVE, values).map_err(fatal)?;
        }
    }
    Ok(())
}

/// The stored states, by input and partition.
pub(crate) fn states(connection: &Connection, owner: &Owner) -> Result<SourceStates> {
    let sql = "SELECT input, part, state FROM _dstream_checkpoints
WHERE task_id = ?1 AND output = ?2 AND input <> '' AND state IS NOT NULL";
    let mut statement = connection.prepare(sql).map_err(fatal)?;
    let mut rows = statement.query(params![owner.task_id, owner.output]).map_err(fatal)?;
    let mut states = SourceStates::new();
    while let Some(row) = rows.next().map_err(fatal)? {
        let input: String = row.get(0).map_err(fatal)?;
        let part: String = row.get(1).map_err(fatal)?;
        let state: String = row.get(2).map_err(fatal)?;
        states.entry(input).or_default().insert(part, json(state)?);
    }
    Ok(states)
}

fn json(text: String) -> Result<Json> {
    RawValue::from_string(text)
        .map_err(|e| Error::permanent(format!("_dstream_checkpoints holds no JSON as state: {e}")))
}

/// Fails where another run has raised the epoch.
pub(crate) fn check_epoch(
    connection: &Connection,
    owner: &Owner,
    input: &str,
    part: &str,
    own: u64,
) -> Result<()> {
    let stored = stored_epoch(connection, owner, input, part)?;
    if stored == Some(own) {
        return Ok(());
    }
    let stored = stored.map_or("no row".to_owned(), |epoch| format!("epoch {epoch}"));
    let what =
        if input.is_empty() { String::new() } else { format!(" for the partition `{part}`") };
    Err(Error::fenced(format!(
        "another run of the task `{}` has taken over the database{what}: it has {stored}, and this run has epoch {own}",
        owner.task
    )))
}

fn stored_epoch(
    connection: &Connection,
    owner: &Owner,
    input: &str,
    part: &str,
) -> Result<Option<u64>> {
    let sql = "SELECT epoch FROM _dstream_checkpoints
WHERE task_id = ?1 AND output = ?2 AND input = ?3 AND part = ?4";
    connection
        .query_row(sql, params![owner.task_id, owner.output, input, part], |row| row.get(0))
        .optional()
        .map_err(fatal)
}

/// Takes a partition under a lease's epoch; its state.
pub(crate) fn claim(
    connection: &Connection,
    owner: &Owner,
    input: &str,
    part: &str,
    epoch: u64,
) -> Result<Option<Json>> {
    let stored = stored_epoch(connection, owner, input, part)?;
    if let Some(stored) = stored.filter(|stored| *stored > epoch) {
        return Err(Error::fenced(format!(
            "the partition `{part}` is held under epoch {stored}, and the claim has epoch {epoch}"
        )));
    }
    let sql = "INSERT INTO _dstream_checkpoints (task_id, output, input, part, epoch, task)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT DO UPDATE SET epoch = excluded.epoch RETURNING state";
    let values = params![owner.task_id, owner.output, input, part, epoch, owner.task];
    let state: Option<String> =
        connection.query_row(sql, values, |row| row.get(0)).map_err(fatal)?;
    state.map(json).transpose()
}

/// Writes states and mark, in the transaction of the data.
pub(crate) fn save(
    connection: &Connection,
    owner: &Owner,
    states: &SourceStates,
    mark: CommitMark,
) -> Result<()> {
    let mut save = connection.prepare(SAVE).map_err(fatal)?;
    for (input, parts) in states {
        for (part, state) in parts {
            let values = params![owner.task_id, owner.output, input, part, state.get(), owner.task];
            save.execute(values).map_err(fatal)?;
        }
    }
    let sql = "UPDATE _dstream_checkpoints SET mark_epoch = ?3, mark_id = ?4,
  updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
WHERE task_id = ?1 AND output = ?2 AND input = '' AND part = ''";
    let values = params![owner.task_id, owner.output, mark.epoch, mark.id];
    connection.execute(sql, values).map(drop).map_err(fatal)
}

/// Stores dead letters, in the transaction of the data.
pub(crate) fn store_rejected(
    connection: &Connection,
    owner: &Owner,
    rejected: &[Rejected],
    mark: CommitMark,
) -> Result<()> {
    let sql = "INSERT INTO _dstream_rejected (task_id, output, epoch, checkpoint, n, rejected)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    for (n, one) in rejected.iter().enumerate() {
        let text = serde_json::to_string(one)?;
        let values = params![owner.task_id, owner.output, mark.epoch, mark.id, n as i64, text];
        connection.execute(sql, values).map_err(fatal)?;
    }
    Ok(())
}

/// The dead letters that the host has not confirmed.
pub(crate) fn rejected(connection: &Connection, owner: &Owner) -> Result<Vec<Rejected>> {
    let sql = "SELECT rejected FROM _dstream_rejected WHERE task_id = ?1 AND output = ?2
ORDER BY epoch, checkpoint, n";
    let mut statement = connection.prepare(sql).map_err(fatal)?;
    let mut rows = statement.query(params![owner.task_id, owner.output]).map_err(fatal)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(fatal)? {
        let text: String = row.get(0).map_err(fatal)?;
        all.push(serde_json::from_str(&text)?);
    }
    Ok(all)
}

/// Forgets the dead letters up to a commit that the host has saved.
pub(crate) fn forget_rejected(
    connection: &Connection,
    owner: &Owner,
    mark: CommitMark,
) -> Result<usize> {
    let sql = "DELETE FROM _dstream_rejected WHERE task_id = ?1 AND output = ?2
AND (epoch < ?3 OR (epoch = ?3 AND checkpoint <= ?4))";
    let values = params![owner.task_id, owner.output, mark.epoch, mark.id];
    connection.execute(sql, values).map_err(fatal)
}

/// Notes that this task has made a table, so that `destroy` may remove it.
pub(crate) fn note_table(connection: &Connection, owner: &Owner, table: &str) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO _dstream_tables (name, task_id, output) VALUES (?1, ?2, ?3)";
    connection.execute(sql, params![table, owner.task_id, owner.output]).map(drop).map_err(fatal)
}

/// The tables that this task has made.
pub(crate) fn tables(connection: &Connection, owner: &Owner) -> Result<Vec<String>> {
    let sql = "SELECT name FROM _dstream_tables WHERE task_id = ?1 AND output = ?2 ORDER BY name";
    let mut statement = connection.prepare(sql).map_err(fatal)?;
    let names = statement
        .query_map(params![owner.task_id, owner.output], |row| row.get(0))
        .map_err(fatal)?;
    names.collect::<rusqlite::Result<_>>().map_err(fatal)
}

/// Removes every row of this task.
pub(crate) fn forget(connection: &Connection, owner: &Owner) -> Result<()> {
    for table in NAMES {
        let sql = format!("DELETE FROM {table} WHERE task_id = ?1 AND output = ?2");
        connection.execute(&sql, params![owner.task_id, owner.output]).map_err(fatal)?;
    }
    Ok(())
}

/// The partitions that this run has claimed, with their epochs, by input and partition.
pub(crate) type Claims = BTreeMap<(String, String), u64>;
