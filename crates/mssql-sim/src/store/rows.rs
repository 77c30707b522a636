//! The rows of a table: an ordered map that shares its nodes with its former versions.

use std::sync::Arc;

use rpds::RedBlackTreeMapSync;

/// A key whose bytes order as its values do.
pub(crate) type Key = Arc<[u8]>;
/// A row: the bytes of its ROW token.
pub(crate) type Row = Arc<[u8]>;

#[derive(Debug, Clone, Default)]
pub(crate) struct TableData {
    pub rows: RedBlackTreeMapSync<Key, Row>,
    /// One a unique index beside the primary key: its key to the row's.
    pub uniques: Vec<RedBlackTreeMapSync<Key, Key>>,
    /// The next row of a heap.
    pub next_row: u64,
    /// The last identity that was given.
    pub identity: Option<i64>,
}

impl TableData {
    pub(crate) fn with_uniques(count: usize) -> Self {
        Self { uniques: vec![RedBlackTreeMapSync::default(); count], ..Self::default() }
    }

    /// A key for a row of a heap.
    pub(crate) fn heap_key(&mut self) -> Key {
        self.next_row += 1;
        Arc::from(self.next_row.to_be_bytes())
    }
}
