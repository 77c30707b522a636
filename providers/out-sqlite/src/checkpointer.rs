//! Moves SQLite's write-ahead log into the database on a thread of its own, so that the copying and
//! its fsyncs hold up no rows. A commit is durable in the log before; nothing depends on this.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use dstream_sdk::Result;
use dstream_sdk::tracing::{debug, warn};
use rusqlite::Connection;

use crate::config::Settings;
use crate::db::{self, fatal};

/// The log is left alone below this, as SQLite would by itself.
const WORTH_BYTES: u64 = 4 << 20;

/// From here on a commit waits until the log is moved, and SQLite begins it anew. While rows keep
/// coming there is no other moment for that: the next transaction already holds on to the log.
const LIMIT_BYTES: u64 = 128 << 20;

/// Works on its own connection, one checkpoint at a time.
pub(crate) struct Checkpointer {
    /// Pages in the log; SQLite says so at each commit.
    pages: Arc<AtomicU64>,
    page_bytes: u64,
    work: Work,
}

enum Work {
    Idle(Connection),
    Busy(JoinHandle<Connection>),
    /// The thread is gone; every commit moves the log itself.
    Gone,
}

impl Checkpointer {
    /// Takes the place of SQLite's own checkpoints; `None` where there is no log.
    pub(crate) fn new(settings: &Settings, connection: &mut Connection) -> Result<Option<Self>> {
        if !db::is_wal(connection).map_err(fatal)? {
            return Ok(None);
        }
        let page_bytes =
            connection.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(fatal)?;
        let work = Work::Idle(db::open(settings, false)?);
        let pages = Arc::new(AtomicU64::new(0));
        let count = pages.clone();
        let hook = move |_: &mut _, pages| {
            count.store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        };
        connection.wal_hook(Some(hook)).map_err(fatal)?;
        Ok(Some(Self { pages, page_bytes, work }))
    }

    /// Called behind each commit.
    pub(crate) fn committed(&mut self, connection: &Connection) {
        let bytes = self.pages.load(Ordering::Relaxed) * self.page_bytes;
        if bytes < WORTH_BYTES {
            return;
        }
        if bytes >= LIMIT_BYTES || matches!(self.work, Work::Gone) {
            self.finish();
            return checkpoint(connection);
        }
        self.start();
    }

    /// Begins a checkpoint if none is under way.
    fn start(&mut self) {
        if matches!(&self.work, Work::Busy(thread) if !thread.is_finished()) {
            return;
        }
        self.finish();
        if let Work::Idle(connection) = std::mem::replace(&mut self.work, Work::Gone) {
            let work = move || {
                checkpoint(&connection);
                connection
            };
            let thread = std::thread::Builder::new().name("checkpoint".into()).spawn(work);
            match thread {
                Ok(thread) => self.work = Work::Busy(thread),
                Err(error) => warn!(%error, "no thread for checkpoints: commits make them"),
            }
        }
    }

    /// Waits for the checkpoint that is under way.
    fn finish(&mut self) {
        self.work = match std::mem::replace(&mut self.work, Work::Gone) {
            Work::Busy(thread) => thread.join().map_or(Work::Gone, Work::Idle),
            other => other,
        };
    }
}

impl Drop for Checkpointer {
    /// The run's own connection must be the last one to close: that one removes the log.
    fn drop(&mut self) {
        self.finish();
    }
}

/// `PASSIVE`: takes what it can get and waits for nobody. What it leaves, the next one moves; that
/// is why SQLite's own checkpoints, too, ignore errors.
fn checkpoint(connection: &Connection) {
    let counts = |row: &rusqlite::Row<'_>| Ok((row.get(1)?, row.get(2)?));
    let moved: rusqlite::Result<(i64, i64)> =
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], counts);
    match moved {
        Ok((pages, moved)) => debug!(pages, moved, "checkpoint of the log"),
        Err(error) => {
            warn!(%error, "the log was not moved into the database; the next commit tries again")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ROW_BYTES: usize = 1 << 20;

    fn config(folder: &tempfile::TempDir, mode: &str) -> Settings {
        let path = folder.path().join("a.db");
        serde_json::from_value(serde_json::json!({"path": path, "journal_mode": mode})).unwrap()
    }

    fn open(config: &Settings) -> (Option<Checkpointer>, Connection) {
        let mut connection = db::open(config, true).unwrap();
        connection.execute_batch("CREATE TABLE t (x BLOB)").unwrap();
        (Checkpointer::new(config, &mut connection).unwrap(), connection)
    }

    fn write(checkpointer: &mut Checkpointer, connection: &Connection) {
        connection.execute("INSERT INTO t VALUES (zeroblob(?1))", [ROW_BYTES]).unwrap();
        checkpointer.committed(connection);
    }

    #[test]
    fn the_log_is_moved_while_the_run_goes_on_and_gone_at_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&folder, "wal");
        let (checkpointer, connection) = open(&config);
        let mut checkpointer = checkpointer.unwrap();
        for _ in 0..8 {
            write(&mut checkpointer, &connection);
        }
        checkpointer.finish();
        let moved = fs::metadata(&config.path).unwrap().len();
        assert!(moved > ROW_BYTES as u64, "{moved}");
        drop(checkpointer);
        connection.close().unwrap();
        assert!(!fs::exists(format!("{}-wal", config.path)).unwrap());
    }

    /// Each transaction begins before the checkpoint of the one before can be done.
    #[test]
    fn the_log_does_not_grow_without_bound_while_rows_keep_coming() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&folder, "wal");
        let (checkpointer, connection) = open(&config);
        let mut checkpointer = checkpointer.unwrap();
        connection.pragma_update(None, "synchronous", "OFF").unwrap();
        for _ in 0..3 * LIMIT_BYTES as usize / ROW_BYTES {
            write(&mut checkpointer, &connection);
        }
        let log = fs::metadata(format!("{}-wal", config.path)).unwrap().len();
        assert!(log < LIMIT_BYTES * 5 / 4, "{log}");
    }

    #[test]
    fn without_a_log_there_is_nothing_to_move() {
        let folder = tempfile::tempdir().unwrap();
        assert!(open(&config(&folder, "delete")).0.is_none());
    }
}
