//! One range of a table's key, and how much of it was read when.

use serde::{Deserialize, Serialize};

use crate::{Key, Position};

/// A range of keys that is read in the order of the key: behind `from`, up to and with `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane<P> {
    /// The range begins behind this key; `None`: at the first.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub from: Option<Key>,
    /// It ends with this key; `None`: with the last.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub to: Option<Key>,
    /// What was read, in order, each part in a snapshot of its own.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<Segment<P>>,
}

/// The part of a lane that was read in one snapshot: behind the part before it, up to and with `upto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment<P> {
    /// The last key that was read; `None`: to the end of the lane.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub upto: Option<Key>,
    /// The snapshot holds what was committed before this point, and nothing else.
    pub at: P,
}

fn none<T>() -> Option<T> {
    None
}

impl<P: Position> Lane<P> {
    /// A range of which nothing was read.
    pub fn new(from: Option<Key>, to: Option<Key>) -> Self {
        Self { from, to, read: Vec::new() }
    }

    /// Whether all of it was read.
    pub fn is_read(&self) -> bool {
        self.read.last().is_some_and(|segment| segment.upto.is_none())
    }

    /// Where to go on: behind this key; `None`: at the first.
    pub fn after(&self) -> Option<&Key> {
        self.read.last().and_then(|segment| segment.upto.as_ref()).or(self.from.as_ref())
    }

    /// Rows were read, in the snapshot of this point, up to and with `key`.
    pub fn advance(&mut self, key: Key, at: &P) {
        match self.read.last_mut() {
            Some(last) if last.at == *at => last.upto = Some(key),
            _ => self.read.push(Segment { upto: Some(key), at: at.clone() }),
        }
    }

    /// The rest was read, in the snapshot of this point.
    pub fn finish(&mut self, at: &P) {
        match self.read.last_mut() {
            Some(last) if last.at == *at => last.upto = None,
            _ => self.read.push(Segment { upto: None, at: at.clone() }),
        }
    }

    /// Whether the range holds the key.
    pub(crate) fn holds(&self, key: &Key) -> bool {
        self.from.as_ref().is_none_or(|from| key > from)
            && self.to.as_ref().is_none_or(|to| key <= to)
    }

    /// The point at which the part that holds the key was read; `None`: it was not read yet.
    pub(crate) fn read_at(&self, key: &Key) -> Option<&P> {
        let segment = self.read.iter().find(|s| s.upto.as_ref().is_none_or(|upto| key <= upto));
        segment.map(|segment| &segment.at)
    }
}
