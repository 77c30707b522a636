//! Offers checkpoints: between transactions, and while the server has nothing for us.

use std::time::{Duration, Instant};

use dstream_sdk::{Batch, Result};

use super::follow::Stream;
use super::relations::Known;
use crate::lsn::Lsn;
use crate::state::State;

/// A server that asks for an answer (it may be about to stop) is not kept waiting for longer.
const ASKED_EVERY: Duration = Duration::from_secs(1);

impl Stream {
    /// The server has nothing for us up to `end`: that is as good a place as a commit.
    pub(super) fn idle(&mut self, end: Lsn, asked: bool, batch: &mut Batch<State>) -> Result<()> {
        if self.transaction.is_some() || end <= self.state.lsn {
            return Ok(());
        }
        self.committed_at = 0;
        let every = if asked {
            ASKED_EVERY.min(self.following.heartbeat)
        } else {
            self.following.heartbeat
        };
        let last = self.following.until.is_some_and(|until| end >= until);
        if last || self.offered.elapsed() >= every {
            self.state.lsn = end;
            self.offer(batch)?;
        }
        Ok(())
    }

    /// Everything before `state.lsn` is in the batch or was sent.
    pub(super) fn offer(&mut self, batch: &mut Batch<State>) -> Result<()> {
        self.offered = Instant::now();
        if self.handing_over || !self.unsaved.is_empty() {
            return self.offer_with_tables(batch);
        }
        let state = State::Stream(std::mem::take(&mut self.state));
        let offered = batch.checkpoint(&state);
        if let State::Stream(state) = state {
            self.state = state;
        }
        offered
    }

    /// With the tables that the stream has just passed, and those that began anew. As one: a place
    /// behind a truncate with a table that was not begun anew would lose its rows.
    #[cold]
    fn offer_with_tables(&mut self, batch: &mut Batch<State>) -> Result<()> {
        let unsaved = std::mem::take(&mut self.unsaved);
        let mut parts = vec![("", State::Stream(self.state.clone()))];
        for (name, table) in &mut self.handoff.0 {
            let passed = table.pass(&self.state.lsn);
            if passed || !table.is_read() || unsaved.contains(name) {
                parts.push((name, State::Table(table.clone())));
            }
            if passed {
                let same = |known: &&mut Known| known.table.stream() == name;
                self.relations.all().filter(same).for_each(|known| known.handing_over = false);
            }
        }
        batch.checkpoint_parts(parts.iter().map(|(name, state)| (*name, state)))?;
        self.handing_over = self.handoff.0.values().any(|table| !table.done);
        Ok(())
    }
}
