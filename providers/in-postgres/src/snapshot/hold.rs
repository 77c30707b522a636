//! Keeps tables from being rewritten while they are read, without standing in anybody's way for
//! longer than a moment.
//!
//! A session that wants to rewrite a table waits for those that read it, and whoever asks for the
//! table after it waits behind it. A connection that reads must therefore have all its locks before
//! it begins: one that asked for another in the middle could wait for a session that waits for a
//! connection of ours, which the server cannot see as a deadlock.

use dstream_postgres::{Error, quote};
use dstream_sdk::Result;

use super::worker::Worker;
use crate::catalog::{TableInfo, text};
use crate::explain;

/// How long one attempt waits for a lock. Shorter than the server's `deadlock_timeout`, so that
/// none of its transactions is ever ended on our account.
const ATTEMPT: &str = "300ms";

/// SQLSTATEs of a lock that was not to be had.
const NOT_NOW: [&str; 2] = ["55P03", "40P01"];

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Held {
    All,
    /// Another session has this table, or waits for it. Nothing is held.
    NotYet(String),
}

impl Worker {
    /// Locks the tables until everything is read: a rewritten table is empty for a snapshot that
    /// is older. One that was rewritten in the moment before is noticed.
    ///
    /// Attempts are repeated by the caller; between them nothing is held.
    pub(crate) async fn hold(&mut self, tables: impl Iterator<Item = &TableInfo>) -> Result<Held> {
        let mut oids = Vec::new();
        let attempt =
            format!("SAVEPOINT hold; SET LOCAL lock_timeout = {}", quote::literal(ATTEMPT));
        self.wire.query(&attempt).await?;
        for table in tables {
            let lock = format!("LOCK TABLE {} IN ACCESS SHARE MODE", table.sql());
            if let Err(error) = self.wire.query(&lock).await {
                return self.let_go(error, &table.sql()).await;
            }
            oids.push(table.oid.to_string());
        }
        self.wire.query("RELEASE SAVEPOINT hold; SET LOCAL lock_timeout = 0").await?;
        match oids.is_empty() {
            true => Ok(Held::All),
            false => self.require_not_rewritten(&oids).await.map(|()| Held::All),
        }
    }

    async fn let_go(&mut self, error: Error, table: &str) -> Result<Held> {
        if !error.code().is_some_and(|code| NOT_NOW.contains(&code)) {
            return Err(explain::snapshot(error, table));
        }
        self.wire.query("ROLLBACK TO SAVEPOINT hold; RELEASE SAVEPOINT hold").await?;
        Ok(Held::NotYet(table.to_owned()))
    }

    /// The catalog's row is the snapshot's, the function's answer is the present.
    async fn require_not_rewritten(&mut self, oids: &[String]) -> Result<()> {
        let sql = format!(
            "SELECT relname FROM pg_class WHERE oid IN ({}) AND relkind = 'r' \
               AND relfilenode <> pg_relation_filenode(oid)",
            oids.join(", ")
        );
        match self.wire.query(&sql).await?.first() {
            Some(row) => Err(dstream_sdk::Error::transient(format!(
                "the table {} was truncated or rewritten at the moment its snapshot was taken",
                text(row, 0)
            ))),
            None => Ok(()),
        }
    }
}

// A server is started by programs of Unix.
#[cfg(test)]
#[cfg(unix)]
mod tests {
    use dstream_postgres::{Target, Wire};

    use super::*;
    use crate::setup::server;
    use crate::snapshot::Exported;

    fn tables() -> Vec<TableInfo> {
        let table = |name: &str| TableInfo {
            schema: "public".into(),
            name: name.into(),
            ..TableInfo::default()
        };
        vec![table("free"), table("busy")]
    }

    async fn worker(target: &Target, exporter: &mut Wire) -> Worker {
        exporter.query("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
        let rows = exporter.query("SELECT pg_export_snapshot()").await.unwrap();
        let snapshot = text(&rows[0], 0);
        let point = crate::lsn::Lsn(0);
        let exported = Exported { point, snapshot: &snapshot, encoding: "UTF8", own_sql: false };
        Worker::connect(target, &exported).await.unwrap()
    }

    /// Were one of its locks kept, the other session would wait for it while we wait for that
    /// session, and the server would end one of the two.
    #[tokio::test]
    async fn while_one_table_is_another_sessions_none_is_held() {
        let server = dstream_servers::Postgres::start(&[]);
        server.psql("postgres", "CREATE TABLE free (n int); CREATE TABLE busy (n int)");
        let config = serde_json::json!({"url": server.url("postgres")});
        let settings: dstream_postgres::ConnectionSettings =
            serde_json::from_value(config).unwrap();
        let target = settings.target().unwrap();
        let mut exporter = server::connect(&target).await.unwrap();
        let mut worker = worker(&target, &mut exporter).await;
        let mut other = server::connect(&target).await.unwrap();
        other.query("BEGIN; LOCK TABLE public.busy").await.unwrap();

        let held = worker.hold(tables().iter()).await.unwrap();
        assert_eq!(held, Held::NotYet("\"public\".\"busy\"".into()));
        other.query("LOCK TABLE public.free NOWAIT").await.unwrap();

        other.query("COMMIT").await.unwrap();
        assert_eq!(worker.hold(tables().iter()).await.unwrap(), Held::All);
        let error = other.query("BEGIN; LOCK TABLE public.free NOWAIT").await.unwrap_err();
        assert_eq!(error.code(), Some("55P03"));
        // What comes after it may wait.
        let rows = worker.wire().query("SHOW lock_timeout").await.unwrap();
        assert_eq!(text(&rows[0], 0), "0");
    }
}
