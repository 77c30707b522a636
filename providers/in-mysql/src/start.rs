//! Where a run begins.

use std::collections::BTreeMap;

use dstream_cdc::TableState;
use dstream_mysql::Server;
use dstream_mysql::mysql_async::Conn;
use dstream_sdk::{Error, Result, tracing};

use crate::config::{Config, Resume, Snapshot};
use crate::plan::Plan;
use crate::position::Position;
use crate::source;
use crate::state::{LogState, State};

/// Where to begin: the checkpoint's log state and tables; nothing where it begins anew.
pub(crate) async fn begin(
    config: &Config,
    server: &Server,
    conn: &mut Conn,
    checkpoint: &mut BTreeMap<String, State>,
    end: &LogState,
) -> Result<(Option<LogState>, BTreeMap<String, TableState<Position>>)> {
    let Some(State::Log(from)) = checkpoint.remove("") else { return Ok(Default::default()) };
    let tables: BTreeMap<_, _> = std::mem::take(checkpoint)
        .into_iter()
        .filter_map(|(stream, state)| match state {
            State::Table(table) => Some((stream, table)),
            State::Log(_) => None,
        })
        .collect();
    let moved = from.server != server.identity;
    let by_file = config.position == Resume::File || from.gtid.is_none();
    if moved && (by_file || tables.values().any(|table| !table.done)) {
        return Err(Error::permanent(format!(
            "the checkpoint is of the server {}, and this is {}: another server can take over only \
             by GTID, and once the snapshot is read. Connect to the first one, or begin anew with a \
             snapshot (`dstream state rm`)",
            from.server, server.identity
        )));
    }
    let logs = source::logs(conn, server).await?;
    let there = moved || logs.iter().any(|(file, _)| *file == from.position.file);
    let ahead = !moved && by_file && from.position > end.position;
    if there && !ahead {
        return Ok((Some(from), tables));
    }
    if config.snapshot == Snapshot::WhenNeeded {
        tracing::warn!(
            position = %from.position,
            "the log that is needed is not there any more: the tables are read again"
        );
        return Ok(Default::default());
    }
    if !by_file {
        // It may have been read to its end: the server knows.
        return Ok((Some(from), tables));
    }
    Err(Error::permanent(format!(
        "the log that is needed, {}, is not there any more (the oldest is {}), so changes are lost: \
         keep the logs for longer (binlog_expire_logs_seconds, or expire_logs_days), and begin anew \
         with a snapshot: `dstream state rm`, or snapshot = \"when_needed\"",
        from.position,
        logs.first().map_or("none", |(file, _)| file)
    )))
}

/// The state of a table that no checkpoint knows.
pub(crate) async fn first_state(
    config: &Config,
    server: &Server,
    conn: &mut Conn,
    database: &str,
    name: &str,
) -> Result<TableState<Position>> {
    if config.snapshot == Snapshot::Never {
        return Ok(TableState::done());
    }
    let plan = Plan::of(conn, database, name, server.is_mariadb()).await?;
    plan.state(conn, config.snapshot_parallelism > 1).await
}
