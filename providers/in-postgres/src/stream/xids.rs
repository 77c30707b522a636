//! A set of transactions' numbers that takes little memory where they follow each other.

use std::collections::BTreeMap;

/// Ranges, from the first number to the last: a savepoint that is rolled back may have millions of
/// others in it, numbered one after another.
#[derive(Debug, Default)]
pub(super) struct Xids(BTreeMap<u32, u32>);

impl Xids {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, xid: u32) -> bool {
        self.0.range(..=xid).next_back().is_some_and(|(_, last)| *last >= xid)
    }

    pub(super) fn insert(&mut self, xid: u32) {
        if self.contains(xid) {
            return;
        }
        let before = self.0.range(..xid).next_back();
        let joins = before.filter(|(_, last)| **last == xid.wrapping_sub(1));
        let first = joins.map_or(xid, |(first, _)| *first);
        let behind = xid.checked_add(1).and_then(|next| self.0.remove(&next));
        self.0.insert(first, behind.unwrap_or(xid));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_follow_each_other_are_one_range_in_whatever_order_they_come() {
        let mut xids = Xids::default();
        for xid in [5, 3, 9, 4, u32::MAX, 4, 10, 0] {
            xids.insert(xid);
        }
        assert_eq!(xids.0.len(), 4, "{xids:?}");
        let all: Vec<u32> = (0..12).filter(|&xid| xids.contains(xid)).collect();
        assert_eq!(all, [0, 3, 4, 5, 9, 10]);
        assert!(xids.contains(u32::MAX) && !xids.contains(u32::MAX - 1));
    }
}
