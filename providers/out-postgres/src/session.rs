//! The connection: how it is made ready, statements prepared once, parameters and answers as text.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{BufMut as _, BytesMut};
use dstream_postgres::tokio_postgres::types::{
    Format, FromSql, IsNull, ToSql, Type, to_sql_checked,
};
use dstream_postgres::tokio_postgres::{Statement, types};
use dstream_postgres::{Client, Error, Result};
use dstream_sql::{Access, Param, Reply, keep_alive};

use crate::config::Settings;

/// One connection.
pub(crate) struct Session {
    pub(crate) client: Arc<Client>,
    statements: HashMap<String, Statement>,
    in_transaction: Arc<AtomicBool>,
}

impl Session {
    pub(crate) async fn open(settings: &Settings, access: Access) -> Result<Self> {
        let target = settings.connection.target()?;
        let client = Arc::new(Client::connect(&target).await?);
        client.batch_execute(&prelude(settings, access)).await?;
        let in_transaction = Arc::new(AtomicBool::new(false));
        if access == Access::Run {
            let open = in_transaction.clone();
            keep_alive(&client, settings.takeover_timeout.0, move |client| {
                let open = open.load(Ordering::Relaxed);
                async move { !open || client.batch_execute("").await.is_ok() }
            });
        }
        Ok(Self { client, statements: HashMap::new(), in_transaction })
    }

    pub(crate) async fn run(&self, sql: &str) -> Result<()> {
        Ok(self.client.batch_execute(sql).await?)
    }

    pub(crate) fn in_transaction(&self) -> bool {
        self.in_transaction.load(Ordering::Relaxed)
    }

    /// Constraints that may be deferred are checked at the commit: a batch does not keep the order
    /// of tables. The isolation is said because the server may have another default.
    pub(crate) async fn begin(&self) -> Result<()> {
        self.run("BEGIN ISOLATION LEVEL READ COMMITTED; SET CONSTRAINTS ALL DEFERRED").await?;
        self.in_transaction.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// `COMMIT` or `ROLLBACK`.
    pub(crate) async fn end(&self, sql: &str) -> Result<()> {
        self.in_transaction.store(false, Ordering::Relaxed);
        self.run(sql).await
    }

    /// Prepared once a session.
    pub(crate) async fn prepare(&mut self, sql: &str, types: &[Type]) -> Result<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare_typed(sql, types).await?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    pub(crate) async fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64> {
        let statement = self.prepare(sql, &[]).await?;
        let values: Vec<_> = params.iter().map(Text::of).collect();
        Ok(self.client.execute_raw(&statement, &values).await?)
    }

    pub(crate) async fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Reply>> {
        let statement = self.prepare(sql, &[]).await?;
        let values: Vec<_> = params.iter().map(Text::of).collect();
        let values: Vec<_> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let rows = self.client.query(&statement, &values).await?;
        let reply = |row: &dstream_postgres::tokio_postgres::Row| {
            let value = |at| Ok(row.try_get::<_, Option<Answer>>(at)?.map(|answer| answer.0));
            (0..row.len()).map(value).collect::<Result<Reply, Error>>()
        };
        rows.iter().map(reply).collect()
    }
}

/// What every session is told first.
fn prelude(settings: &Settings, access: Access) -> String {
    if access == Access::Look {
        return "SET default_transaction_read_only = on".into();
    }
    let millis = |span: Option<dstream_sdk::TimeSpan>| span.map_or(0, |span| span.as_millis());
    format!(
        "SET synchronous_commit = {}; SET statement_timeout = {}; SET lock_timeout = {}; \
         SET idle_in_transaction_session_timeout = {}; \
         SET enable_hashjoin = off; SET enable_mergejoin = off",
        settings.synchronous_commit.as_str(),
        millis(settings.statement_timeout),
        millis(settings.lock_timeout),
        settings.takeover_timeout.as_millis(),
    )
}

/// A parameter in text form, whatever its type: the server reads it.
#[derive(Debug)]
struct Text(String);

impl Text {
    fn of(param: &Param<'_>) -> Self {
        Self(match param {
            Param::Text(text) => (*text).to_owned(),
            Param::Int(number) => number.to_string(),
        })
    }
}

impl ToSql for Text {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        out.put_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// An answer as text. Ours are numbers, truths and texts.
struct Answer(String);

impl<'a> FromSql<'a> for Answer {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(match *kind {
            types::Type::INT8 => i64::from_sql(kind, raw)?.to_string(),
            types::Type::INT4 => i32::from_sql(kind, raw)?.to_string(),
            types::Type::BOOL => bool::from_sql(kind, raw)?.to_string(),
            _ => std::str::from_utf8(raw)?.to_owned(),
        }))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
