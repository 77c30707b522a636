//! What the tasks of one attempt share: the ledger and the state, the accounts, the way to be heard.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard};

use dstream_protocol::{Committed, PartitionStates, Progress, ProviderError, Role};
use tokio::sync::{Notify, mpsc, watch};

use crate::account::Account;
use crate::dead_letter;
use crate::event::{EventKind, Totals};
use crate::failure::{Failure, FailureKind};
use crate::ledger::Ledger;
use crate::mask::Mask;
use crate::rejections::Graveyard;
use crate::report::{Counters, Reporter, millis};
use crate::state::TaskState;

/// A provider of an attempt, by its place in the list of all.
pub(crate) type Index = usize;

/// What the one who drives an attempt has to know.
#[derive(Debug)]
pub(crate) enum Signal {
    /// An input or transform has ended its stream cleanly.
    Ended(Index),
    /// A process is gone, and everything that it wrote has been read.
    Exited(Index, std::process::ExitStatus),
    /// It has closed its stdin while there was something to write.
    Broken(Index),
    /// Something broke a rule.
    Failed(Failure),
    /// Everything that was committed is saved.
    Saved,
}

/// The ledger and the state, which change together.
pub(crate) struct Book {
    pub(crate) ledger: Ledger,
    pub(crate) state: TaskState,
}

/// A provider as the others know it.
pub(crate) struct Seat {
    pub(crate) role: Role,
    pub(crate) name: String,
    pub(crate) v2: bool,
    pub(crate) critical: bool,
    /// Its index among the providers of its role.
    pub(crate) place: usize,
    /// Its place among the critical outputs.
    pub(crate) cursor: Option<usize>,
    /// The epoch that it claimed, for a transactional output.
    pub(crate) epoch: Option<u64>,
    /// What it stored of rejections in an earlier run counts. Not where the source is read again
    /// from before them.
    pub(crate) resends: bool,
    /// What it said of itself in `@error`.
    pub(crate) last_words: Mutex<Option<ProviderError>>,
    /// What it was sent and has not accounted for.
    pub(crate) account: Mutex<Account>,
}

impl Seat {
    pub(crate) fn failure(&self, kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure::new(kind, message).of(self.role, &self.name)
    }
}

/// What all tasks of an attempt share.
pub(crate) struct Hub {
    pub(crate) report: Reporter,
    pub(crate) mask: Mask,
    pub(crate) counters: Arc<Counters>,
    pub(crate) seats: Vec<Seat>,
    pub(crate) book: Mutex<Book>,
    pub(crate) graveyard: Option<Graveyard>,
    /// The tag of this attempt, in dead letters.
    pub(crate) run: String,
    /// The destination keeps the checkpoint, and so may be ahead of the state.
    pub(crate) keeper: bool,
    pub(crate) signals: mpsc::UnboundedSender<Signal>,
    /// Something was committed.
    pub(crate) dirty: Notify,
    /// By input: the newest of its checkpoints that is saved.
    pub(crate) saved: Vec<watch::Sender<u64>>,
    /// The newest checkpoint of the task that is saved.
    pub(crate) confirmed: watch::Sender<u64>,
    /// By input: lines for its stdin.
    pub(crate) replies: Vec<mpsc::UnboundedSender<String>>,
}

impl Hub {
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(|e| e.into_inner())
    }

    pub(crate) fn account(&self, seat: Index) -> MutexGuard<'_, Account> {
        self.seats[seat].account.lock().unwrap_or_else(|e| e.into_inner())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // Nobody listens any more once the attempt is over.
        drop(self.signals.send(signal));
    }

    /// An input offers a checkpoint; gives its id in the task.
    pub(crate) fn offer(
        &self,
        seat: Index,
        id: u64,
        states: PartitionStates,
    ) -> Result<u64, Failure> {
        let place = self.seats[seat].place;
        self.book().ledger.offer(place, id, states).ok_or_else(|| {
            let message = format!("its checkpoint {id} does not come after the one before");
            self.seats[seat].failure(FailureKind::Protocol, message)
        })
    }

    /// An output says that everything up to a checkpoint is durable.
    pub(crate) fn committed(&self, seat: Index, committed: Committed) -> Result<(), Failure> {
        let Committed { id, written, rejected, state } = committed;
        let who = &self.seats[seat];
        let (sent, seen, first) = {
            let mut account = self.account(seat);
            let first = account.is_new();
            (account.settle(id), std::mem::take(&mut account.rejected), first)
        };
        let letters = self.new_letters(seat);
        let sent = sent.map_err(|e| who.failure(FailureKind::Protocol, e.to_string()))?;
        // A destination that stores rejections sends those of an earlier run again, before anything
        // else. They belong to no interval of this one.
        let again = who.epoch.is_some() && first && rejected < seen;
        let adds_up = written.checked_add(rejected) == Some(sent);
        if who.v2 && !(adds_up && (rejected == seen || again)) {
            return Err(who.failure(FailureKind::Accounting, format!(
                "it was sent {sent} envelopes up to checkpoint {id} and accounts for {written} written and {rejected} rejected ({seen} `@rejected` lines)"
            )));
        }
        let Some(cursor) = who.cursor else { return Ok(()) };
        if cursor == 0 {
            let written = if who.v2 { written } else { sent };
            self.counters.written.fetch_add(written, Relaxed);
        }
        {
            let ledger = &mut self.book().ledger;
            if let Some(letters) = letters {
                ledger.keep_whole(cursor, id);
                ledger.note_letters(dead_letter::key(who.role, &who.name), id, letters);
            }
            ledger.commit(cursor, id, state);
        }
        self.dirty.notify_one();
        Ok(())
    }

    /// A provider says why it is about to stop.
    pub(crate) fn last_words(&self, seat: Index, error: ProviderError) {
        let error = self.mask.error(error);
        *self.seats[seat].last_words.lock().unwrap_or_else(|e| e.into_inner()) = Some(error);
    }

    /// A provider says how far it is.
    pub(crate) fn progress(&self, seat: Index, mut progress: Progress) {
        progress.position = progress.position.map(|p| self.mask.json(p));
        progress.waiting_on = progress.waiting_on.map(|w| self.mask.apply(&w));
        let Seat { name, role, .. } = &self.seats[seat];
        self.report.emit(EventKind::Progress { provider: name.clone(), role: *role, progress });
    }

    /// The counts, with what is on its way.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = self.counters.totals();
        let first = self.seats.iter().position(|s| s.cursor == Some(0));
        totals.uncommitted = first.map_or(0, |seat| self.account(seat).outstanding());
        totals.checkpoint_age_ms = self.book().ledger.oldest().map_or(0, millis);
        totals
    }
}
