//! Tables come and go with their leases.

use dstream_sdk::{Batch, Error, Result, tracing};

use crate::input::MssqlInput;
use crate::state::State;

impl MssqlInput {
    /// Asks for tables whose lease is new, lets go of those that another instance is to have, and
    /// stops where a lease is gone.
    pub(crate) fn share(&mut self, batch: &mut Batch<State>) -> Result<()> {
        let Some(locks) = &self.locks else { return Ok(()) };
        let held = locks.held();
        let mut gone = Vec::new();
        for (at, source) in self.sources.iter_mut().enumerate() {
            let lease = held.iter().find(|held| held.stream == source.stream());
            let lease = lease.map(|held| held.lease).filter(|l| Some(l.epoch) == source.epoch);
            let is_saved = self.saved.get(source.stream()) == Some(&source.state);
            let is_idle = self.round.is_none() && is_saved;
            match lease {
                None if is_idle => gone.push((at, false)),
                // What of it is in the pipe may not be committed under another table's checkpoint.
                None => {
                    return Err(Error::transient(format!(
                        "the lease of {} is over, and changes of it are on their way: they are given up, and read again by who \
                         has the lease",
                        source.stream()
                    )));
                }
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
                locks.give_back(source.stream());
            }
            tracing::info!(stream = source.stream(), "is not read here any more");
        }
        self.claims.retain(|stream, epoch| {
            held.iter().any(|held| held.stream == *stream && held.lease.epoch == *epoch)
        });
        for held in held.iter().filter(|held| !held.lease.wanted) {
            let epoch = held.lease.epoch;
            let is_known = self.claims.get(&held.stream) == Some(&epoch)
                || self.sources.iter().any(|source| source.stream() == held.stream);
            if !is_known {
                batch.claim(&held.stream, epoch);
                self.claims.insert(held.stream.clone(), epoch);
            }
        }
        let read: Vec<_> = self
            .sources
            .iter()
            .filter_map(|source| Some((source.stream().to_owned(), source.epoch?)))
            .collect();
        batch.valid_while(Some(locks.guard(&read)));
        Ok(())
    }
}
