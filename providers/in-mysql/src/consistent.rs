//! Connections that each see the tables as they were at a known place in the log.

use dstream_mysql::mysql_async::Conn;
use dstream_mysql::mysql_async::prelude::Queryable;
use dstream_mysql::{Server, error, table_name};
use dstream_sdk::{Context, Error, ErrorKind, Result, tracing};

use crate::config::{Config, SnapshotLock};
use crate::position::Position;
use crate::source;

/// How long the lock may be waited for, in seconds: while it waits, others wait behind it.
const LOCK_WAIT: u32 = 10;

/// So many connections, each with its place.
pub(crate) async fn connections(
    config: &Config,
    server: &Server,
    count: usize,
    tables: &[(String, String)],
) -> Result<Vec<(Conn, Position)>> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(prepared(config).await?);
    }
    if server.is_mariadb() && config.snapshot_lock == SnapshotLock::Auto {
        return without_lock(all).await;
    }
    let mut locking = dstream_mysql::connect(&config.connection).await?;
    lock(&mut locking, config.snapshot_lock, tables).await?;
    for conn in &mut all {
        start(conn).await?;
    }
    // The lock is held: no commit of these tables is under way.
    let position = source::end_of_log(&mut locking, server).await?.position;
    locking.query_drop("UNLOCK TABLES").await.map_err(error)?;
    Ok(all.into_iter().map(|conn| (conn, position.clone())).collect())
}

async fn prepared(config: &Config) -> Result<Conn> {
    let mut conn = dstream_mysql::connect(&config.connection).await?;
    for sql in [
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        // Keys are ordered by all of their bytes.
        "SET SESSION max_sort_length = 16384",
    ] {
        conn.query_drop(sql).await.map_err(error)?;
    }
    Ok(conn)
}

async fn start(conn: &mut Conn) -> Result<()> {
    let sql = "START TRANSACTION WITH CONSISTENT SNAPSHOT";
    conn.query_drop(sql).await.map_err(error).context("cannot begin the snapshot")
}

/// MariaDB tells each snapshot's place by itself
/// (mariadb.com/kb/en/enhancements-for-start-transaction-with-consistent-snapshot).
async fn without_lock(connections: Vec<Conn>) -> Result<Vec<(Conn, Position)>> {
    let mut all = Vec::new();
    for mut conn in connections {
        start(&mut conn).await?;
        let rows: Vec<(String, String)> =
            conn.query("SHOW SESSION STATUS LIKE 'binlog_snapshot_%'").await.map_err(error)?;
        let value = |name: &str| {
            rows.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
        };
        let file = value("Binlog_snapshot_file").filter(|file| !file.is_empty());
        let offset = value("Binlog_snapshot_position").and_then(|n| n.parse().ok());
        let (Some(file), Some(offset)) = (file, offset) else {
            return Err(Error::permanent(
                "the server does not say where in its log the snapshot stands \
                 (binlog_snapshot_file); set snapshot_lock = \"global\"",
            ));
        };
        let position = Position::new(file, offset);
        all.push((conn, position));
    }
    Ok(all)
}

async fn lock(conn: &mut Conn, how: SnapshotLock, tables: &[(String, String)]) -> Result<()> {
    let wait = format!("SET SESSION lock_wait_timeout = {LOCK_WAIT}");
    conn.query_drop(wait).await.map_err(error)?;
    if how != SnapshotLock::Tables {
        match conn.query_drop("FLUSH TABLES WITH READ LOCK").await.map_err(error) {
            Ok(()) => return Ok(()),
            Err(e) if how == SnapshotLock::Auto && e.kind() == ErrorKind::Auth => {
                tracing::info!("FLUSH TABLES WITH READ LOCK is not allowed: the tables are locked");
            }
            Err(e) => {
                return Err(e.context(
                    "cannot hold the server still for the snapshot (it needs GRANT RELOAD ON *.*; \
                     snapshot_lock = \"tables\" needs LOCK TABLES on the databases)",
                ));
            }
        }
    }
    let locked: Vec<_> = tables.iter().map(|(d, t)| format!("{} READ", table_name(d, t))).collect();
    conn.query_drop(format!("LOCK TABLES {}", locked.join(", "))).await.map_err(error).context(
        "cannot lock the tables for the moment in which the snapshot begins: GRANT LOCK TABLES ON \
         the databases, or GRANT RELOAD ON *.*",
    )
}
