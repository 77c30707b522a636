//! Logs go to stderr, as the host says.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// The level, or the filter, as tracing-subscriber writes it.
const LEVEL: &str = "DSTREAM_LOG_LEVEL";

/// `text` or `json`.
const FORMAT: &str = "DSTREAM_LOG_FORMAT";

/// Sets up `tracing`. A subscriber that is there already stays.
pub(crate) fn init() {
    let wanted = std::env::var(LEVEL).unwrap_or_default().to_lowercase();
    let filter = EnvFilter::try_new(if wanted.is_empty() { "info" } else { &wanted })
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    let json = std::env::var(FORMAT).is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    let set = if json { builder.json().try_init() } else { builder.try_init() };
    if let Err(error) = set {
        tracing::debug!(%error, "logging was set up before");
    }
}
