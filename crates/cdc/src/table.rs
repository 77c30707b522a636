//! How far a table's snapshot has come: what its partition's checkpoint holds.

use dstream_sdk::Error;
use serde::{Deserialize, Serialize};

use crate::{Key, Lane, Position};

/// The lanes of a table, until the log has passed the points at which they were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableState<P> {
    /// The key's columns; none for a table that has no usable key.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Ranges that hold every key exactly once.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<Lane<P>>,
    /// Rows of an earlier reading are out: they are to be removed before the first of this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anew: bool,
    /// The table is read and the log has passed it, or no snapshot was wanted. Every change counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
}

impl<P: Position> TableState<P> {
    /// A table of which nothing was read. `splits` are keys, in order, that divide it into lanes:
    /// each one ends a lane.
    pub fn new(key: Vec<String>, splits: Vec<Key>) -> Self {
        let ends = splits.into_iter().map(Some).chain([None]);
        let mut from = None;
        let lane = |to: Option<Key>| Lane::new(std::mem::replace(&mut from, to.clone()), to);
        Self { key, lanes: ends.map(lane).collect(), anew: false, done: false }
    }

    /// A table that is not read: only its changes count.
    pub fn done() -> Self {
        Self { key: Vec::new(), lanes: Vec::new(), anew: false, done: true }
    }

    /// Whether all of it was read.
    pub fn is_read(&self) -> bool {
        self.done || self.lanes.iter().all(Lane::is_read)
    }

    /// The same table, with or without rows of an earlier reading.
    #[must_use]
    pub fn anew(self, anew: bool) -> Self {
        Self { anew, ..self }
    }

    /// Whether nothing of it was read.
    pub fn is_untouched(&self) -> bool {
        !self.done && self.lanes.iter().all(|lane| lane.read.is_empty())
    }

    /// Forgets what was read: the table is to be read again, whole.
    pub fn restart(&mut self) {
        for lane in &mut self.lanes {
            lane.read.clear();
        }
    }

    /// The log was read up to `position`. Once every part of the table was read before it, no
    /// change has to be looked at any more and the lanes are dropped; says whether they were.
    pub fn pass(&mut self, position: &P) -> bool {
        let passed =
            !self.done && self.is_read() && self.last_point().is_none_or(|at| at <= position);
        if passed {
            *self = Self::done();
        }
        passed
    }

    /// Refuses to go on with ranges of another key than the table has now.
    ///
    /// # Errors
    /// Where it is another, with the way out.
    pub fn require_key(&self, stream: &str, key: &[String]) -> Result<(), Error> {
        if self.key == key { Ok(()) } else { Err(self.other_key(stream, key)) }
    }

    /// The key of the table is another than that of its ranges.
    pub fn other_key(&self, stream: &str, key: &[String]) -> Error {
        Error::permanent(format!(
            "the key of {stream} was changed while the table was read: it was ({}) and is ({}); forget the \
             task's checkpoint (`dstream state rm`) to read the tables again",
            self.key.join(", "),
            key.join(", ")
        ))
    }

    /// The latest point at which a part was read.
    pub fn last_point(&self) -> Option<&P> {
        self.lanes.iter().filter_map(|lane| lane.read.last().map(|s| &s.at)).max()
    }

    /// The earliest point at which a part was read.
    pub(crate) fn first_point(&self) -> Option<&P> {
        self.lanes.iter().filter_map(|lane| lane.read.first().map(|s| &s.at)).min()
    }

    /// The point at which the part that holds the key was read; `None`: it was not read yet.
    pub(crate) fn read_at(&self, key: &Key) -> Option<&P> {
        self.lanes.iter().find(|lane| lane.holds(key))?.read_at(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TableState<u64> {
        TableState::new(vec!["id".into()], vec![Key::int(10), Key::int(20)])
    }

    #[test]
    fn lanes_hold_every_key_exactly_once() {
        let table = table();
        assert_eq!(table.lanes.len(), 3);
        for id in [i64::MIN, 9, 10, 11, 20, 21, i64::MAX] {
            let holding = table.lanes.iter().filter(|lane| lane.holds(&Key::int(id)));
            assert_eq!(holding.count(), 1, "{id}");
        }
    }

    #[test]
    fn what_was_read_is_told_by_key_and_survives_json() {
        let mut table = table();
        table.lanes[0].advance(Key::int(3), &100);
        table.lanes[0].advance(Key::int(5), &100);
        table.lanes[0].finish(&200);
        let json = serde_json::to_string(&table).unwrap();
        assert_eq!(
            json,
            r#"{"key":["id"],"lanes":[{"to":[10],"read":[{"upto":[5],"at":100},{"at":200}]},{"from":[10],"to":[20]},{"from":[20]}]}"#
        );
        let table: TableState<u64> = serde_json::from_str(&json).unwrap();
        assert_eq!(table.read_at(&Key::int(5)), Some(&100));
        assert_eq!(table.read_at(&Key::int(6)), Some(&200));
        assert_eq!(table.read_at(&Key::int(11)), None);
        assert!(table.lanes[0].is_read() && !table.is_read());
        assert_eq!(table.lanes[1].after(), Some(&Key::int(10)));
    }

    #[test]
    fn ranges_of_another_key_are_refused_with_both_keys() {
        assert!(table().require_key("s.t", &["id".into()]).is_ok());
        let error = table().require_key("s.t", &["id".into(), "n".into()]).unwrap_err();
        assert!(error.to_string().contains("the key of s.t"), "{error}");
        assert!(error.to_string().contains("it was (id) and is (id, n)"), "{error}");
    }

    #[test]
    fn lanes_are_dropped_once_the_log_has_passed_all_of_them() {
        let mut table = table();
        for (lane, at) in table.lanes.iter_mut().zip([5, 7, 6]) {
            lane.finish(&at);
        }
        assert!(!table.pass(&6));
        assert!(table.pass(&7));
        assert_eq!(serde_json::to_string(&table).unwrap(), r#"{"done":true}"#);
        assert!(!table.pass(&8), "once is enough");
    }
}
