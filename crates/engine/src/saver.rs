//! Saved, then acknowledged: what the outputs have committed goes to disk, and only then are the
//! inputs told.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::dead_letter::DeadLetters;
use crate::event::EventKind;
use crate::failure::{Failure, FailureKind};
use crate::hub::{Hub, Signal};
use crate::state::{StateHandle, Sums, TaskState};

/// While busy, saves are at least this far apart.
const GATHER: Duration = Duration::from_millis(100);

/// Saves the state of one attempt.
pub(crate) struct Saver {
    hub: Arc<Hub>,
    handle: Arc<dyn StateHandle>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    epochs: Vec<Option<u64>>,
    before: Sums,
    past: Mutex<Past>,
}

/// What came of the saves so far.
#[derive(Default)]
struct Past {
    last: Option<Instant>,
    /// The state in memory is ahead of the disk from here on: no later save may hide that.
    failed: Option<Failure>,
}

impl Saver {
    /// `before`: what runs before this one have moved.
    pub(crate) fn new(hub: &Arc<Hub>, handle: &Arc<dyn StateHandle>, before: Sums) -> Self {
        let named = |role| hub.seats.iter().filter(move |s| s.role == role);
        let critical = || hub.seats.iter().filter(|s| s.cursor.is_some());
        Self {
            hub: hub.clone(),
            handle: handle.clone(),
            inputs: named(dstream_protocol::Role::Input).map(|s| s.name.clone()).collect(),
            outputs: critical().map(|s| s.name.clone()).collect(),
            epochs: critical().map(|s| s.epoch).collect(),
            before,
            past: Mutex::default(),
        }
    }

    /// Saves whenever something was committed, until a save fails. At the end of an attempt
    /// [`save`](Self::save) is called once more, and does not wait.
    pub(crate) async fn keep_saving(&self) {
        loop {
            self.hub.dirty.notified().await;
            let last = self.past.lock().await.last;
            if let Some(last) = last {
                tokio::time::sleep_until(last + GATHER).await;
            }
            match self.save().await {
                Ok(()) => self.hub.signal(Signal::Saved),
                Err(failure) => return self.hub.signal(Signal::Failed(failure)),
            }
        }
    }

    /// Saves everything that is committed now, and tells the inputs. Does nothing where nothing is.
    ///
    /// # Errors
    /// Where this save fails, or one before it did.
    pub(crate) async fn save(&self) -> Result<(), Failure> {
        let mut past = self.past.lock().await;
        if let Some(failure) = &past.failed {
            return Err(failure.clone());
        }
        let (state, folded) = {
            let mut book = self.hub.book();
            if !book.ledger.is_dirty() {
                return Ok(());
            }
            let book = &mut *book;
            let folded =
                book.ledger.fold(&mut book.state, &self.inputs, &self.outputs, &self.epochs);
            let totals = self.hub.counters.totals();
            book.state.totals = Sums {
                written: self.before.written + totals.written,
                rejected: self.before.rejected + totals.rejected,
            };
            stamp(&mut book.state);
            (book.state.clone(), folded)
        };
        past.last = Some(Instant::now());
        let letters = self.hub.graveyard.as_ref().map(|g| g.store.clone());
        if let Err(failure) = write(self.handle.clone(), letters, state).await {
            past.failed = Some(failure.clone());
            return Err(failure);
        }
        self.hub.counters.saved.fetch_add(1, Relaxed);
        for (input, id) in folded.acknowledge {
            self.hub.saved[input].send_replace(id);
        }
        self.hub.confirmed.send_replace(folded.id);
        self.hub.report.emit(EventKind::Saved { totals: self.hub.totals() });
        Ok(())
    }
}

/// Numbers and dates the next document.
pub(crate) fn stamp(state: &mut TaskState) {
    state.serial += 1;
    state.saved_at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
}

/// Dead letters first, then the checkpoint that covers them; both durable when this returns.
pub(crate) async fn write(
    handle: Arc<dyn StateHandle>,
    letters: Option<Arc<dyn DeadLetters>>,
    state: TaskState,
) -> Result<(), Failure> {
    let saving = tokio::task::spawn_blocking(move || {
        if let Some(letters) = letters {
            letters.sync().map_err(|e| format!("dead letters cannot be kept: {e}"))?;
        }
        handle.save(&state).map_err(|e| e.to_string())
    });
    let saved = saving.await.unwrap_or_else(|e| Err(format!("the save was interrupted: {e}")));
    saved.map_err(|message| {
        Failure::new(FailureKind::State, message)
            .help("nothing is lost: the source was not told; free the disk or fix the permission and run again")
    })
}
