//! Changes to one table, borrowed from their lines.

mod divide;

pub(crate) use divide::ByKey;
pub use divide::{Division, Sameness};
use dstream_sdk::row::Cell;

/// One change. Rows, keys and column sets are indices into the [`Batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A whole row: new, or in the place of the one with its key.
    Put {
        /// The row.
        row: usize,
    },
    /// The row with this key gets these values, and perhaps another key.
    Patch {
        /// The key that it has.
        key: usize,
        /// The values; those that were not sent are not to be looked at.
        row: usize,
        /// The columns that were not sent.
        unchanged: usize,
    },
    /// The row with this key is gone.
    Delete {
        /// Its key.
        key: usize,
        /// Since when, as JSON; only where deletes are soft.
        at: Option<usize>,
    },
    /// All rows are gone.
    Clear {
        /// Since when, as JSON; only where deletes are soft.
        at: Option<usize>,
    },
}

/// Changes to one table, in order. A row is a cell for each written column, `None` for one that is
/// missing; nothing is copied out of the lines.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    width: usize,
    key_width: usize,
    cells: Vec<Option<Cell<'a>>>,
    keys: Vec<Cell<'a>>,
    /// Times of deletes.
    times: Vec<Cell<'a>>,
    /// Sets of columns that were not sent, by their place in a row; the first one is empty.
    unchanged: Vec<Vec<usize>>,
    /// Each with the index of its envelope in the run.
    changes: Vec<(Change, usize)>,
}

impl<'a> Batch<'a> {
    /// For rows of this many columns, and keys of that many.
    pub fn new(width: usize, key_width: usize) -> Self {
        Self { width, key_width, unchanged: vec![Vec::new()], ..Self::default() }
    }

    /// The changes, each with the index of its envelope in the run.
    pub fn changes(&self) -> &[(Change, usize)] {
        &self.changes
    }

    /// The cells of a row.
    #[inline]
    pub fn row(&self, row: usize) -> &[Option<Cell<'a>>] {
        &self.cells[row * self.width..(row + 1) * self.width]
    }

    /// The cells of a key, in the order of the key's columns.
    #[inline]
    pub fn key(&self, key: usize) -> &[Cell<'a>] {
        &self.keys[key * self.key_width..(key + 1) * self.key_width]
    }

    /// When something was deleted.
    pub fn time(&self, at: Option<usize>) -> Option<Cell<'a>> {
        at.map(|at| self.times[at])
    }

    /// The columns that were not sent, by their place in a row; growing.
    pub fn unchanged(&self, set: usize) -> &[usize] {
        &self.unchanged[set]
    }

    /// How many columns a row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Adds a change.
    pub fn push(&mut self, change: Change, envelope: usize) {
        self.changes.push((change, envelope));
    }

    /// Adds a row; missing cells at its end are `None`.
    #[inline]
    pub fn push_row(&mut self, cells: impl IntoIterator<Item = Option<Cell<'a>>>) -> usize {
        let row = self.cells.len() / self.width.max(1);
        self.cells.extend(cells);
        self.cells.resize((row + 1) * self.width, None);
        row
    }

    /// Adds a key.
    pub fn push_key(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) -> usize {
        let key = self.keys.len() / self.key_width.max(1);
        self.keys.extend(cells);
        key
    }

    /// Adds the time of a delete.
    pub fn push_time(&mut self, cell: Cell<'a>) -> usize {
        self.times.push(cell);
        self.times.len() - 1
    }

    /// The set of these columns; `columns` grows.
    pub fn set_of(&mut self, columns: Vec<usize>) -> usize {
        let found = self.unchanged.iter().position(|set| *set == columns);
        found.unwrap_or_else(|| {
            self.unchanged.push(columns);
            self.unchanged.len() - 1
        })
    }

    /// Changes one cell of a row.
    pub(crate) fn set_cell(&mut self, row: usize, column: usize, cell: Option<Cell<'a>>) {
        self.cells[row * self.width + column] = cell;
    }

    /// Empties it; its memory is used again.
    pub(crate) fn reset(&mut self, width: usize, key_width: usize) {
        (self.width, self.key_width) = (width, key_width);
        self.cells.clear();
        self.keys.clear();
        self.times.clear();
        self.unchanged.truncate(1);
        if self.unchanged.is_empty() {
            self.unchanged.push(Vec::new());
        }
        self.changes.clear();
    }
}
