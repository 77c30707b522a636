//! Another attempt at what failed for a moment only.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};

use super::error::OciError;

/// How often a request is made before its failure is told: about four seconds in all.
pub(crate) const ATTEMPTS: usize = 4;

/// The pauses between attempts: half a second, doubled each time, a little random.
pub(crate) fn pauses() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(10))
        .with_max_times(ATTEMPTS - 1)
        .with_jitter()
}

/// Does it until it succeeds, fails for good, or has failed [`ATTEMPTS`] times.
pub(crate) async fn retried<T>(
    attempt: impl AsyncFn() -> Result<T, OciError>,
) -> Result<T, OciError> {
    let attempt = || attempt();
    attempt
        .retry(pauses())
        .sleep(tokio::time::sleep)
        .when(OciError::is_transient)
        .notify(|error, pause| tracing::warn!(%error, ?pause, "trying again"))
        .await
}
