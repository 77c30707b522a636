//! Named places where a test can end the process: `DSTREAM_FAIL_POINT=after_rename:2` aborts the
//! second time that the place is passed.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
static PASSED: AtomicU64 = AtomicU64::new(0);

/// Ends the process here if that was asked for. Called per commit and per file, never per row.
pub fn point(name: &str) {
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("DSTREAM_FAIL_POINT").ok()?;
        let (name, count) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), count.parse().unwrap_or(1)))
    });
    if let Some((at, count)) = wanted
        && at == name
        && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *count
    {
        std::process::abort();
    }
}
