//! Several connections that commit as one: PostgreSQL's prepared transactions.
//!
//! The run's name is an advisory lock: every transaction of a lane holds it in common with the others,
//! also while it is prepared, so whoever gets it alone knows that there are none.

use std::time::Duration;

use dstream_postgres::quote::literal;
use dstream_sdk::{Error, Result};
use dstream_sql::{Param, TwoPhase};

use crate::database::Postgres;
use crate::failure::fatal;

/// How long a lane waits for a lock: perhaps another lane of the same run holds it.
const PATIENCE_MS: u128 = 2000;

/// The identifier of a prepared transaction that another session is about to end.
const BUSY: &str = "55000";
const NOT_THERE: &str = "42704";
const PAUSE: Duration = Duration::from_millis(20);

impl TwoPhase for Postgres {
    fn connections(&self) -> usize {
        self.connections
    }

    fn shared_from(&self) -> usize {
        self.shared_from
    }

    async fn can_prepare(&mut self) -> Result<()> {
        let lanes = self.connections - 1;
        if lanes == 0 {
            return Ok(());
        }
        let sql = "SELECT current_setting('max_prepared_transactions')";
        let most = self.session.query(sql, &[]).await.map_err(fatal)?.concat();
        let most = most.into_iter().flatten().find_map(|text| text.parse::<usize>().ok());
        let most = most.unwrap_or_default();
        if most >= lanes {
            return Ok(());
        }
        Err(Error::config(
            "connections",
            format!(
                "`connections = {}` needs {lanes} prepared transactions, and the server allows {most} in all: ALTER SYSTEM SET max_prepared_transactions = {lanes} (or more, for other tasks), and restart it; or set `connections` to {}",
                self.connections,
                most + 1
            ),
        ))
    }

    /// Identifiers are those of the whole cluster, and have at most 199 bytes. Not by md5, which some
    /// servers refuse.
    async fn run_name(&mut self, owner: &str) -> Result<String> {
        let sql = "SELECT 'dstream/' || left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 32) \
             || '/' || oid::text FROM pg_database WHERE datname = current_database()";
        let name = self.session.query(sql, &[Param::Text(owner)]).await.map_err(fatal)?;
        let name = name.concat().into_iter().flatten().next();
        name.ok_or_else(|| Error::transient("the database has no name"))
    }

    async fn hurry(&mut self) -> Result<()> {
        let sql = match self.lock_timeout {
            Some(own) if (1..=PATIENCE_MS).contains(&own.as_millis()) => return Ok(()),
            _ => format!("SET LOCAL lock_timeout = {PATIENCE_MS}"),
        };
        self.session.run(&sql).await.map_err(fatal)
    }

    async fn begin_lane(&mut self, run: &str) -> Result<()> {
        self.session.begin().await.map_err(fatal)?;
        let sql = "SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))";
        self.session.execute(sql, &[Param::Text(run)]).await.map(drop).map_err(fatal)
    }

    /// A transaction that has failed is rolled back in answer to this, without an error.
    async fn prepare(&mut self, name: &str) -> Result<()> {
        let sql = format!("PREPARE TRANSACTION {}", literal(name));
        self.session.end(&sql).await.map_err(|error| fatal(error).context("at the commit"))?;
        let sql = "SELECT 1 FROM pg_prepared_xacts WHERE gid = $1";
        let there = self.session.query(sql, &[Param::Text(name)]).await.map_err(fatal)?;
        match there.is_empty() {
            true => Err(Error::transient(format!("the transaction {name} was not prepared"))),
            false => Ok(()),
        }
    }

    async fn resolve(&mut self, name: &str, commit: bool) -> Result<()> {
        let word = if commit { "COMMIT" } else { "ROLLBACK" };
        let sql = format!("{word} PREPARED {}", literal(name));
        loop {
            match self.session.run(&sql).await {
                Ok(()) => return Ok(()),
                Err(error) if error.code() == Some(NOT_THERE) => return Ok(()),
                Err(error) if error.code() == Some(BUSY) => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(fatal(error).context(sql)),
            }
        }
    }

    async fn prepared(&mut self, run: &str) -> Result<Vec<String>> {
        let sql = "SELECT gid FROM pg_prepared_xacts \
             WHERE database = current_database() AND starts_with(gid, $1) ORDER BY gid";
        let rows = self.session.query(sql, &[Param::Text(run)]).await.map_err(fatal)?;
        Ok(rows.into_iter().flatten().flatten().collect())
    }

    async fn is_free(&mut self, run: &str) -> Result<bool> {
        let sql = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))";
        let free = self.session.query(sql, &[Param::Text(run)]).await.map_err(fatal)?;
        Ok(free.concat() == [Some("true".to_owned())])
    }
}
