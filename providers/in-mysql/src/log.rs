//! Follows the log: event by event, out come rows, and places where resuming is right.

use std::time::Duration;

use dstream_cdc::Announced;
use dstream_mysql::Server;
use dstream_mysql::mysql_async::binlog::events::Event;
use dstream_mysql::mysql_async::{BinlogStream, Conn};
use dstream_sdk::{Batch, Result};
use futures_util::{FutureExt, StreamExt};

use crate::binlog::codes::event as code;
use crate::binlog::{gtid, rotate, rows};
use crate::followed::{Followeds, damaged};
use crate::gtid::{MariaGtids, MysqlGtids};
use crate::handoff::Handoff;
use crate::position::Position;
use crate::state::{LogState, State};
use crate::transaction::{Gtid, Transaction};
use crate::{errors, row};

mod statements;

use statements::decompressed_query;

/// Where the first event of a file begins.
const FIRST: u64 = 4;

/// What a look at the stream came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looked {
    /// An event was read.
    Event,
    /// There is none right now.
    Nothing,
    /// The server has closed the stream.
    End,
}

/// The log, and where in it we are.
pub(crate) struct Log {
    stream: BinlogStream,
    pub(crate) followeds: Followeds,
    pub(crate) announced: Announced,
    server: Server,
    server_id: u32,
    /// The end of the event that was read last.
    here: Position,
    /// The end of what was read and does not belong to an open transaction. It never goes back:
    /// after a start by GTID the server begins with places that were read before.
    at: Position,
    maria: Option<MariaGtids>,
    mysql: Option<MysqlGtids>,
    transaction: Option<Transaction>,
    /// When the last transaction was committed, in seconds since 1970.
    pub(crate) last_commit: i64,
}

impl Log {
    pub(crate) fn new(
        stream: BinlogStream,
        followeds: Followeds,
        server: Server,
        server_id: u32,
        from: LogState,
    ) -> Self {
        let gtid = from.gtid.unwrap_or_default();
        let same = from.server == server.identity;
        let maria = server.is_mariadb().then(|| MariaGtids::read(&gtid)).flatten();
        let mysql = (!server.is_mariadb()).then(|| MysqlGtids::read(&gtid)).flatten();
        Self {
            stream,
            followeds,
            announced: Announced::default(),
            server,
            server_id,
            at: if same { from.position.clone() } else { Position::new("", 0) },
            here: from.position,
            maria,
            mysql,
            transaction: None,
            last_commit: 0,
        }
    }

    /// The end of what was read.
    pub(crate) fn position(&self) -> &Position {
        &self.at
    }

    /// Whether resuming here would be right.
    pub(crate) fn is_between(&self) -> bool {
        self.transaction.is_none()
    }

    /// The state to resume from.
    pub(crate) fn state(&self) -> LogState {
        let gtid = match (&self.maria, &self.mysql) {
            (Some(ids), _) => ids.text(),
            (_, Some(set)) => set.text(),
            _ => String::new(),
        };
        LogState {
            server: self.server.identity.clone(),
            position: self.at.clone(),
            gtid: Some(gtid).filter(|gtid| !gtid.is_empty()),
        }
    }

    /// The connection for questions.
    pub(crate) fn conn(&mut self) -> &mut Conn {
        self.followeds.conn()
    }

    /// Reads the next event, if it comes within `wait`.
    pub(crate) async fn next(
        &mut self,
        wait: Option<Duration>,
        handoff: &mut Handoff,
        batch: &mut Batch<State>,
    ) -> Result<Looked> {
        let next = match wait {
            None => self.stream.next().now_or_never(),
            Some(wait) => tokio::time::timeout(wait, self.stream.next()).await.ok(),
        };
        let event = match next {
            None => return Ok(Looked::Nothing),
            Some(None) => return Ok(Looked::End),
            Some(Some(event)) => event.map_err(|e| errors::explain(e, self.server_id))?,
        };
        self.event(&event, handoff, batch).await?;
        Ok(Looked::Event)
    }

    async fn event(
        &mut self,
        event: &Event,
        handoff: &mut Handoff,
        batch: &mut Batch<State>,
    ) -> Result<()> {
        let header = event.header();
        let (kind, body) = (header.event_type_raw(), event.data());
        let end = self.end(header.log_pos(), kind);
        self.here = end.clone();
        if let Some((what, long, compressed)) = rows::shape(kind) {
            return self.rows(what, long, compressed, body, handoff, batch);
        }
        match kind {
            code::TABLE_MAP => self.table_map(body, batch).await?,
            code::XID => self.commit(end),
            code::GTID | code::ANONYMOUS_GTID | code::MARIADB_GTID => {
                let size = u64::from(header.event_size());
                let begun = gtid::read(kind, body, header.server_id()).map_err(damaged)?;
                let start = end.offset - size.min(end.offset);
                self.begin(begun, i64::from(header.timestamp()), start);
            }
            code::QUERY => {
                self.query(body, end, i64::from(header.timestamp()), handoff, batch).await?
            }
            code::MARIADB_QUERY_COMPRESSED => {
                let plain = decompressed_query(body).map_err(damaged)?;
                let seconds = i64::from(header.timestamp());
                self.query(&plain, end, seconds, handoff, batch).await?;
            }
            code::ROTATE => self.rotate(rotate::read(event)),
            // One for each compressed transaction; its events follow, without places of their own.
            40 => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.end = Some(end);
                }
            }
            _ => self.other(kind, body, end)?,
        }
        Ok(())
    }

    fn advance(&mut self, to: Position) {
        if to > self.at {
            self.at = to;
        }
    }

    /// Where an event ends.
    fn end(&self, log_pos: u32, kind: u8) -> Position {
        // Events that the server makes up for this stream have no place.
        if log_pos == 0 || kind == code::ROTATE {
            return self.here.clone();
        }
        self.here.on_to(log_pos)
    }

    fn rotate(&mut self, (file, offset): (String, u64)) {
        self.here = Position::new(file, offset.max(FIRST));
        if self.transaction.is_none() {
            self.advance(self.here.clone());
        }
    }

    /// A transaction that begins at this place; `seconds`: when its first event was written.
    fn begin(&mut self, begun: gtid::Begun, seconds: i64, start: u64) {
        let start = Position::new(self.here.file.as_str(), start.max(FIRST));
        let micros = begun.commit.unwrap_or(seconds * 1_000_000);
        self.last_commit = micros / 1_000_000;
        let mut transaction = Transaction::new(start, micros, begun.gtid);
        transaction.explicit = begun.explicit;
        self.transaction = Some(transaction);
    }

    /// The open transaction is whole.
    fn commit(&mut self, end: Position) {
        let Some(transaction) = self.transaction.take() else {
            return self.advance(end);
        };
        match transaction.gtid {
            Some(Gtid::MariaDb { domain, server, sequence }) => {
                self.maria.get_or_insert_default().add(domain, server, sequence);
            }
            Some(Gtid::MySql { uuid, number }) => {
                self.mysql.get_or_insert_default().add(uuid, number);
            }
            None => {}
        }
        self.advance(transaction.end.unwrap_or(end));
    }

    async fn table_map(&mut self, body: &[u8], batch: &mut Batch<State>) -> Result<()> {
        if let Some(followed) = self.followeds.map(body).await? {
            self.announced.announce(&followed.table.schema, batch)?;
        }
        Ok(())
    }

    fn rows(
        &mut self,
        kind: rows::Kind,
        long: bool,
        compressed: bool,
        body: &[u8],
        handoff: &mut Handoff,
        batch: &mut Batch<State>,
    ) -> Result<()> {
        let head = rows::head(body, kind, long).map_err(damaged)?;
        // The number that ends a statement without rows.
        if head.table_id == 0xff_ffff {
            return Ok(());
        }
        let Some(followed) = self.followeds.get(head.table_id)?.cloned() else { return Ok(()) };
        let start = self.here.clone();
        let transaction = self.transaction.get_or_insert_with(|| Transaction::new(start, 0, None));
        let era = handoff.era(followed.table.stream(), &transaction.start);
        let plain;
        let bytes = if compressed {
            plain = crate::inflate::event(head.rows).map_err(damaged)?;
            &plain
        } else {
            head.rows
        };
        let event = row::RowEvent { followed: &followed, kind, head, era };
        row::hand_on(&event, bytes, transaction, handoff, batch)
    }

    /// Asks where the log ends: bytes between there and here.
    pub(crate) async fn behind(&mut self) -> Result<u64> {
        self.followeds.ping().await?;
        let server = self.server.clone();
        let logs = crate::source::logs(self.conn(), &server).await?;
        Ok(crate::source::bytes_behind(&logs, &self.at))
    }
}
