//! How many rows to ask for at once: from what the rows of the table have measured so far.

use std::time::{Duration, Instant};

/// Sizes are measured anew after this time: rows may have become longer.
const RENEWED: Duration = Duration::from_secs(3600);

/// Until anything is measured.
const FIRST: usize = 200;
const LEAST: usize = 10;
const MOST: usize = 20_000;

/// What the pages of all tables have together, where the config does not say what one has. Each page
/// costs a round trip and a search, so that few tables do well with large ones.
const SHARED: usize = 4 << 20;
const LEAST_SHARE: usize = 1 << 20;

/// The measured size of a table's rows.
#[derive(Debug, Clone)]
pub(crate) struct Sizing {
    /// What the config says.
    fixed: Option<usize>,
    limit: usize,
    rows: usize,
    bytes: usize,
    since: Instant,
}

impl Sizing {
    /// For pages of about so many bytes, or a share of what there is.
    pub(crate) fn new(fixed: Option<u64>) -> Self {
        let fixed = fixed.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let limit = fixed.unwrap_or(LEAST_SHARE);
        Self { fixed, limit, rows: 0, bytes: 0, since: Instant::now() }
    }

    /// So many tables are read at the same time.
    pub(crate) fn share(&mut self, tables: usize) {
        let share = (SHARED / tables.max(1)).max(LEAST_SHARE);
        self.limit = self.fixed.unwrap_or(share);
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

    /// How long the next page is likely to be, with some room; zero: not known.
    pub(crate) fn bytes(&self) -> usize {
        self.average()
            .map_or(0, |average| average.saturating_mul(self.rows()).min(self.limit) / 8 * 9)
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
        let mut sizing = Sizing::new(Some(1 << 20));
        assert_eq!((sizing.rows(), sizing.average()), (FIRST, None));
        sizing.measured(200, 200 * 1024);
        assert_eq!(sizing.rows(), 1024);
        sizing.measured(1, 1 << 30);
        assert_eq!(sizing.rows(), LEAST);
        let mut small = Sizing::new(Some(1 << 20));
        small.measured(1_000_000, 1_000_000);
        assert_eq!(small.rows(), MOST);
    }

    #[test]
    fn few_tables_have_larger_pages_than_many_unless_the_config_says_it() {
        let mut sizing = Sizing::new(None);
        sizing.measured(1, 1024);
        let mut shared = |tables| {
            sizing.share(tables);
            sizing.rows()
        };
        assert_eq!([1, 2, 100].map(&mut shared), [4096, 2048, 1024]);
        let mut fixed = Sizing::new(Some(64 << 10));
        fixed.measured(1, 1024);
        fixed.share(1);
        assert_eq!(fixed.rows(), 64);
    }
}
