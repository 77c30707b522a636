//! A line for each task now and then, where there is no terminal.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dstream_engine::EventKind;
use tracing::info;

use super::view::View;

/// How often a task says where it is.
const EVERY: Duration = Duration::from_secs(10);

/// When each task spoke last.
#[derive(Debug, Default)]
pub(crate) struct Plain(BTreeMap<String, Instant>);

impl Plain {
    /// Logs a line for the task, if its last one is long ago.
    pub(crate) fn show(&mut self, task: &str, view: &View, event: &EventKind) {
        if !matches!(event, EventKind::Running { .. } | EventKind::Stats { .. }) {
            return;
        }
        let now = Instant::now();
        let last = self.0.entry(task.to_owned()).or_insert(now);
        if now.duration_since(*last) >= EVERY {
            *last = now;
            info!(task, "{}", view.line());
        }
    }
}
