//! How far behind the source an input is.

use std::time::Duration;

use dstream_sdk::{Progress, serde_json::json};

/// What `@progress` says of a log: place, bytes and time behind its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lag {
    /// Where the input is, in the source's own words.
    pub position: String,
    /// Bytes of the log between there and its end.
    pub bytes: u64,
    /// Between the commit of the last change and the source's clock when it was sent; nothing
    /// while there is nothing to read.
    pub time: Duration,
}

impl Lag {
    /// As a line for the host.
    pub fn progress(&self) -> Progress {
        Progress {
            position: Some(json!({"log": self.position, "lag_bytes": self.bytes})),
            lag: Some(u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX)),
            ..Progress::default()
        }
    }
}
