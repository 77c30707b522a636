//! Divides a batch, so that several connections write it at the same time.

use std::hash::{DefaultHasher, Hash, Hasher};

use dstream_sdk::row::Cell;

use super::{Batch, Change};
use crate::collect::content;

/// When two texts of a key's column are one value to the database. Where it takes them for one, they
/// must be one here; that it tells apart some that are one here costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sameness {
    /// Whole numbers, by their value.
    Integer,
    /// Texts, by their bytes; blanks at the end may or may not count.
    Text,
    /// Hexadecimal digits in groups, in either case.
    Uuid,
    /// Nobody knows: what stands in the column does not decide.
    Unknown,
}

/// Who may write a table in a transaction of several connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Division<'t> {
    /// Any of them any row: each is new, and none makes another wait.
    Rows,
    /// Each of them its own keys: how the texts of the key's columns are compared.
    Keys(&'t [Sameness]),
    /// One of them.
    One,
    /// One, and it writes the other tables as well: what becomes of a row depends on theirs.
    Alone,
}

/// How a key is found in a row and in itself, column by column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByKey<'k> {
    /// Where its columns stand in a row.
    pub(crate) at: &'k [usize],
    pub(crate) same: &'k [Sameness],
}

impl<'a> Batch<'a> {
    /// So many batches with the same changes, some of them perhaps empty. By key, the changes of a
    /// key stay together, in their order. Without it every row is new, and each part has as many.
    /// `None`: a change concerns the rows of several parts, or a key cannot be read.
    pub(crate) fn divide(&self, parts: usize, by_key: Option<ByKey<'_>>) -> Option<Vec<Self>> {
        let mut all: Vec<_> = (0..parts).map(|_| Batch::new(self.width, self.key_width)).collect();
        for (at, (change, envelope)) in self.changes.iter().enumerate() {
            let part = match by_key {
                None => at * parts / self.changes.len(),
                Some(by_key) => self.part_of(*change, by_key, parts)?,
            };
            let part = &mut all[part];
            let change = self.copied(*change, part);
            part.push(change, *envelope);
        }
        Some(all)
    }

    /// Where the change's key belongs.
    fn part_of(&self, change: Change, by: ByKey<'_>, parts: usize) -> Option<usize> {
        let of_row = |row: usize| {
            let cells = self.row(row);
            part(by.at.iter().map(|at| cells[*at]).zip(by.same), parts)
        };
        let of_key = |key: usize| part(self.key(key).iter().copied().map(Some).zip(by.same), parts);
        match change {
            Change::Put { row } => of_row(row),
            Change::Delete { key, .. } => of_key(key),
            Change::Patch { key, row, .. } => {
                let (old, new) = (of_key(key)?, of_row(row)?);
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

/// Which of so many parts a key belongs to; `None`: a value is not what its column holds, or is
/// written in another way than most.
fn part<'a, 's>(
    key: impl Iterator<Item = (Option<Cell<'a>>, &'s Sameness)>,
    parts: usize,
) -> Option<usize> {
    let mut hasher = DefaultHasher::new();
    for (cell, same) in key {
        if *same == Sameness::Unknown {
            continue;
        }
        let text = content(cell?);
        match same {
            Sameness::Integer => text.parse::<i128>().ok()?.hash(&mut hasher),
            Sameness::Text => text.trim_end_matches(' ').hash(&mut hasher),
            Sameness::Uuid => {
                let digits = text.bytes().filter(|b| !matches!(b, b'-' | b'{' | b'}'));
                digits.for_each(|digit| digit.to_ascii_lowercase().hash(&mut hasher));
            }
            Sameness::Unknown => {}
        }
    }
    Some((hasher.finish() % parts as u64) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_NUMBER: Option<ByKey<'_>> = Some(ByKey { at: &[0], same: &[Sameness::Integer] });

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
        let keys = ["1", "2", "3", "4", "5", "6", "\"1\"", "2", "\"03\"", "\"+1\""];
        let mut batch = batch(&keys);
        let key = batch.push_key([Cell::new("2")]);
        batch.push(Change::Delete { key, at: None }, keys.len());
        let parts = batch.divide(3, BY_NUMBER).unwrap();
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
        assert!(truncated.divide(2, BY_NUMBER).is_none());
        let mut apart = 0;
        for new in ["1", "2", "3", "4", "5", "6", "7", "8"] {
            let mut moved = batch(&["1"]);
            let row = moved.push_row([Some(Cell::new(new)), None]);
            let key = moved.push_key([Cell::new("1")]);
            moved.push(Change::Patch { key, row, unchanged: 0 }, 1);
            let parts = moved.divide(2, BY_NUMBER);
            apart += usize::from(parts.is_none());
            assert!(new != "1" || parts.is_some());
        }
        assert!((1..8).contains(&apart), "{apart}");
    }

    #[test]
    fn texts_that_are_one_key_to_the_database_go_to_one_part() {
        let part = |same: Sameness, text: &'static str| {
            part([(Some(Cell::new(text)), &same)].into_iter(), 1 << 20)
        };
        let one = |same, texts: &[&'static str]| {
            let parts: Vec<_> = texts.iter().map(|text| part(same, text)).collect();
            assert!(parts[0].is_some() && parts.iter().all(|part| *part == parts[0]), "{texts:?}");
        };
        one(Sameness::Integer, &["7", "\"7\"", "\"007\"", "\"+7\""]);
        one(Sameness::Text, &["\"a\"", "\"a  \"", "\"\\u0061\""]);
        one(Sameness::Uuid, &["\"a0ee-BC99\"", "\"{A0EEBC99}\"", "\"a0eebc99\""]);
        one(Sameness::Unknown, &["1", "\"x\"", "null"]);
        assert_ne!(part(Sameness::Text, "\"a\""), part(Sameness::Text, "\"A\""));
        assert_ne!(part(Sameness::Integer, "1"), part(Sameness::Integer, "2"));
        for strange in ["1.0", "\"0x7\"", "\" 7\"", "1e2", "null"] {
            assert_eq!(part(Sameness::Integer, strange), None, "{strange}");
        }
    }
}
