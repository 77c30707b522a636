//! A provider's stderr: read at all times, each line masked, shown, and the last ones kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::AsyncRead;

use crate::lines::LineReader;
use crate::mask::Mask;

/// How many lines are kept for the message of a failure.
const KEPT: usize = 20;

/// A line that is longer is handed on in parts.
const LONGEST: usize = 64 << 10;

/// The last lines of a provider's stderr.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).iter().cloned().collect()
    }

    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Reads stderr to its end; `show` gets every line.
pub(crate) async fn drain<R: AsyncRead + Unpin>(
    stderr: R,
    mask: Mask,
    tail: Tail,
    show: impl Fn(String),
) {
    let mut reader = LineReader::new(stderr, usize::MAX / 2);
    let take = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let line = mask.apply(text.trim_end_matches(['\r', '\n']));
        tail.push(line.clone());
        show(line);
    };
    loop {
        let more = reader.fill().await.unwrap_or(false);
        let whole = reader.lines().len();
        reader.lines().split_inclusive(|b| *b == b'\n').for_each(take);
        reader.consume(whole);
        let rest = reader.rest();
        let part = match rest.len() {
            0 => 0,
            all if !more || all > 2 * LONGEST => all,
            all if all > LONGEST => mask.whole(rest),
            _ => 0,
        };
        if part > 0 {
            take(&rest[..part]);
            reader.consume(part);
        }
        if !more {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_lines_are_kept_and_half_a_line_at_the_end_counts() {
        let text: String = (1..=30).map(|n| format!("line {n}\n")).collect::<String>() + "panic";
        let tail = Tail::default();
        let seen = Mutex::new(0);
        drain(text.as_bytes(), Mask::new(&Default::default()), tail.clone(), |_| {
            *seen.lock().unwrap() += 1;
        })
        .await;
        let lines = tail.lines();
        assert_eq!((lines.len(), *seen.lock().unwrap()), (KEPT, 31));
        assert_eq!(lines.last().unwrap(), "panic");
    }
}
