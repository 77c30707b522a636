//! Tables come and go with their leases.

use std::collections::BTreeMap;

use dstream_sdk::{Batch, Error, Granted, Result, tracing};

use crate::config::CheckpointStore;
use crate::input::MssqlInput;
use crate::locks::Locks;
use crate::source::Source;
use crate::state::{Reading, State};
use crate::{offsets, start};

/// What an instance among several knows.
pub(crate) struct Sharing {
    locks: Locks,
    /// Tables that were asked for, with the epoch.
    claims: BTreeMap<String, u64>,
    /// Whether the destination keeps the states for all instances, and refuses what comes under a
    /// lease that is over; known with the first answer.
    is_fenced: Option<bool>,
}

impl Sharing {
    pub(crate) fn new(locks: Locks) -> Self {
        Self { locks, claims: BTreeMap::new(), is_fenced: None }
    }

    /// Whether no answer is awaited.
    pub(crate) fn is_settled(&self) -> bool {
        self.claims.is_empty()
    }

    /// Whether a table may be read under the lease that it was begun with.
    pub(crate) fn may_read(&self, source: &Source) -> bool {
        source.epoch.is_some_and(|epoch| self.locks.has(source.stream(), epoch))
    }
}

impl MssqlInput {
    /// Asks for tables whose lease is new, lets go of those that another instance is to have, and
    /// stops where a lease is gone.
    pub(crate) fn share(&mut self, batch: &mut Batch<State>) -> Result<()> {
        let Some(sharing) = &mut self.sharing else { return Ok(()) };
        let held = sharing.locks.held();
        let mut gone = Vec::new();
        for (at, source) in self.sources.iter_mut().enumerate() {
            let lease = held.iter().find(|held| held.stream == source.stream());
            let lease = lease.map(|held| held.lease).filter(|l| Some(l.epoch) == source.epoch);
            let is_saved = self.saved.get(source.stream()) == Some(&source.state);
            let is_idle = self.round.is_none() && is_saved;
            match lease {
                None if is_idle => gone.push((at, false)),
                // What of it is in the pipe may not be committed under another table's checkpoint.
                None => return Err(over(source.stream())),
                Some(lease) if lease.wanted && !source.leaving => {
                    tracing::info!(stream = source.stream(), "another instance is to read it");
                    source.leaving = true;
                }
                Some(_) if source.leaving && is_idle => gone.push((at, true)),
                Some(_) => {}
            }
        }
        for (at, give_back) in gone.into_iter().rev() {
            let source = self.sources.remove(at);
            if give_back {
                sharing.locks.give_back(source.stream());
            }
            tracing::info!(stream = source.stream(), "is not read here any more");
        }
        sharing.claims.retain(|stream, epoch| {
            held.iter().any(|held| held.stream == *stream && held.lease.epoch == *epoch)
        });
        for held in held.iter().filter(|held| !held.lease.wanted) {
            let epoch = held.lease.epoch;
            let is_known = sharing.claims.contains_key(&held.stream)
                || self.sources.iter().any(|source| source.stream() == held.stream);
            // Given back just now, it may be in the list still.
            if !is_known && sharing.locks.has(&held.stream, epoch) {
                batch.claim(&held.stream, epoch, Some(&sharing.locks.group));
                sharing.claims.insert(held.stream.clone(), epoch);
            }
        }
        let read: Vec<_> =
            self.sources.iter().filter_map(|s| Some((s.stream(), s.epoch?))).collect();
        batch.valid_while(Some(sharing.locks.guard(&read)));
        Ok(())
    }

    /// The answer to a claim.
    pub(crate) async fn take_claimed(
        &mut self,
        stream: &str,
        granted: Granted<State>,
    ) -> Result<()> {
        let Some(sharing) = &mut self.sharing else { return Ok(()) };
        let Some(epoch) = sharing.claims.get(stream).copied() else { return Ok(()) };
        // To an earlier claim: the table may have been another's in between.
        if granted.epoch.is_some_and(|answered| answered != epoch) {
            return Ok(());
        }
        sharing.claims.remove(stream);
        sharing.is_fenced = Some(granted.shared);
        if !sharing.locks.has(stream, epoch) {
            return Ok(());
        }
        // It may have been changed since this instance began.
        let tables = start::tables(&mut self.session, &self.database, &self.meant).await?;
        let Some(instances) = tables.into_iter().find(|table| table[0].stream() == stream) else {
            return Err(Error::transient(format!("{stream} is not captured any more")));
        };
        let mut known = granted.state;
        if !granted.shared {
            self.keep_offsets().await?;
            let is_ours = |reading: &Reading| reading.epoch.is_some_and(|read| read + 1 == epoch);
            known = known.filter(|state| state.snapshot.as_ref().is_none_or(is_ours));
        }
        if !granted.shared || known.is_none() {
            known = self.furthest(&instances[0], known).await?;
        }
        let mut source = start::source(&mut self.session, &self.config, instances, known).await?;
        source.epoch = Some(epoch);
        if let Some(reading) = source.state.snapshot.as_mut().filter(|_| !granted.shared) {
            reading.epoch = Some(epoch);
            // Another instance has read a part of its rows, and nobody knows which.
            let begun = offsets::begin_rows(&mut self.session, &source.instances[0]).await?;
            reading.anew |= begun && reading.after.is_none();
        }
        self.begin_to_read(source);
        Ok(())
    }

    /// The destination keeps nothing that all instances know, so that `cdc_offsets` has to.
    async fn keep_offsets(&mut self) -> Result<()> {
        if self.keeps_offsets {
            return Ok(());
        }
        if self.config.checkpoint_store == Some(CheckpointStore::Host) {
            return Err(Error::config(
                "checkpoint_store",
                "with `lock_config` the instances have to know together how far a table was read, and this output keeps nothing \
                 for them: leave `checkpoint_store` out, or set \"table\", for `cdc_offsets` in the watched database",
            ));
        }
        tracing::info!(
            "the output keeps no checkpoints for several instances: dbo.cdc_offsets does"
        );
        offsets::make(&mut self.session).await?;
        self.keeps_offsets = true;
        Ok(())
    }

    /// Where nothing that this instance has sent can arrive behind what its successor sends, that one
    /// need not wait until the leases run out.
    pub(crate) async fn give_back_what_may_be(&mut self, is_end: bool) {
        let Some(sharing) = &self.sharing else { return };
        let is_saved = |s: &Source| self.saved.get(s.stream()) == Some(&s.state);
        let is_out = is_end && self.sources.iter().all(is_saved);
        if is_out || self.sources.is_empty() || sharing.is_fenced == Some(true) {
            sharing.locks.close().await;
        }
    }
}

fn over(stream: &str) -> Error {
    Error::transient(format!(
        "the lease of {stream} is over, and changes of it are on their way: they are given up, and read again by who has the lease"
    ))
}
