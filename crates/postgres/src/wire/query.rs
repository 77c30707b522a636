//! Simple queries and the beginning of a COPY.

use postgres_protocol::message::frontend;

use super::Wire;
use super::message::{Message, short};
use crate::error::{Error, Result};

/// The texts of a row's columns; `None`: null.
pub type Row = Vec<Option<String>>;

impl Wire {
    /// Runs statements and returns all rows.
    ///
    /// # Errors
    /// What the server says; the session can go on.
    pub async fn query(&mut self, sql: &str) -> Result<Vec<Row>> {
        self.begin(sql).await?;
        let mut rows = Vec::new();
        let mut failed = None;
        loop {
            match self.buffered()? {
                None => self.fill().await?,
                Some(Message::DataRow(row)) => rows.push(columns(row)?),
                Some(Message::Error(error)) => failed = failed.or(Some(error)),
                Some(Message::ReadyForQuery) => {
                    return failed.map_or(Ok(rows), |error| Err(Error::Server(error)));
                }
                Some(_) => {}
            }
        }
    }

    /// Sends statements; the answer comes through [`buffered`](Self::buffered) and
    /// [`fill`](Self::fill).
    ///
    /// # Errors
    /// Where the connection is lost.
    pub async fn begin(&mut self, sql: &str) -> Result<()> {
        tracing::trace!(sql, "query");
        self.send(|out| frontend::query(sql, out)).await
    }

    /// Begins a COPY to us, or replication; its data comes through [`buffered`](Self::buffered).
    ///
    /// # Errors
    /// What the server says; the session can go on.
    pub async fn begin_copy(&mut self, sql: &str) -> Result<()> {
        self.begin(sql).await?;
        let mut failed = None;
        loop {
            match self.buffered()? {
                None => self.fill().await?,
                Some(Message::CopyBegins) => return Ok(()),
                Some(Message::Error(error)) => failed = Some(error),
                Some(Message::ReadyForQuery) => {
                    return Err(failed.map_or_else(short, Error::Server));
                }
                Some(_) => {}
            }
        }
    }
}

impl Message<'_> {
    /// The columns of a `DataRow`; nothing for another message.
    ///
    /// # Errors
    /// Where the message is cut short.
    pub fn columns(&self) -> Result<Option<Row>> {
        match self {
            Self::DataRow(payload) => columns(payload).map(Some),
            _ => Ok(None),
        }
    }
}

fn columns(payload: &[u8]) -> Result<Row> {
    let (count, mut rest) = payload.split_first_chunk().ok_or_else(short)?;
    let mut row = Row::with_capacity(usize::from(u16::from_be_bytes(*count)));
    while let Some((length, after)) = rest.split_first_chunk() {
        // -1 stands for null.
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            row.push(None);
            rest = after;
            continue;
        };
        let (text, after) = after.split_at_checked(length).ok_or_else(short)?;
        row.push(Some(String::from_utf8_lossy(text).into_owned()));
        rest = after;
    }
    Ok(row)
}
