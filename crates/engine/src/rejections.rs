//! Rejected envelopes: who rejected them, where they are kept, how many there may be.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use dstream_protocol::Rejected;

use crate::dead_letter::{self, Closed, DeadLetter, DeadLetters, Taken};
use crate::event::EventKind;
use crate::failure::{Failure, FailureKind};
use crate::hub::{Hub, Index};

/// Where dead letters go, and how many may.
pub(crate) struct Graveyard {
    pub(crate) store: Arc<dyn DeadLetters>,
    pub(crate) limit: u64,
}

impl Hub {
    /// How many letters of a provider there are, where there are more than when this was asked last.
    pub(crate) fn new_letters(&self, seat: Index) -> Option<u64> {
        let mut account = self.account(seat);
        let letters = account.letters;
        (std::mem::replace(&mut account.noted, letters) < letters).then_some(letters)
    }

    /// What an input or transform has rejected so far stands before checkpoint `id`.
    pub(crate) fn close_letters(&self, seat: Index, id: u64) -> Result<(), Failure> {
        let Some(letters) = self.new_letters(seat) else { return Ok(()) };
        let who = &self.seats[seat];
        let provider = dead_letter::key(who.role, &who.name);
        self.book().ledger.note_letters(provider.clone(), id, letters);
        let Some(graveyard) = self.graveyard.as_ref().filter(|_| self.keeper) else {
            return Ok(());
        };
        // The destination may have this checkpoint durable before the next save.
        let note = Closed { run: self.run.clone(), provider, checkpoint: id, letters };
        let noted = graveyard.store.close(&note).and_then(|()| graveyard.store.sync());
        noted.map_err(|e| {
            who.failure(FailureKind::State, format!("a dead letter cannot be kept: {e}"))
        })
    }

    /// A provider says that an envelope can never be written.
    pub(crate) fn reject(&self, seat: Index, mut rejected: Rejected) -> Result<(), Failure> {
        let who = &self.seats[seat];
        let resent = dead_letter::is_resent(who.epoch, rejected.commit);
        if resent && !who.resends {
            return Ok(());
        }
        let n = {
            let mut account = self.account(seat);
            account.rejected += u64::from(!resent);
            account.letters += u64::from(!resent);
            if resent { 0 } else { account.letters }
        };
        rejected.error = self.mask.error(rejected.error);
        let reason = rejected.error.message.clone();
        let Some(graveyard) = &self.graveyard else {
            let message = format!("it rejected an envelope: {reason}");
            return Err(who
                .failure(FailureKind::Rejected, message)
                .help("to keep rejected envelopes and go on, add `dead_letter {}` to the task"));
        };
        let taken = Taken {
            role: who.role,
            provider: &who.name,
            run: &self.run,
            n,
            own_id: who.epoch.is_some(),
        };
        let letter = DeadLetter::new(&taken, rejected);
        graveyard.store.append(&letter).map_err(|e| {
            let message = format!("a dead letter cannot be kept: {e}");
            who.failure(FailureKind::State, message)
        })?;
        let provider = who.name.clone();
        self.report.emit(EventKind::Rejected { provider, id: letter.id, error: letter.error });
        let count = self.counters.rejected.fetch_add(1, Relaxed) + 1;
        if count > graveyard.limit {
            let message = format!(
                "more than {} envelopes were rejected (`dead_letter.max_rejected`), the last one because: {reason}",
                graveyard.limit
            );
            return Err(who.failure(FailureKind::Rejected, message).help(
                "look at them with `dstream dlq list`; if they are expected, raise max_rejected",
            ));
        }
        Ok(())
    }
}
