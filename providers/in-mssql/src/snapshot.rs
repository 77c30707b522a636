//! The rows of a table as they stand, piece by piece in the order of the key. The changes since the
//! commit that was the newest before the first piece follow: a row that changed meanwhile comes as
//! it is, and its changes again.

use std::io::Write as _;

use dstream_mssql::tiberius::{QueryItem, Row};
use dstream_mssql::{Session, table, write_json};
use dstream_sdk::{Batch, Error, Result};
use serde_json::Value;

use crate::catalog::{Database, cell};
use crate::config::Isolation;
use crate::instance::Instance;
use crate::key;
use crate::source::Source;
use crate::state::{Reading, State};
use crate::whole::Whole;

/// What the session has to be told before rows are read.
pub(crate) fn isolation(wanted: Isolation, database: &Database) -> Result<&'static str> {
    Ok(match (wanted, database.allows_snapshots) {
        (Isolation::Auto | Isolation::Snapshot, true) => "SET TRANSACTION ISOLATION LEVEL SNAPSHOT",
        (Isolation::Snapshot, false) => {
            return Err(Error::config(
                "snapshot_isolation",
                format!(
                    "the database `{0}` does not allow snapshot isolation: ALTER DATABASE [{0}] SET ALLOW_SNAPSHOT_ISOLATION ON; \
                     or set snapshot_isolation = \"read_committed\"",
                    database.name
                ),
            ));
        }
        (Isolation::Auto | Isolation::ReadCommitted, _) => {
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
        }
        (Isolation::None, _) => "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED",
    })
}

/// Reads the next piece; `true`: that was the last one.
pub(crate) async fn piece(
    session: &mut Session,
    source: &mut Source,
    batch: &mut Batch<State>,
) -> Result<bool> {
    let instance = source.instance().clone();
    let Some(reading) = source.state.snapshot.clone() else { return Ok(true) };
    if reading.rows == 0 {
        begin(source, batch)?;
    }
    let order = key::order(&instance);
    let rows = source.sizing.rows();
    let sql = select(&instance, &order, rows, reading.after.as_deref());
    let (mut count, mut bytes, mut last) = (0, 0, None);
    // The same for every row.
    let end = metadata(&instance, "read", &source.state, source.epoch);
    let taken = session
        .each(&sql, |item| {
            let QueryItem::Row(row) = item else { return Ok(()) };
            batch.line(|out| {
                let start = out.len();
                envelope(&instance, &row, &end, out);
                bytes += out.len() - start;
            })?;
            count += 1;
            last = Some(row);
            Ok(())
        })
        .await;
    taken.map_err(|error| error.context(format!("reading the rows of {}", instance.stream())))?;
    source.sizing.measured(count, bytes);
    let over = count < rows;
    source.state.snapshot = match over {
        true => None,
        false => Some(Reading {
            after: last.map(|row| values(&instance, &order, &row)),
            rows: reading.rows + count as u64,
            anew: reading.anew,
            epoch: reading.epoch,
        }),
    };
    batch.checkpoint_part(instance.stream(), &source.state)?;
    Ok(over)
}

/// The next piece of a table without a key; `true`: that was the last one. The connection is `idle` again then.
pub(crate) async fn piece_of_whole(
    idle: &mut Option<Session>,
    source: &mut Source,
    batch: &mut Batch<State>,
) -> Result<bool> {
    if let Some(session) = idle.take() {
        begin(source, batch)?;
        let instance = source.instance().clone();
        let end = metadata(&instance, "read", &source.state, source.epoch);
        let sql = select(&instance, &[], 0, None);
        let columns = instance.clone();
        let render = move |row: &Row, out: &mut Vec<u8>| envelope(&columns, row, &end, out);
        source.whole = Some(Whole::begin(session, instance, sql, render));
    }
    let Some(whole) = &mut source.whole else { return Ok(true) };
    let Some(session) = whole.piece(batch).await? else { return Ok(false) };
    *idle = Some(session);
    source.whole = None;
    source.state.snapshot = None;
    batch.checkpoint_part(source.instance().stream(), &source.state)?;
    Ok(true)
}

/// What is said before the first row: those of an earlier reading are no rows any more.
fn begin(source: &Source, batch: &mut Batch<State>) -> Result<()> {
    let is_anew = source.state.snapshot.as_ref().is_some_and(|r| r.anew && r.after.is_none());
    if is_anew {
        batch.line(|out| truncate(source.instance(), &source.state, source.epoch, out))?;
    }
    Ok(())
}

fn select(
    instance: &Instance,
    order: &[&crate::instance::Column],
    rows: usize,
    after: Option<&[Value]>,
) -> String {
    let columns: Vec<_> = instance.columns.iter().map(|c| c.sql.select(&c.name)).collect();
    let from = format!("{} FROM {}", columns.join(", "), table(&instance.schema, &instance.table));
    if order.is_empty() {
        return format!("SELECT {from}");
    }
    let by: Vec<_> = order.iter().map(|column| dstream_mssql::name(&column.name)).collect();
    let behind = after.map(|after| format!(" WHERE {}", key::behind(order, after)));
    format!("SELECT TOP ({rows}) {from}{} ORDER BY {}", behind.unwrap_or_default(), by.join(", "))
}

fn values(instance: &Instance, order: &[&crate::instance::Column], row: &Row) -> Vec<Value> {
    let value = |name: &str| {
        let at = instance.columns.iter().position(|column| column.name == name)?;
        let mut json = Vec::new();
        write_json(cell(row, at)?, &mut json);
        serde_json::from_slice(&json).ok()
    };
    order.iter().map(|column| value(&column.name).unwrap_or_default()).collect()
}

fn envelope(instance: &Instance, row: &Row, end: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"data":{"#);
    for (at, (column, (_, value))) in instance.columns.iter().zip(row.cells()).enumerate() {
        out.extend_from_slice(if at > 0 { b"," } else { b"" });
        out.extend_from_slice(&column.label);
        write_json(value, out);
    }
    out.push(b'}');
    out.extend_from_slice(end);
}

/// The rows of an earlier reading are no rows any more.
fn truncate(instance: &Instance, state: &State, epoch: Option<u64>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"data":null"#);
    out.extend_from_slice(&metadata(instance, "truncate", state, epoch));
}

/// What stands behind the data, to the envelope's end.
fn metadata(instance: &Instance, op: &str, state: &State, epoch: Option<u64>) -> Vec<u8> {
    let mut out = br#","metadata":{"stream":"#.to_vec();
    out.extend_from_slice(&instance.label);
    // A Vec takes everything. Before every change behind the commit, as text too.
    write!(out, r#","op":"{op}","position":"{}/0""#, state.lsn).unwrap_or_default();
    if let Some(epoch) = epoch {
        write!(out, r#","epoch":{epoch}"#).unwrap_or_default();
    }
    out.extend_from_slice(b"}}");
    out
}
