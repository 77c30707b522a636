//! A connection that is thrown away once it may be out of step: after a time-out, a cancelled
//! statement or an answer that was not read to its end, the next answer could be that of the last
//! question.

use std::time::Duration;

use dstream_sdk::{Error, Result};
use futures_util::TryStreamExt as _;
use tiberius::error::Error as Driver;
use tiberius::{Client, ColumnData, QueryItem, Row};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

use crate::{Connection, error};

/// How often a server may send a connection on: a gateway, a replica, and one to spare.
const REDIRECTS: usize = 3;

/// What every session needs: an error ends its transaction, so that nothing is half done; texts are
/// quoted by `'` and names by brackets; a lock is not waited for longer than a statement.
const PREPARE: &str = "SET XACT_ABORT ON; SET QUOTED_IDENTIFIER ON; SET ANSI_NULLS ON; SET ANSI_WARNINGS ON; \
    SET ANSI_PADDING ON; SET CONCAT_NULL_YIELDS_NULL ON; SET ARITHABORT ON; SET NUMERIC_ROUNDABORT OFF; \
    SET TEXTSIZE 2147483647; SET NOCOUNT OFF; SET DATEFORMAT ymd; SET IMPLICIT_TRANSACTIONS OFF";

type Sql = Client<Compat<TcpStream>>;

/// The rows of one answer.
pub type Rows = Vec<Row>;

/// A connection with at most one statement at a time.
pub struct Session {
    /// Taken out while a statement runs: what is cancelled does not come back.
    client: Option<Sql>,
    patience: Duration,
}

impl Session {
    /// Connects and logs in.
    ///
    /// # Errors
    /// Kind `auth` for a refused login, `transient` where the server cannot be reached.
    pub async fn connect(settings: &Connection) -> Result<Self> {
        let limit = settings.connect_timeout();
        let opened = tokio::time::timeout(limit, open(settings)).await.map_err(|_| {
            Error::transient(format!("no answer within {} ms (connect_timeout)", limit.as_millis()))
        });
        let cannot = |e: Error| e.context(format!("cannot connect to {}", settings.address()));
        let client = opened.and_then(|opened| opened).map_err(cannot)?;
        let mut session = Self { client: Some(client), patience: settings.command_timeout() };
        session.run(PREPARE).await?;
        Ok(session)
    }

    /// Runs a batch of statements and gives the rows of each answer.
    ///
    /// # Errors
    /// The first that the server reports; what it had answered before is dropped.
    pub async fn query(&mut self, sql: &str) -> Result<Vec<Rows>> {
        let mut results: Vec<Rows> = Vec::new();
        self.each(sql, |item| {
            match item {
                QueryItem::Metadata(_) => results.push(Vec::new()),
                QueryItem::Row(row) => results.last_mut().map(|rows| rows.push(row)).unwrap_or(()),
            }
            Ok(())
        })
        .await?;
        Ok(results)
    }

    /// The first value of the first row, where there is one.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub async fn value(&mut self, sql: &str) -> Result<Option<ColumnData<'static>>> {
        let row =
            self.query(sql).await?.into_iter().next().and_then(|rows| rows.into_iter().next());
        Ok(row.and_then(|row| row.into_iter().next()))
    }

    /// Runs statements whose answer nobody needs.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub async fn run(&mut self, sql: &str) -> Result<()> {
        self.each(sql, |_| Ok(())).await
    }

    /// Runs a batch and hands on each piece of the answer as it comes, without keeping it.
    ///
    /// # Errors
    /// Of the server, or of the taker; then the connection is not used again.
    pub async fn each(
        &mut self,
        sql: &str,
        mut take: impl FnMut(QueryItem) -> Result<()>,
    ) -> Result<()> {
        let lost = || Error::transient("the connection to SQL Server is not usable any more");
        let mut client = self.client.take().ok_or_else(lost)?;
        match self.ask(&mut client, sql, &mut take).await {
            Ok(()) => {
                self.client = Some(client);
                Ok(())
            }
            Err(Broken::Taker(error)) => Err(error),
            Err(Broken::Late) => {
                let seconds = self.patience.as_secs_f32();
                Err(Error::transient(format!(
                    "the server said nothing for {seconds} s (command_timeout)"
                )))
            }
            Err(Broken::Driver(failure)) => {
                // The server's own error leaves the connection in step: the driver reads the rest of
                // the answer away before the next question.
                if matches!(&failure, Driver::Server(token) if token.class() < 20) {
                    self.client = Some(client);
                }
                Err(error(failure))
            }
        }
    }

    async fn ask(
        &self,
        client: &mut Sql,
        sql: &str,
        take: &mut impl FnMut(QueryItem) -> Result<()>,
    ) -> Result<(), Broken> {
        let asked = tokio::time::timeout(self.patience, client.simple_query(sql));
        let mut stream = asked.await.map_err(|_| Broken::Late)?.map_err(Broken::Driver)?;
        loop {
            let item = tokio::time::timeout(self.patience, stream.try_next());
            match item.await.map_err(|_| Broken::Late)?.map_err(Broken::Driver)? {
                Some(item) => take(item).map_err(Broken::Taker)?,
                None => return Ok(()),
            }
        }
    }

    /// Whether it can be used.
    pub fn is_usable(&self) -> bool {
        self.client.is_some()
    }
}

/// Why an answer was not read to its end.
enum Broken {
    Driver(Driver),
    /// Who takes the pieces has refused one.
    Taker(Error),
    Late,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("usable", &self.is_usable()).finish_non_exhaustive()
    }
}

async fn open(settings: &Connection) -> Result<Sql> {
    let mut config = settings.config()?;
    for _ in 0..REDIRECTS {
        let socket = TcpStream::connect(config.get_addr()).await?;
        socket.set_nodelay(true)?;
        match Client::connect(config.clone(), socket.compat_write()).await {
            Ok(client) => return Ok(client),
            Err(Driver::Routing { host, port }) => {
                config.host(host);
                config.port(port);
            }
            Err(failure) => return Err(error(failure)),
        }
    }
    Err(Error::transient("the server sends the connection on, again and again"))
}
