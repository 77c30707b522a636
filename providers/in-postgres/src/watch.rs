//! Looks from time to time how much log the slot keeps, and warns in time.

use std::time::{Duration, Instant};

use crate::config::Config;
use crate::setup::slot;
use crate::stream::Stream;

/// How often the server is asked.
const EVERY: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Watch {
    slot: String,
    max_lag_bytes: u64,
    looked: Instant,
}

impl Watch {
    pub(crate) fn new(config: &Config, slot: &str) -> Self {
        Self {
            slot: slot.to_owned(),
            max_lag_bytes: config.max_lag_bytes.0,
            looked: Instant::now(),
        }
    }

    /// A failure is the stream's to notice.
    pub(crate) async fn look(&mut self, stream: &mut Stream) {
        if self.looked.elapsed() < EVERY {
            return;
        }
        self.looked = Instant::now();
        match slot::look(stream.catalog(), &self.slot).await {
            Ok(Some(slot)) => slot.warn(self.max_lag_bytes),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "the slot cannot be looked at"),
        }
    }
}
