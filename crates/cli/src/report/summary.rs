//! What a run did, in a few lines at its end.

use dstream_engine::state::TaskState;
use dstream_engine::{Outcome, RunReport};

use super::format::{bytes, count, millis, rate, short};
use crate::commands::state::show_checkpoint;

/// How many partitions of an input are named.
const PARTITIONS: usize = 3;

/// The lines for one task. `state` is what is saved.
pub(crate) fn summary(task: &str, report: &RunReport, state: Option<&TaskState>) -> String {
    let how = match report.outcome {
        Outcome::Completed => "done",
        Outcome::Stopped => "stopped, with everything that was begun finished",
        Outcome::Killed => "stopped at once",
        Outcome::Held(_) => "not started",
        Outcome::Failed(_) => "failed",
    };
    let t = &report.totals;
    let seconds = t.elapsed_ms as f64 / 1000.0;
    let pace = if seconds > 0.0 { t.written as f64 / seconds } else { 0.0 };
    let mut parts = vec![
        format!("{} written", count(t.written)),
        format!("{} in {}", bytes(t.bytes), millis(t.elapsed_ms)),
        rate(pace),
    ];
    let rejected = format!("rejected (`dstream dlq list {task}` shows them)");
    for (n, what) in [
        (t.filtered, "filtered"),
        (t.rejected, rejected.as_str()),
        (t.dropped, "not taken by outputs that are not critical"),
    ] {
        if n > 0 {
            parts.push(format!("{} {what}", count(n)));
        }
    }
    let mut lines = vec![format!("{task}: {how}: {}", parts.join(", "))];
    let inputs = state.into_iter().flat_map(|s| &s.inputs);
    for (name, input) in inputs.filter(|(_, i)| !i.checkpoint.is_empty()) {
        let all = show_checkpoint(&input.checkpoint);
        let shown = all.iter().take(PARTITIONS);
        lines.extend(shown.map(|l| format!("  a later run resumes `{name}` at {}", short(l, 100))));
        if all.len() > PARTITIONS {
            let more = all.len() - PARTITIONS;
            lines.push(format!("  and {more} more partitions: `dstream state show {task}`"));
        }
    }
    lines.join("\n")
}
