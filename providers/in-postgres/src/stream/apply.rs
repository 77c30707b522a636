//! One message of the stream becomes lines of the batch.

use dstream_cdc::{TableState, Verdict};
use dstream_sdk::{Batch, Error, Result};

use super::follow::Stream;
use super::handoff::Came;
use super::pgoutput::{Cell, Logical, Relation};
use super::transaction::{Transaction, lone_message};
use crate::lsn::Lsn;
use crate::state::State;

impl Stream {
    /// Takes in one message of the plugin.
    #[inline]
    pub(super) async fn apply(&mut self, bytes: &[u8], batch: &mut Batch<State>) -> Result<()> {
        if self.streamed.takes(bytes) {
            return self.take_streamed(bytes);
        }
        let message = Logical::read(bytes).ok_or_else(|| unreadable(bytes))?;
        self.apply_logical(message, batch).await
    }

    #[inline]
    pub(super) async fn apply_logical(
        &mut self,
        message: Logical<'_>,
        batch: &mut Batch<State>,
    ) -> Result<()> {
        match message {
            Logical::Insert { relation, new } => self.change(relation, Came::Insert(new), batch),
            Logical::Update { relation, old, new } => {
                self.change(relation, Came::Update(old, new), batch)
            }
            Logical::Delete { relation, old } => self.change(relation, Came::Delete(old), batch),
            Logical::Truncate { relations } => relations
                .into_iter()
                .try_for_each(|relation| self.change(relation, Came::Truncate, batch)),
            Logical::Begin { commit, time, xid } => {
                self.begin(Transaction::new(commit, time, xid));
                Ok(())
            }
            Logical::Commit { end } => self.commit(end, batch),
            Logical::Relation(relation) => {
                self.relations.arrived += 1;
                self.describe(&relation, self.relations.arrived).await
            }
            Logical::Message { transactional, lsn, prefix, content } => {
                self.message(transactional, lsn, prefix, content, batch)
            }
            Logical::Other => Ok(()),
        }
    }

    /// A transaction, of which all that follows is committed.
    pub(super) fn begin(&mut self, transaction: Transaction) {
        self.skipping = transaction.commit < self.state.lsn;
        self.committed_at = transaction.time;
        self.transaction = Some(transaction);
    }

    /// A table as its rows are from here on.
    pub(super) async fn describe(&mut self, relation: &Relation<'_>, arrived: u64) -> Result<()> {
        let name = dstream_cdc::stream_name(relation.schema, relation.name);
        self.note_new_table(&name);
        let open = self.handoff.is_open(&name);
        self.relations.describe(&mut self.catalog, relation, arrived, open).await
    }

    /// One change of one table.
    #[inline]
    fn change(&mut self, oid: u32, came: Came<'_>, batch: &mut Batch<State>) -> Result<()> {
        let Some(transaction) = &mut self.transaction else { return Err(out_of_order("a change")) };
        transaction.changes += 1;
        if self.skipping {
            return Ok(());
        }
        let Some(known) = self.relations.get_mut(oid) else { return Err(out_of_order("a row")) };
        let verdict = match known.handing_over {
            false => Verdict::Apply,
            true => self.handoff.judge(&known.table, transaction.commit, came)?,
        };
        if verdict == Verdict::Drop {
            return Ok(());
        }
        if !known.announced {
            self.announced.announce(&known.table.schema, batch)?;
            known.announced = true;
        }
        let table = &known.table;
        self.open_lines = true;
        match (verdict, came) {
            (Verdict::Insert, Came::Update(_, new)) => {
                if new.cells().any(|cell| cell == Cell::Unchanged) {
                    return Err(missing_value(table.stream()));
                }
                batch.line(|out| transaction.insert(out, table, new))
            }
            (Verdict::Delete, Came::Update(Some(old), _)) => {
                batch.line(|out| transaction.delete(out, table, old))
            }
            (_, Came::Insert(new)) => batch.line(|out| transaction.insert(out, table, new)),
            (_, Came::Update(old, new)) => {
                batch.line(|out| transaction.update(out, table, old, new))
            }
            (_, Came::Delete(old)) => batch.line(|out| transaction.delete(out, table, old)),
            (_, Came::Truncate) => {
                if verdict == Verdict::Again {
                    self.again.push(table.stream().to_owned());
                    // What the transaction does from here on is among the rows that are read again.
                    if let Some(state) = self.handoff.0.get_mut(table.stream()) {
                        state.restart();
                    }
                }
                batch.line(|out| transaction.truncate(out, table))
            }
        }
    }

    fn message(
        &mut self,
        transactional: bool,
        lsn: Lsn,
        prefix: &[u8],
        content: &[u8],
        batch: &mut Batch<State>,
    ) -> Result<()> {
        if let (true, Some(transaction)) = (transactional, &mut self.transaction) {
            transaction.changes += 1;
            if self.skipping {
                return Ok(());
            }
            self.open_lines = true;
            return batch.line(|out| transaction.message(out, prefix, content));
        }
        if lsn < self.state.lsn {
            return Ok(());
        }
        batch.line(|out| lone_message(out, lsn, prefix, content))?;
        self.state.lsn = Lsn(lsn.0 + 1);
        self.offer(batch)
    }

    pub(super) fn commit(&mut self, end: Lsn, batch: &mut Batch<State>) -> Result<()> {
        self.transaction = None;
        self.skipping = false;
        self.open_lines = false;
        for name in std::mem::take(&mut self.again) {
            if let Some(state) = self.handoff.0.get_mut(&name) {
                state.restart();
                self.reread = true;
            }
        }
        self.state.lsn = end.max(self.state.lsn);
        self.offer(batch)
    }

    /// A table that nobody named when the run began. Its changes so far are part of the rows that
    /// are read once the transaction is over.
    fn note_new_table(&mut self, name: &str) {
        if self.handoff.0.contains_key(name) {
            return;
        }
        let state = if self.following.read_new_tables {
            tracing::info!(table = name, "a table that is new in the publication: it is read");
            self.again.push(name.to_owned());
            TableState::new(Vec::new(), Vec::new())
        } else {
            tracing::info!(
                table = name,
                "a table that is new in the publication: its changes follow"
            );
            TableState::done()
        };
        self.handoff.0.insert(name.to_owned(), state);
        self.unsaved.push(name.to_owned());
    }
}

pub(super) fn unreadable(bytes: &[u8]) -> Error {
    let tag = bytes.first().map_or('?', |&b| char::from(b));
    Error::permanent(format!("a message of the plugin pgoutput ({tag}) cannot be read"))
}

fn out_of_order(what: &str) -> Error {
    Error::permanent(format!(
        "{what} came before what it belongs to: the stream of pgoutput is out of order"
    ))
}

fn missing_value(stream: &str) -> Error {
    Error::permanent(format!(
        "a row of {stream} got another key between two parts of the snapshot, and the log does not hold \
         its large values; forget the task's checkpoint (`dstream state rm`) to read the tables again"
    ))
}
