//! What a run did, in a few lines at its end.

use dstream_engine::mask::Mask;
use dstream_engine::state::TaskState;
use dstream_engine::{Outcome, RunReport};

use super::format::{bytes, count, millis, rate};
use crate::commands::state::show_checkpoint;

/// How many partitions of an input are named.
const PARTITIONS: usize = 3;

/// A longer checkpoint is for programs.
const SHOWN: usize = 60;

/// The lines for one task. `state` is what is saved. The host's own numbers hold no secret; what a
/// provider gave as checkpoint may.
pub(crate) fn summary(
    task: &str,
    report: &RunReport,
    state: Option<&TaskState>,
    mask: &Mask,
) -> String {
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
        if all.iter().take(PARTITIONS).any(|l| l.chars().count() > SHOWN) {
            lines.push(format!(
                "  a later run resumes `{name}` at its checkpoint: `dstream state show {task}`"
            ));
            continue;
        }
        let shown = all.iter().take(PARTITIONS).map(|l| mask.apply(l));
        lines.extend(shown.map(|l| format!("  a later run resumes `{name}` at {l}")));
        if all.len() > PARTITIONS {
            let more = all.len() - PARTITIONS;
            lines.push(format!("  and {more} more partitions: `dstream state show {task}`"));
        }
    }
    lines.join("\n")
}
