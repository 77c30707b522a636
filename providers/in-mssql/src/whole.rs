//! The rows of a table without a key: one answer, for nothing in it is a place to go on from. It is read
//! no faster than it is taken, so that a large table does not fill the memory.

use std::sync::Arc;

use dstream_mssql::Session;
use dstream_mssql::tiberius::{QueryItem, Row};
use dstream_sdk::{Batch, Error, Result};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::instance::Instance;
use crate::state::State;

/// How many bytes are handed on together, and how many such pieces may wait.
const PIECE: usize = 256 << 10;
const WAITING: usize = 4;

/// Envelopes: a buffer, and where each of them ends.
#[derive(Default)]
struct Piece {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// An answer that is being read.
pub(crate) struct Whole {
    pieces: mpsc::Receiver<Piece>,
    /// Has the last piece, which is not full, and the connection.
    reading: JoinHandle<Result<(Piece, Session)>>,
}

impl Whole {
    /// Asks for every row. `render` makes an envelope of one.
    pub(crate) fn begin(
        mut session: Session,
        instance: Arc<Instance>,
        sql: String,
        render: impl Fn(&Row, &mut Vec<u8>) + Send + Sync + 'static,
    ) -> Self {
        let (give, pieces) = mpsc::channel(WAITING);
        let reading = tokio::spawn(async move {
            let mut piece = Piece::default();
            let take = |item| {
                let QueryItem::Row(row) = item else { return Ok(None) };
                render(&row, &mut piece.bytes);
                piece.ends.push(piece.bytes.len());
                Ok((piece.bytes.len() >= PIECE).then(|| std::mem::take(&mut piece)))
            };
            let fed = session.feed(&sql, take, &give).await;
            fed.map_err(|e| e.context(format!("reading the rows of {}", instance.stream())))?;
            Ok((piece, session))
        });
        Self { pieces, reading }
    }

    /// Hands on what has come. At the end of the answer: the connection that it came by.
    pub(crate) async fn piece(&mut self, batch: &mut Batch<State>) -> Result<Option<Session>> {
        if let Some(piece) = self.pieces.recv().await {
            piece.give(batch)?;
            return Ok(None);
        }
        let gone = |e| Error::transient(format!("the reading of a table was given up: {e}"));
        let (last, session) = (&mut self.reading).await.map_err(gone)??;
        last.give(batch)?;
        Ok(Some(session))
    }
}

impl Piece {
    fn give(&self, batch: &mut Batch<State>) -> Result<()> {
        let mut start = 0;
        for end in &self.ends {
            batch.line(|out| out.extend_from_slice(&self.bytes[start..*end]))?;
            start = *end;
        }
        Ok(())
    }
}

impl Drop for Whole {
    /// What is still to come is of no use to anybody.
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl std::fmt::Debug for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Whole").finish_non_exhaustive()
    }
}
