//! A connection that is thrown away once it may be out of step: after a time-out, a cancelled
//! statement or an answer that was not read to its end, the next answer could be that of the last
//! question.

use std::time::Duration;

use dstream_sdk::{Error, Result};
use futures_util::{FutureExt as _, TryStreamExt as _};
use tiberius::error::Error as Driver;
use tiberius::{Client, ColumnData, IntoSql, Query, QueryItem, QueryStream, Row, TokenRow};
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

use crate::{Connection, Fault, error};

/// How often a server may send a connection on: a gateway, a replica, and one to spare.
const REDIRECTS: usize = 3;

/// What every session needs: an error ends its transaction, so that nothing is half done; texts are
/// quoted by `'` and names by brackets; a lock is not waited for longer than a statement.
const PREPARE: &str = "SET XACT_ABORT ON; SET QUOTED_IDENTIFIER ON; SET ANSI_NULLS ON; SET ANSI_WARNINGS ON; \
    SET ANSI_PADDING ON; SET CONCAT_NULL_YIELDS_NULL ON; SET ARITHABORT ON; SET NUMERIC_ROUNDABORT OFF; \
    SET TEXTSIZE 2147483647; SET NOCOUNT OFF; SET DATEFORMAT ymd; SET IMPLICIT_TRANSACTIONS OFF";

/// The driver itself reads no more than 8 KiB at a time.
const RECEIVED: usize = 64 << 10;

type Sql = Client<Compat<BufReader<TcpStream>>>;

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
        take: impl FnMut(QueryItem) -> Result<()>,
    ) -> Result<()> {
        self.batch(sql, take).await.map_err(Error::from)
    }

    /// Runs a batch and makes pieces of the answer, which are sent on as they are full. Where nobody takes them,
    /// the server waits; that it waits is no fault of its.
    ///
    /// # Errors
    /// As [`each`](Self::each); or there is no receiver any more.
    pub async fn feed<T>(
        &mut self,
        sql: &str,
        take: impl FnMut(QueryItem) -> Result<Option<T>>,
        to: &mpsc::Sender<T>,
    ) -> Result<()> {
        let mut client = self.take()?;
        let asked = async {
            let stream = within(self.patience, client.simple_query(sql)).await?;
            drain(self.patience, stream, take, Some(to)).await
        };
        let done = asked.await;
        self.put_back(client, done).map_err(Error::from)
    }

    /// Runs statements whose answer nobody needs.
    ///
    /// # Errors
    /// Of the server, in its own words and number.
    pub async fn attempt(&mut self, sql: &str) -> std::result::Result<(), Fault> {
        self.batch(sql, |_| Ok(())).await
    }

    async fn batch(
        &mut self,
        sql: &str,
        mut take: impl FnMut(QueryItem) -> Result<()>,
    ) -> std::result::Result<(), Fault> {
        let mut client = self.take()?;
        let asked = async {
            let stream = within(self.patience, client.simple_query(sql)).await?;
            drain(self.patience, stream, |item| take(item).map(|()| NOTHING), None).await
        };
        let done = asked.await;
        self.put_back(client, done)
    }

    /// Runs one statement with parameters, `@P1` and so on; the rows of its answer.
    ///
    /// # Errors
    /// Of the server, in its own words and number.
    pub async fn ask(
        &mut self,
        sql: &str,
        params: Vec<ColumnData<'_>>,
    ) -> std::result::Result<Rows, Fault> {
        let mut client = self.take()?;
        let mut rows = Vec::new();
        let asked = async {
            let mut query = Query::new(sql);
            params.into_iter().for_each(|value| query.bind(Value(value)));
            let stream = within(self.patience, query.query(&mut client)).await?;
            let keep = |item| {
                if let QueryItem::Row(row) = item {
                    rows.push(row);
                }
                Ok(NOTHING)
            };
            drain(self.patience, stream, keep, None).await
        };
        let done = asked.await;
        self.put_back(client, done)?;
        Ok(rows)
    }

    /// Loads rows into columns of a table with `INSERT BULK`. The names go into statements as they
    /// are.
    ///
    /// # Errors
    /// Of the server, in its own words and number.
    pub async fn bulk(
        &mut self,
        table: &str,
        columns: &[&str],
        rows: Vec<Vec<ColumnData<'_>>>,
    ) -> std::result::Result<(), Fault> {
        let mut client = self.take()?;
        let loaded = async {
            let announced = client.bulk_insert_columns(table, columns);
            let mut load = within(self.patience, announced).await?;
            for values in rows {
                let mut row = TokenRow::with_capacity(values.len());
                values.into_iter().for_each(|value| row.push(value));
                within(self.patience, load.send(row)).await?;
            }
            within(self.patience, load.finalize()).await.map(drop)
        };
        let done = loaded.await;
        self.put_back(client, done)
    }

    fn take(&mut self) -> Result<Sql> {
        let lost = || Error::transient("the connection to SQL Server is not usable any more");
        self.client.take().ok_or_else(lost)
    }

    /// Keeps the connection where it is in step: what the server itself refuses the driver reads to
    /// its end before the next question.
    fn put_back(
        &mut self,
        client: Sql,
        done: std::result::Result<(), Fault>,
    ) -> std::result::Result<(), Fault> {
        if done.as_ref().map_or_else(Fault::is_in_step, |()| true) {
            self.client = Some(client);
        }
        done
    }

    /// Whether it can be used.
    pub fn is_usable(&self) -> bool {
        self.client.is_some()
    }
}

/// A value as it is.
struct Value<'a>(ColumnData<'a>);

impl<'a> IntoSql<'a> for Value<'a> {
    fn into_sql(self) -> ColumnData<'a> {
        self.0
    }
}

async fn within<T>(
    patience: Duration,
    asked: impl Future<Output = std::result::Result<T, Driver>>,
) -> std::result::Result<T, Fault> {
    let answer = tokio::time::timeout(patience, asked).await;
    answer.map_err(|_| Fault::late(patience))?.map_err(Fault::from)
}

/// What is handed on by who hands nothing on.
const NOTHING: Option<()> = None;

async fn drain<T>(
    patience: Duration,
    mut stream: QueryStream<'_>,
    mut take: impl FnMut(QueryItem) -> Result<Option<T>>,
    to: Option<&mpsc::Sender<T>>,
) -> std::result::Result<(), Fault> {
    loop {
        // Most of an answer is there already: the clock is asked only where it is waited for.
        let next = match stream.try_next().now_or_never() {
            Some(next) => next?,
            None => within(patience, stream.try_next()).await?,
        };
        let Some(item) = next else { return Ok(()) };
        if let (Some(piece), Some(to)) = (take(item)?, to) {
            to.send(piece).await.map_err(|_| Error::transient("nobody takes the answer"))?;
        }
    }
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
        let socket = BufReader::with_capacity(RECEIVED, socket);
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
