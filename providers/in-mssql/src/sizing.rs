//! How many rows to ask for at once: from what the rows of the table have measured so far.

use std::time::{Duration, Instant};

/// Sizes are measured anew after this time: rows may have become longer.
const RENEWED: Duration = Duration::from_secs(3600);

/// Until anything is measured.
const FIRST: usize = 200;
const LEAST: usize = 10;
const MOST: usize = 20_000;

/// The measured size of a table's rows.
#[derive(Debug, Clone)]
pub(crate) struct Sizing {
    limit: usize,
    rows: usize,
    bytes: usize,
    since: Instant,
}

impl Sizing {
    /// For pages of about so many bytes.
    pub(crate) fn new(limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self { limit, rows: 0, bytes: 0, since: Instant::now() }
    }

    /// A page had so many rows and bytes.
    pub(crate) fn measured(&mut self, rows: usize, bytes: usize) {
        if self.since.elapsed() > RENEWED {
            (self.rows, self.bytes, self.since) = (0, 0, Instant::now());
        }
        self.rows += rows;
        self.bytes += bytes;
    }

    /// A row's average size, in bytes.
    pub(crate) fn average(&self) -> Option<usize> {
        self.bytes.checked_div(self.rows)
    }

    /// How many rows to ask for.
    pub(crate) fn rows(&self) -> usize {
        match self.average() {
            None => FIRST,
            Some(average) => (self.limit / average.max(1)).clamp(LEAST, MOST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_the_size_that_is_wanted_whatever_the_rows_are() {
        let mut sizing = Sizing::new(1 << 20);
        assert_eq!((sizing.rows(), sizing.average()), (FIRST, None));
        sizing.measured(200, 200 * 1024);
        assert_eq!(sizing.rows(), 1024);
        sizing.measured(1, 1 << 30);
        assert_eq!(sizing.rows(), LEAST);
        let mut small = Sizing::new(1 << 20);
        small.measured(1_000_000, 1_000_000);
        assert_eq!(small.rows(), MOST);
    }
}
