//! The checkpoints that were sent and are not known to be saved.

use std::collections::{BTreeMap, VecDeque};

use dstream_protocol::PartitionStates;

use crate::batch::Written;

/// Above this many the oldest are joined, so that a slow commit does not grow memory.
const MOST: usize = 4096;

/// In the order of their ids.
#[derive(Debug, Default)]
pub(super) struct Sent(VecDeque<Written>);

impl Sent {
    pub(super) fn push(&mut self, written: Vec<Written>) {
        self.0.extend(written);
        if self.0.len() > MOST {
            self.join();
        }
    }

    /// Everything up to `id` is saved: the newest state of each partition in it.
    pub(super) fn saved(&mut self, id: u64) -> PartitionStates {
        let mut states = BTreeMap::new();
        while self.0.front().is_some_and(|written| written.id <= id) {
            states.extend(self.0.pop_front().into_iter().flat_map(|written| written.states));
        }
        states
    }

    /// Two and two become one that is saved when the later is.
    fn join(&mut self) {
        let mut joined = VecDeque::with_capacity(MOST);
        while let Some(first) = self.0.pop_front() {
            joined.push_back(match self.0.pop_front() {
                Some(second) => {
                    let mut states: PartitionStates = first.states.into_iter().collect();
                    states.extend(second.states);
                    Written { id: second.id, states: states.into_iter().collect() }
                }
                None => first,
            });
        }
        self.0 = joined;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(id: u64, part: &str) -> Written {
        let state = serde_json::value::to_raw_value(&id).unwrap();
        Written { id, states: vec![(part.into(), state)] }
    }

    fn texts(states: &PartitionStates) -> Vec<(&str, &str)> {
        states.iter().map(|(part, state)| (part.as_str(), state.get())).collect()
    }

    #[test]
    fn what_is_saved_is_the_newest_state_of_each_partition() {
        let mut sent = Sent::default();
        sent.push(vec![written(1, "a"), written(2, "b"), written(3, "a"), written(4, "a")]);
        assert_eq!(texts(&sent.saved(3)), [("a", "3"), ("b", "2")]);
        assert_eq!(texts(&sent.saved(3)), []);
        assert_eq!(texts(&sent.saved(9)), [("a", "4")]);
    }

    #[test]
    fn many_unsaved_checkpoints_are_joined_and_never_count_as_saved_too_early() {
        let mut sent = Sent::default();
        for id in 1..=20_000 {
            sent.push(vec![written(id, if id % 2 == 0 { "even" } else { "odd" })]);
        }
        assert!(sent.0.len() <= MOST + 1);
        let early = sent.saved(5_000);
        assert!(early.values().all(|state| state.get().parse::<u64>().unwrap() <= 5_000));
        assert_eq!(texts(&sent.saved(20_000)), [("even", "20000"), ("odd", "19999")]);
    }
}
