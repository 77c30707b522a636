//! A clock that nobody sets, and that goes on while the machine sleeps.

use std::time::Duration;

/// A moment of this machine, since it was started.
///
/// On Linux `CLOCK_BOOTTIME`, which counts suspended time too: a lease does not stop running out
/// because the lid is closed. Elsewhere the standard library's monotonic clock, which on macOS
/// stops in sleep: there a claim's epoch is what protects the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// Now.
    #[cfg(target_os = "linux")]
    pub fn now() -> Self {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let (seconds, nanos) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
        Self(Duration::from_secs(seconds) + Duration::from_nanos(nanos))
    }

    /// Now.
    #[cfg(not(target_os = "linux"))]
    pub fn now() -> Self {
        static START: std::sync::LazyLock<std::time::Instant> =
            std::sync::LazyLock::new(std::time::Instant::now);
        Self(START.elapsed())
    }

    /// How long it is until then; `None`: it is past.
    pub fn remaining(self) -> Option<Duration> {
        self.0.checked_sub(Self::now().0).filter(|left| !left.is_zero())
    }
}

impl std::ops::Add<Duration> for Moment {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0 + time)
    }
}

impl std::ops::Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes() {
        let then = Moment::now() + Duration::from_millis(20);
        assert!(then.remaining().is_some_and(|left| left <= Duration::from_millis(20)));
        std::thread::sleep(Duration::from_millis(21));
        assert_eq!(then.remaining(), None);
        assert!(then - Duration::from_millis(1) < then && Moment::now() > then);
    }
}
