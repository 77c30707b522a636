//! Divides a batch, so that several connections write it at the same time.

use std::hash::{DefaultHasher, Hash, Hasher};

use dstream_sdk::row::Cell;

use super::{Batch, Change};
use crate::fold::joined;

impl<'a> Batch<'a> {
    /// So many batches with the same changes, some of them perhaps empty. `key_at`: where the key
    /// stands in a row; the changes of a key stay together, in their order. Without it every row is
    /// new, and each part has as many. `None`: a change concerns the rows of several parts.
    pub(crate) fn divide(&self, parts: usize, key_at: Option<&[usize]>) -> Option<Vec<Self>> {
        let mut all: Vec<_> = (0..parts).map(|_| Batch::new(self.width, self.key_width)).collect();
        for (at, (change, envelope)) in self.changes.iter().enumerate() {
            let part = match key_at {
                None => at * parts / self.changes.len(),
                Some(key_at) => self.part_of(*change, key_at, parts)?,
            };
            let part = &mut all[part];
            let change = self.copied(*change, part);
            part.push(change, *envelope);
        }
        Some(all)
    }

    /// Where the change's key belongs.
    fn part_of(&self, change: Change, key_at: &[usize], parts: usize) -> Option<usize> {
        let of_row = |row: usize| {
            let cells = self.row(row);
            part(key_at.iter().filter_map(|at| cells[*at]), parts)
        };
        let of_key = |key: usize| part(self.key(key).iter().copied(), parts);
        match change {
            Change::Put { row } => Some(of_row(row)),
            Change::Delete { key, .. } => Some(of_key(key)),
            Change::Patch { key, row, .. } => {
                let (old, new) = (of_key(key), of_row(row));
                (old == new).then_some(new)
            }
            Change::Clear { .. } => None,
        }
    }

    /// The change, with what it refers to in another batch.
    fn copied(&self, change: Change, to: &mut Self) -> Change {
        let time = |to: &mut Self, at| self.time(at).map(|time| to.push_time(time));
        match change {
            Change::Put { row } => Change::Put { row: to.push_row(self.row(row).iter().copied()) },
            Change::Patch { key, row, unchanged } => Change::Patch {
                key: to.push_key(self.key(key).iter().copied()),
                row: to.push_row(self.row(row).iter().copied()),
                unchanged: to.set_of(self.unchanged(unchanged).to_vec()),
            },
            Change::Delete { key, at } => {
                let at = time(to, at);
                Change::Delete { key: to.push_key(self.key(key).iter().copied()), at }
            }
            Change::Clear { at } => Change::Clear { at: time(to, at) },
        }
    }
}

/// Which of so many parts a key belongs to.
fn part<'a>(key: impl Iterator<Item = Cell<'a>> + Clone, parts: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    joined(key).hash(&mut hasher);
    (hasher.finish() % parts as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows with a key of one column and a value.
    fn batch(keys: &[&'static str]) -> Batch<'static> {
        let mut batch = Batch::new(2, 1);
        for (at, key) in keys.iter().enumerate() {
            let row = batch.push_row([Some(Cell::new(key)), Some(Cell::new("1"))]);
            batch.push(Change::Put { row }, at);
        }
        batch
    }

    fn envelopes(batch: &Batch<'_>) -> Vec<usize> {
        batch.changes().iter().map(|(_, envelope)| *envelope).collect()
    }

    #[test]
    fn the_changes_of_a_key_stay_together_and_in_their_order() {
        let keys = ["1", "2", "3", "4", "5", "6", "\"1\"", "2", "3", "1"];
        let mut batch = batch(&keys);
        let key = batch.push_key([Cell::new("2")]);
        batch.push(Change::Delete { key, at: None }, keys.len());
        let parts = batch.divide(3, Some(&[0])).unwrap();
        assert!(parts.iter().filter(|part| !part.is_empty()).count() > 1);
        let holds = |one: usize| parts.iter().position(|p| envelopes(p).contains(&one)).unwrap();
        for same in [&[0, 6, 9][..], &[1, 7, 10], &[2, 8]] {
            assert!(same.iter().all(|one| holds(*one) == holds(same[0])), "{same:?}");
        }
        assert!(parts.iter().all(|part| envelopes(part).is_sorted()));
        assert_eq!(parts.iter().map(|part| part.changes().len()).sum::<usize>(), 11);
    }

    #[test]
    fn new_rows_are_divided_evenly() {
        let parts = batch(&["1"; 10]).divide(4, None).unwrap();
        let sizes: Vec<_> = parts.iter().map(|part| part.changes().len()).collect();
        assert_eq!(sizes, [3, 2, 3, 2]);
    }

    #[test]
    fn what_concerns_several_parts_cannot_be_divided() {
        let mut truncated = batch(&["1"]);
        truncated.push(Change::Clear { at: None }, 1);
        assert!(truncated.divide(2, Some(&[0])).is_none());
        let mut apart = 0;
        for new in ["1", "2", "3", "4", "5", "6", "7", "8"] {
            let mut moved = batch(&["1"]);
            let row = moved.push_row([Some(Cell::new(new)), None]);
            let key = moved.push_key([Cell::new("1")]);
            moved.push(Change::Patch { key, row, unchanged: 0 }, 1);
            let parts = moved.divide(2, Some(&[0]));
            apart += usize::from(parts.is_none());
            assert!(new != "1" || parts.is_some());
        }
        assert!((1..8).contains(&apart), "{apart}");
    }
}
