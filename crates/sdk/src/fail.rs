//! Named places where a test can end the process: `DSTREAM_FAIL_POINT=after_rename:2` aborts the
//! second time that the place is passed. With `DSTREAM_FAIL_WAIT=FILE` it stands still there instead:
//! it makes the file, and goes on when the file is gone; after half a minute it aborts.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
static PASSED: AtomicU64 = AtomicU64::new(0);

/// Nobody lets go a process whose test has failed.
const LONGEST: Duration = Duration::from_secs(30);

/// Ends the process here, or stops it, if that was asked for. Called per commit and per file, never per row.
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
        match std::env::var_os("DSTREAM_FAIL_WAIT") {
            Some(file) if std::fs::write(&file, "").is_ok() => {
                let began = Instant::now();
                while std::fs::exists(&file).unwrap_or(false) {
                    if began.elapsed() > LONGEST {
                        std::process::abort();
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            _ => std::process::abort(),
        }
    }
}
