//! A live line for each task, on a terminal.

use std::collections::BTreeMap;

use dstream_engine::EventKind;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::view::View;

/// The lines. They are drawn when something happens; nothing ticks.
pub(crate) struct Live {
    bars: MultiProgress,
    tasks: BTreeMap<String, ProgressBar>,
}

impl Live {
    pub(crate) fn new(bars: MultiProgress) -> Self {
        Self { bars, tasks: BTreeMap::new() }
    }

    /// Shows what is known of a task after an event.
    pub(crate) fn show(&mut self, task: &str, view: &View, event: &EventKind) {
        if !matters(event) {
            return;
        }
        if matches!(event, EventKind::Finished { .. }) {
            if let Some(bar) = self.tasks.remove(task) {
                bar.finish_and_clear();
            }
            return;
        }
        let bars = &self.bars;
        let bar = self.tasks.entry(task.to_owned()).or_insert_with(|| {
            let bar = ProgressBar::new(0)
                .with_style(style("{prefix:.bold}  {wide_msg}"))
                .with_prefix(task.to_owned());
            bars.add(bar)
        });
        if let Some((done, total)) = view.fraction() {
            if bar.length() != Some(total) {
                bar.set_length(total);
                bar.set_style(style("{prefix:.bold}  [{bar:20}] {wide_msg}"));
            }
            bar.set_position(done);
        }
        bar.set_message(view.line());
    }

    /// Takes all lines away.
    pub(crate) fn end(&mut self) {
        for bar in self.tasks.values() {
            bar.finish_and_clear();
        }
        self.tasks.clear();
    }
}

/// Whether the line may be another one after this event; most events are log lines.
fn matters(event: &EventKind) -> bool {
    matches!(
        event,
        EventKind::Starting { .. }
            | EventKind::Running { .. }
            | EventKind::Stats { .. }
            | EventKind::Progress { .. }
            | EventKind::Stopping { .. }
            | EventKind::Retrying { .. }
            | EventKind::Finished { .. }
    )
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}
