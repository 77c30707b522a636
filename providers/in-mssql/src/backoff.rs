//! The pause while nothing changes: it doubles up to a limit, and begins anew with a change.

use std::time::Duration;

/// The pauses between looks that find nothing.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, next: first }
    }

    /// The pause after another look that found nothing.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.most);
        pause
    }

    /// How long the next pause would be.
    pub(crate) fn next(&self) -> Duration {
        self.next
    }

    /// Something has changed.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_begin_anew() {
        let seconds = Duration::from_secs;
        let mut backoff = Backoff::new(seconds(5), seconds(60));
        let pauses: Vec<_> = (0..6).map(|_| backoff.pause().as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
        backoff.reset();
        assert_eq!(backoff.pause(), seconds(5));
    }
}
