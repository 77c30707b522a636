//! How a run is stopped from outside.

use tokio::sync::watch;

/// How urgently a run is to stop. Only ever grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Stop {
    /// Not at all.
    #[default]
    No,
    /// Finish what is begun, commit it, save it, end.
    Drain,
    /// Kill the processes. What was committed stays.
    Now,
}

/// Stops the runs that hold a clone of it.
#[derive(Debug, Clone)]
pub struct Cancel(watch::Sender<Stop>);

impl Default for Cancel {
    fn default() -> Self {
        Self(watch::Sender::new(Stop::No))
    }
}

impl Cancel {
    /// One that nobody has used yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a stop. A weaker request than the one before changes nothing.
    pub fn stop(&self, how: Stop) {
        self.0.send_if_modified(|now| {
            let more = how > *now;
            if more {
                *now = how;
            }
            more
        });
    }

    /// What has been asked for so far.
    pub fn requested(&self) -> Stop {
        *self.0.borrow()
    }

    /// Waits until at least `how` is asked for.
    pub async fn reached(&self, how: Stop) {
        let mut receiver = self.0.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _closed = receiver.wait_for(|now| *now >= how).await.is_err();
    }
}
