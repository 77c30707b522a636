//! Transactions that the server sends before their commit (protocol version 2 of pgoutput): each is
//! spooled to disk, and comes out whole at its commit, or not at all.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use dstream_sdk::{Batch, Error, Result};

use super::bytes::Bytes;
use super::follow::Stream;
use super::pgoutput::Logical;
use super::spool::{Spool, Spooled};
use super::transaction::Transaction;
use crate::config::Config;
use crate::lsn::Lsn;
use crate::state::State;

/// A description of a table as it stands in a spool: behind the letter, when it came.
const RELATION: u8 = b'r';

/// The transactions that are open.
#[derive(Debug)]
pub(super) struct Streamed {
    folder: PathBuf,
    open: HashMap<u32, Spool>,
    /// The transaction whose segment is being sent.
    segment: Option<u32>,
}

/// A transaction that was committed, while its messages are taken in.
#[derive(Debug)]
pub(super) struct Replay {
    spooled: Spooled,
    end: Lsn,
}

impl Streamed {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, open: HashMap::new(), segment: None }
    }

    /// Whether the message belongs to a transaction that is not committed yet, or ends one.
    #[inline]
    pub(super) fn takes(&self, bytes: &[u8]) -> bool {
        self.segment.is_some() || matches!(bytes.first(), Some(b'S' | b'c' | b'A'))
    }

    /// Takes one in; at a commit, everything that belongs to it.
    fn take(&mut self, bytes: &[u8], arrived: &mut u64) -> Result<Option<(Transaction, Replay)>> {
        self.read(bytes, arrived).ok_or_else(|| super::apply::unreadable(bytes))?.map_err(|error| {
            Error::transient(format!(
                "a transaction that is not committed yet cannot be kept in {}: {error}. `spool_folder` names \
                 another folder; with `streaming = false` the server keeps it on its own disk",
                self.folder.display()
            ))
        })
    }

    /// `None`: it cannot be read.
    fn read(
        &mut self,
        bytes: &[u8],
        arrived: &mut u64,
    ) -> Option<io::Result<Option<(Transaction, Replay)>>> {
        let mut rest = Bytes(bytes);
        match (rest.u8()?, self.segment) {
            (b'S', None) => {
                let (xid, first) = (rest.u32()?, rest.u8()? == 1);
                self.segment = Some(xid);
                Some(self.begin(xid, first).map(|()| None))
            }
            (b'E', Some(xid)) => {
                self.segment = None;
                self.open.get_mut(&xid).map(|spool| spool.rest().map(|()| None))
            }
            (b'A', None) => {
                let (xid, savepoint) = (rest.u32()?, rest.u32()?);
                if xid == savepoint {
                    self.open.remove(&xid);
                } else if let Some(spool) = self.open.get_mut(&xid) {
                    spool.roll_back(savepoint);
                }
                Some(Ok(None))
            }
            (b'c', None) => {
                let (xid, _flags, commit) = (rest.u32()?, rest.u8()?, rest.lsn()?);
                let (end, time) = (rest.lsn()?, rest.i64()?);
                let spool = self.open.remove(&xid)?;
                let transaction = Transaction::new(commit, time, xid);
                Some(spool.read().map(|spooled| Some((transaction, Replay { spooled, end }))))
            }
            (tag @ (b'I' | b'U' | b'D' | b'T' | b'M' | b'R'), Some(xid)) => {
                let spool = self.open.get_mut(&xid)?;
                let savepoint = rest.u32()?;
                let added = if tag == b'R' {
                    *arrived += 1;
                    let mut head = [RELATION; 9];
                    head[1..].copy_from_slice(&arrived.to_le_bytes());
                    spool.add(savepoint, &head, rest.0)
                } else {
                    spool.add(savepoint, &[tag], rest.0)
                };
                Some(added.map(|()| None))
            }
            // Types and origins.
            (_, Some(_)) => Some(Ok(None)),
            _ => None,
        }
    }

    fn begin(&mut self, xid: u32, first: bool) -> io::Result<()> {
        if first || !self.open.contains_key(&xid) {
            self.open.insert(xid, Spool::new(&self.folder)?);
        }
        Ok(())
    }
}

impl Stream {
    /// Takes in a message of a transaction that is open.
    pub(super) fn take_streamed(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some((transaction, replay)) =
            self.streamed.take(bytes, &mut self.relations.arrived)?
        {
            self.begin(transaction);
            self.replay = Some(Box::new(replay));
        }
        Ok(())
    }

    /// Goes on with a transaction that was committed, until the batch is full.
    pub(super) async fn replay(&mut self, batch: &mut Batch<State>) -> Result<()> {
        let Some(mut replay) = self.replay.take() else { return Ok(()) };
        while !batch.is_full() {
            if !replay.spooled.advance().map_err(lost)? {
                self.relations.restore();
                return self.commit(replay.end, batch);
            }
            let message = replay.spooled.message();
            match message.split_first() {
                Some((&RELATION, rest)) => {
                    let (arrived, relation) = rest.split_first_chunk().ok_or_else(cut)?;
                    let relation = Bytes(relation).relation().ok_or_else(cut)?;
                    self.describe(&relation, u64::from_le_bytes(*arrived)).await?;
                }
                _ => {
                    let message = Logical::read(message).ok_or_else(cut)?;
                    self.apply_logical(message, batch).await?;
                }
            }
        }
        self.replay = Some(replay);
        Ok(())
    }
}

/// Where transactions are kept that are not committed yet; `None`: the server keeps them, because
/// that is wanted, or there is no place.
pub(crate) fn spool_folder(config: &Config) -> Result<Option<PathBuf>> {
    // The server (15 to 18) sends the messages of a savepoint as if they were the transaction's:
    // those of one that is rolled back could not be told from the others.
    if !config.streaming || config.messages {
        return Ok(None);
    }
    let folder = config.spool_folder.clone().unwrap_or_else(default_folder);
    match (tempfile::tempfile_in(&folder), &config.spool_folder) {
        (Ok(_), _) => Ok(Some(folder)),
        (Err(error), Some(named)) => {
            let text = format!("no file can be made in {}: {error}", named.display());
            Err(Error::config("spool_folder", text))
        }
        (Err(error), None) => {
            tracing::warn!(folder = %folder.display(), %error, "no file can be made: the server keeps large transactions on its disk until their commit");
            Ok(None)
        }
    }
}

/// Beside the task's state, else where temporary files go, which may be memory.
fn default_folder() -> PathBuf {
    let state = PathBuf::from(".dstream");
    if state.is_dir() { state } else { std::env::temp_dir() }
}

fn lost(error: io::Error) -> Error {
    Error::transient(format!("a transaction that was spooled cannot be read back: {error}"))
}

fn cut() -> Error {
    Error::transient("a message that was spooled cannot be read back")
}
