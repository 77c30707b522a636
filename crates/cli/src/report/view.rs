//! What is known of one running task, gathered from its events.

use std::collections::BTreeMap;

use dstream_engine::{EventKind, Totals};
use dstream_protocol::Role;

use super::format::{bytes, count, millis, rate};

/// How much the newest second counts in the rate: the rate follows within a few seconds.
const NEWEST: f64 = 0.4;

/// One task.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) max_attempts: u32,
    phase: Phase,
    totals: Totals,
    rate: Option<f64>,
    /// What was written when, at the last event that the rate is made of.
    counted: (u64, u64),
    /// By input: how far behind its source, in milliseconds.
    lag: BTreeMap<String, u64>,
    /// By input: what is done of how much.
    done: BTreeMap<String, (u64, u64)>,
    waiting: BTreeMap<String, String>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Starting,
    Running,
    Stopping,
    Waiting,
    Over,
}

impl View {
    pub(crate) fn new(max_attempts: u32) -> Self {
        Self { max_attempts, ..Self::default() }
    }

    /// Takes an event in.
    pub(crate) fn apply(&mut self, event: &EventKind) {
        match event {
            EventKind::Starting { .. } => self.phase = Phase::Starting,
            EventKind::Running { .. } => self.phase = Phase::Running,
            EventKind::Stopping { .. } => self.phase = Phase::Stopping,
            EventKind::Retrying { .. } => {
                self.phase = Phase::Waiting;
                self.lag.clear();
                self.done.clear();
                self.waiting.clear();
            }
            EventKind::Stats { totals } => self.count(*totals),
            EventKind::Saved { totals } => self.totals = *totals,
            EventKind::Finished { totals, .. } => {
                self.phase = Phase::Over;
                self.totals = *totals;
            }
            EventKind::Progress { provider, role, progress } => {
                if *role == Role::Input {
                    set(&mut self.lag, provider, progress.lag);
                    set(&mut self.done, provider, progress.done.zip(progress.total));
                }
                set(&mut self.waiting, provider, progress.waiting_on.clone());
            }
            _ => {}
        }
    }

    fn count(&mut self, totals: Totals) {
        let (written, elapsed_ms) = self.counted;
        let millis = totals.elapsed_ms.saturating_sub(elapsed_ms);
        if millis > 0 {
            let envelopes = totals.written.saturating_sub(written);
            let now = envelopes as f64 * 1000.0 / millis as f64;
            self.rate = Some(match self.rate {
                Some(before) => before + NEWEST * (now - before),
                None => now,
            });
        }
        self.counted = (totals.written, totals.elapsed_ms);
        self.totals = totals;
    }

    /// What is done of how much, over all inputs; only where all of them know.
    pub(crate) fn fraction(&self) -> Option<(u64, u64)> {
        let sum = |(a, b): (u64, u64), (c, d): &(u64, u64)| (a + c, b + d);
        let (done, total) = self.done.values().fold((0, 0), sum);
        (total > 0).then_some((done.min(total), total))
    }

    /// One line of it.
    pub(crate) fn line(&self) -> String {
        match self.phase {
            Phase::Starting => return "starting".into(),
            Phase::Waiting => return format!("waiting to start again, {}", self.written()),
            _ => {}
        }
        let mut parts = vec![self.written()];
        parts.extend(self.rate.map(rate));
        parts.push(bytes(self.totals.bytes));
        if let Some((done, total)) = self.fraction() {
            parts.push(format!("{}%", done * 100 / total));
            parts.extend(self.left(done, total).map(|ms| format!("{} left", millis(ms))));
        }
        parts.extend(self.lag.values().max().map(|lag| format!("{} behind", millis(*lag))));
        if self.totals.uncommitted > 0 {
            let age = millis(self.totals.checkpoint_age_ms);
            parts.push(format!("{} not committed for {age}", count(self.totals.uncommitted)));
        }
        for (n, what) in [
            (self.totals.filtered, "filtered"),
            (self.totals.rejected, "rejected"),
            (self.totals.dropped, "dropped"),
        ] {
            if n > 0 {
                parts.push(format!("{} {what}", count(n)));
            }
        }
        parts.extend(self.waiting.iter().map(|(p, on)| format!("{p} waits for {on}")));
        if self.phase == Phase::Stopping {
            parts.push("finishing".into());
        }
        parts.join(", ")
    }

    fn written(&self) -> String {
        format!("{} written", count(self.totals.written))
    }

    /// Milliseconds, at the pace so far; a first second is too short to tell.
    fn left(&self, done: u64, total: u64) -> Option<u64> {
        if self.totals.elapsed_ms < 1000 {
            return None;
        }
        let left = u128::from(self.totals.elapsed_ms) * u128::from(total - done);
        u64::try_from(left.checked_div(u128::from(done))?).ok()
    }
}

fn set<T>(map: &mut BTreeMap<String, T>, key: &str, value: Option<T>) {
    match value {
        Some(value) => {
            map.insert(key.to_owned(), value);
        }
        None => {
            map.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dstream_protocol::Progress;

    fn stats(written: u64, elapsed_ms: u64) -> EventKind {
        EventKind::Stats {
            totals: Totals { written, elapsed_ms, bytes: 2000, ..Totals::default() },
        }
    }

    #[test]
    fn a_line_says_how_much_how_fast_how_far_and_how_long_still() {
        let mut view = View::new(5);
        assert_eq!(view.line(), "starting");
        view.apply(&EventKind::Running { resumed: false });
        view.apply(&stats(1000, 1000));
        let progress =
            Progress { done: Some(1), total: Some(4), lag: Some(1500), ..Progress::default() };
        let provider = "orders".to_owned();
        view.apply(&EventKind::Progress { provider, role: Role::Input, progress });
        let expected = "1,000 written, 1,000/s, 2.0 kB, 25%, 3.0 s left, 1.5 s behind";
        assert_eq!(view.line(), expected);
    }

    #[test]
    fn checkpoints_between_two_counts_do_not_lower_the_rate() {
        let mut view = View::new(1);
        view.apply(&EventKind::Running { resumed: false });
        view.apply(&stats(0, 1000));
        let EventKind::Stats { totals } = stats(500, 1900) else { return };
        view.apply(&EventKind::Saved { totals });
        view.apply(&stats(500, 2000));
        assert!(view.line().contains("200/s"), "{}", view.line());
    }

    #[test]
    fn what_waits_to_be_committed_is_named_with_its_age() {
        let mut view = View::new(1);
        view.apply(&EventKind::Running { resumed: false });
        let totals = Totals { uncommitted: 7, checkpoint_age_ms: 2000, ..Totals::default() };
        view.apply(&EventKind::Stats { totals });
        assert!(view.line().contains("7 not committed for 2.0 s"), "{}", view.line());
        view.apply(&EventKind::Stopping { now: false });
        assert!(view.line().ends_with("finishing"), "{}", view.line());
    }
}
