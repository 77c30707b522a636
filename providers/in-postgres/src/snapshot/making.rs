//! Makes a slot, whose snapshot is the one that tables are read in. It can take as long as the
//! longest transaction that is open, so it goes on from read to read.

use std::time::{Duration, Instant};

use dstream_postgres::{Message, Row, Target, Wire};
use dstream_sdk::{Error, Result};

use crate::catalog::text;
use crate::explain;
use crate::lsn::Lsn;

/// How long one look for the answer takes.
const LOOK: Duration = Duration::from_millis(500);

/// A slot that is being made.
#[derive(Debug)]
pub(crate) struct Making {
    wire: Wire,
    slot: String,
    since: Instant,
    answer: Option<Row>,
    failed: Option<dstream_postgres::Error>,
}

/// A slot that was made. Its snapshot can be imported while this value lives.
#[derive(Debug)]
pub(crate) struct Made {
    /// The snapshot holds what was committed before this point.
    pub(crate) point: Lsn,
    /// The snapshot's name.
    pub(crate) snapshot: String,
    _wire: Wire,
}

impl Making {
    pub(crate) async fn begin(target: &Target, slot: &str, statement: &str) -> Result<Self> {
        let mut wire = Wire::connect_replication(target).await?;
        wire.begin(statement).await?;
        Ok(Self { wire, slot: slot.to_owned(), since: Instant::now(), answer: None, failed: None })
    }

    /// Looks whether it is made.
    pub(crate) async fn look(&mut self) -> Result<bool> {
        loop {
            match self.wire.buffered()? {
                Some(Message::ReadyForQuery) => break,
                Some(Message::Error(error)) => self.failed = Some((*error).into()),
                Some(message) => {
                    if let Some(row) = message.columns()? {
                        self.answer = Some(row);
                    }
                }
                None => match tokio::time::timeout(LOOK, self.wire.fill()).await {
                    Ok(filled) => filled?,
                    Err(_) => return Ok(false),
                },
            }
        }
        match self.failed.take() {
            Some(error) => Err(explain::slot(error, &self.slot)),
            None => Ok(true),
        }
    }

    /// What to tell people meanwhile.
    pub(crate) fn waiting_on(&self) -> Option<String> {
        let seconds = self.since.elapsed().as_secs();
        (seconds >= 2).then(|| {
            format!("the slot {} waits {seconds} s for the transactions that were open when it was begun", self.slot)
        })
    }

    /// The answer: name, consistent point, snapshot's name, plugin.
    pub(crate) fn made(self) -> Result<Made> {
        let row = self.answer.unwrap_or_default();
        let point = text(&row, 1).parse().map_err(|error| {
            Error::permanent(format!(
                "the server's answer to CREATE_REPLICATION_SLOT cannot be read: {error}"
            ))
        })?;
        Ok(Made { point, snapshot: text(&row, 2), _wire: self.wire })
    }
}
