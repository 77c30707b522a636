//! A change table: it only grows at its end and shrinks at its beginning. Rows lie in pieces of
//! about 64 KiB, in the order of `__$start_lsn`, `__$command_id`, `__$seqval`, `__$operation`, the
//! clustered index of a real one. A reader keeps the pieces that it saw.

use std::sync::Arc;

use rpds::VectorSync;

use super::Lsn;

const PIECE: usize = 64 * 1024;

#[derive(Debug, Clone, Default)]
struct Piece {
    bytes: Vec<u8>,
    /// Where each row ends, and its commit LSN.
    rows: Vec<(u32, Lsn)>,
}

impl Piece {
    fn row(&self, index: usize) -> &[u8] {
        let from = if index == 0 { 0 } else { self.rows[index - 1].0 as usize };
        &self.bytes[from..self.rows[index].0 as usize]
    }
}

/// A row's place: piece and row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    piece: usize,
    row: usize,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ChangeTable {
    full: VectorSync<Arc<Piece>>,
    last: Arc<Piece>,
    len: u64,
}

impl ChangeTable {
    /// Appends a row; LSNs never fall.
    pub(crate) fn push(&mut self, lsn: Lsn, row: &[u8]) {
        let last = Arc::make_mut(&mut self.last);
        last.bytes.extend(row);
        last.rows.push((last.bytes.len() as u32, lsn));
        self.len += 1;
        if last.bytes.len() >= PIECE {
            let full = std::mem::take(&mut self.last);
            self.full.push_back_mut(full);
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    fn piece(&self, index: usize) -> Option<&Arc<Piece>> {
        if index == self.full.len() { Some(&self.last) } else { self.full.get(index) }
    }

    /// The first row whose LSN is not below `from`.
    pub(crate) fn seek(&self, from: Lsn) -> Place {
        let (mut low, mut high) = (0, self.full.len());
        while low < high {
            let middle = (low + high) / 2;
            let below = self
                .full
                .get(middle)
                .and_then(|p| p.rows.last())
                .is_some_and(|(_, lsn)| *lsn < from);
            if below { low = middle + 1 } else { high = middle }
        }
        let row = self.piece(low).map_or(0, |p| p.rows.partition_point(|(_, lsn)| *lsn < from));
        Place { piece: low, row }
    }

    pub(crate) fn start(&self) -> Place {
        Place { piece: 0, row: 0 }
    }

    /// The row at a place, its LSN, and moves the place on.
    pub(crate) fn next(&self, place: &mut Place) -> Option<(Lsn, &[u8])> {
        loop {
            let piece = self.piece(place.piece)?;
            if let Some((_, lsn)) = piece.rows.get(place.row) {
                place.row += 1;
                return Some((*lsn, piece.row(place.row - 1)));
            }
            if place.piece == self.full.len() {
                return None;
            }
            *place = Place { piece: place.piece + 1, row: 0 };
        }
    }

    /// Clean-up: drops the rows below `low`.
    pub(crate) fn drop_below(&mut self, low: Lsn) {
        let mut place = self.seek(low);
        let mut kept = Self::default();
        while let Some((lsn, row)) = self.next(&mut place) {
            kept.push(lsn, row);
        }
        *self = kept;
    }
}
