//! Where the log ends.

use std::time::{Duration, Instant};

use dstream_postgres::Wire;
use dstream_sdk::{Error, Result};

use crate::catalog::text;
use crate::lsn::Lsn;

/// The place for the next record stands behind the header of its page, at most so many bytes
/// behind the end of the last record.
const PAGE_HEADER: u64 = 64;

/// A place behind everything that is committed now. A commit that nobody waited for
/// (`synchronous_commit = off`) is in the log's memory first, and reaches its files, from where it
/// is streamed, within three times `wal_writer_delay` (the manual, "Asynchronous Commit").
pub(crate) async fn committed_end(wire: &mut Wire) -> Result<Lsn> {
    let sql = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn() END, \
               extract(epoch FROM current_setting('wal_writer_delay')::interval)";
    let row = wire.query(sql).await?.into_iter().next().unwrap_or_default();
    // A standby has only what was in files.
    let Ok(inserted) = text(&row, 0).parse::<Lsn>() else { return current_end(wire).await };
    let delay = text(&row, 1).parse::<f64>().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    let enough = Instant::now() + 4 * delay.unwrap_or(Duration::from_secs(1));
    loop {
        let end = current_end(wire).await?;
        if end.0 + PAGE_HEADER >= inserted.0 || Instant::now() > enough {
            return Ok(end);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Where the log ends now.
pub(crate) async fn current_end(wire: &mut Wire) -> Result<Lsn> {
    let rows = wire
        .query(
            "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END",
        )
        .await?;
    let text = rows.first().map(|row| text(row, 0)).unwrap_or_default();
    text.parse().map_err(|error: String| Error::permanent(error))
}
