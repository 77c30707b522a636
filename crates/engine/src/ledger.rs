//! Which checkpoint is where: offered by an input, on its way, committed by the outputs, folded
//! into the state.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use dstream_protocol::{CommitMark, Json, PartitionStates};

use crate::state::TaskState;

/// A checkpoint on its way through the task.
#[derive(Debug)]
struct Offer {
    id: u64,
    input: usize,
    input_id: u64,
    states: PartitionStates,
    since: Instant,
}

/// What one critical output has committed and the state does not hold yet.
#[derive(Debug, Default)]
struct Cursor {
    committed: u64,
    /// What it gave with its commits, oldest first.
    states: VecDeque<(u64, Json)>,
    /// Its commits (what was committed before, what is since) in which it rejected something.
    whole: VecDeque<(u64, u64)>,
}

/// The checkpoints of one attempt, in order.
#[derive(Debug)]
pub(crate) struct Ledger {
    next: u64,
    offers: VecDeque<Offer>,
    cursors: Vec<Cursor>,
    folded: u64,
    last_input_id: Vec<u64>,
    /// By provider: how many of its dead letters stand before a checkpoint, oldest first.
    letters: BTreeMap<String, VecDeque<(u64, u64)>>,
}

/// What folding changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Folded {
    /// Up to which id.
    pub(crate) id: u64,
    /// By input: the newest of its own ids that is covered, where it moved.
    pub(crate) acknowledge: Vec<(usize, u64)>,
}

/// A checkpoint behind a transform that may have withheld some before it.
#[derive(Debug)]
pub(crate) struct Composed {
    /// The input that it is of.
    pub(crate) input: usize,
    /// Its states, with those of the withheld ones of the same input.
    pub(crate) states: PartitionStates,
    /// Another input with a withheld checkpoint, whose states one line cannot hold as well.
    pub(crate) left_out: Option<usize>,
}

impl Ledger {
    /// A ledger for that many inputs and critical outputs.
    pub(crate) fn new(inputs: usize, outputs: usize) -> Self {
        Self {
            next: 1,
            offers: VecDeque::new(),
            cursors: (0..outputs).map(|_| Cursor::default()).collect(),
            folded: 0,
            last_input_id: vec![0; inputs],
            letters: BTreeMap::new(),
        }
    }

    /// Takes an input's checkpoint in and gives its id in the task. `None`: the input's ids do not
    /// grow, or cannot grow any more.
    pub(crate) fn offer(
        &mut self,
        input: usize,
        input_id: u64,
        states: PartitionStates,
    ) -> Option<u64> {
        if input_id <= self.last_input_id[input] || input_id == u64::MAX {
            return None;
        }
        self.last_input_id[input] = input_id;
        // With one input its own ids serve, so that its lines can be handed on unchanged.
        let id = if self.last_input_id.len() == 1 { input_id } else { self.next };
        self.next = id + 1;
        self.offers.push_back(Offer { id, input, input_id, states, since: Instant::now() });
        Some(id)
    }

    /// What a transform hands on as checkpoint `id`, when the one that it handed on before was
    /// `after`: the states that moved since, of the input that offered it.
    pub(crate) fn compose(&self, after: u64, id: u64) -> Option<Composed> {
        let first = self.offers.partition_point(|o| o.id <= after);
        let last = self.offers.partition_point(|o| o.id < id);
        let input = self.offers.get(last).filter(|o| o.id == id)?.input;
        let since = self.offers.range(first.min(last)..=last);
        let mut composed = Composed { input, states: PartitionStates::new(), left_out: None };
        for offer in since {
            if offer.input == input {
                composed.states.extend(offer.states.clone());
            } else {
                composed.left_out = Some(offer.input);
            }
        }
        Some(composed)
    }

    /// The newest id that was offered; 0 before the first.
    pub(crate) fn last_offered(&self) -> u64 {
        self.next - 1
    }

    /// An output has made everything up to `id` durable.
    pub(crate) fn commit(&mut self, output: usize, id: u64, state: Option<Json>) {
        let cursor = &mut self.cursors[output];
        cursor.committed = cursor.committed.max(id);
        if let Some(state) = state {
            cursor.states.push_back((id, state));
        }
    }

    /// The commit of an output up to `id`, which comes next, holds rejections: which of them stand
    /// before a checkpoint in its midst nobody can tell, so the state goes before all or behind all.
    pub(crate) fn keep_whole(&mut self, output: usize, id: u64) {
        let cursor = &mut self.cursors[output];
        cursor.whole.push_back((cursor.committed, id));
    }

    /// So many dead letters of a provider stand before checkpoint `id`.
    pub(crate) fn note_letters(&mut self, provider: String, id: u64, letters: u64) {
        self.letters.entry(provider).or_default().push_back((id, letters));
    }

    /// The newest id that every critical output has committed, and that parts no commit with
    /// rejections.
    pub(crate) fn settled(&self) -> u64 {
        let mut settled = self.cursors.iter().map(|c| c.committed).min().unwrap_or(0);
        let commits = || self.cursors.iter().flat_map(|c| &c.whole);
        while let Some((before, _)) =
            commits().find(|(before, id)| *before < settled && settled < *id)
        {
            settled = *before;
        }
        settled
    }

    /// Whether something is committed that the state does not hold.
    pub(crate) fn is_dirty(&self) -> bool {
        self.settled() > self.folded
    }

    /// When the oldest checkpoint that is not in the state was offered.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.offers.front().map(|o| o.since)
    }

    /// Moves everything that all critical outputs have committed into the state. `inputs` and
    /// `outputs` are names by index; `epochs` those of the transactional outputs.
    pub(crate) fn fold(
        &mut self,
        state: &mut TaskState,
        inputs: &[String],
        outputs: &[String],
        epochs: &[Option<u64>],
    ) -> Folded {
        let settled = self.settled();
        let mut newest = vec![0; self.last_input_id.len()];
        while let Some(offer) = self.offers.pop_front_if(|o| o.id <= settled) {
            let input = state.inputs.entry(inputs[offer.input].clone()).or_default();
            input.checkpoint.extend(offer.states);
            newest[offer.input] = offer.input_id;
        }
        for (index, cursor) in self.cursors.iter_mut().enumerate() {
            let output = state.outputs.entry(outputs[index].clone()).or_default();
            while let Some((_, given)) = cursor.states.pop_front_if(|(id, _)| *id <= settled) {
                output.state = Some(given);
            }
            cursor.whole.retain(|(_, id)| *id > settled);
            if let Some(epoch) = epochs[index].filter(|_| settled > self.folded) {
                output.mark = Some(CommitMark { epoch, id: settled });
            }
        }
        if let Some(dead) = &mut state.dead_letters {
            for (provider, notes) in &mut self.letters {
                while let Some((_, count)) = notes.pop_front_if(|(id, _)| *id <= settled) {
                    dead.covered.insert(provider.clone(), count);
                }
            }
        }
        self.folded = self.folded.max(settled);
        let moved = newest.into_iter().enumerate().filter(|(_, id)| *id > 0);
        Folded { id: settled, acknowledge: moved.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead_letter::Coverage;
    use serde_json::value::RawValue;

    fn states(part: &str, value: &str) -> PartitionStates {
        [(part.to_owned(), RawValue::from_string(value.to_owned()).unwrap())].into()
    }

    fn fold(ledger: &mut Ledger, state: &mut TaskState) -> Folded {
        let inputs = ["a".to_owned(), "b".to_owned()];
        let outputs = ["x".to_owned(), "y".to_owned()];
        ledger.fold(state, &inputs, &outputs, &[None, Some(7)])
    }

    fn checkpoint(state: &TaskState, input: &str) -> String {
        let states = state.inputs.get(input).map(|i| &i.checkpoint);
        states.map(|c| serde_json::to_string(c).unwrap()).unwrap_or_default()
    }

    #[test]
    fn a_checkpoint_is_folded_when_every_critical_output_has_committed_it_and_not_before() {
        let mut ledger = Ledger::new(2, 2);
        let mut state = TaskState::new("t");
        assert_eq!(ledger.offer(0, 5, states("", "1")), Some(1));
        assert_eq!(ledger.offer(1, 9, states("p", "2")), Some(2));
        ledger.commit(0, 2, None);
        assert!(!ledger.is_dirty());
        ledger.commit(1, 1, None);
        assert!(ledger.is_dirty());
        assert_eq!(fold(&mut ledger, &mut state), Folded { id: 1, acknowledge: vec![(0, 5)] });
        assert_eq!(
            (checkpoint(&state, "a"), checkpoint(&state, "b")),
            (r#"{"":1}"#.into(), String::new())
        );
        ledger.commit(1, 2, None);
        assert_eq!(fold(&mut ledger, &mut state), Folded { id: 2, acknowledge: vec![(1, 9)] });
        assert_eq!(checkpoint(&state, "b"), r#"{"p":2}"#);
        assert_eq!(state.outputs["y"].mark, Some(CommitMark { epoch: 7, id: 2 }));
    }

    #[test]
    fn the_state_of_an_output_that_is_ahead_waits_for_the_one_that_is_behind() {
        let mut ledger = Ledger::new(2, 2);
        let mut state = TaskState::new("t");
        for id in 1..=2 {
            ledger.offer(0, id, PartitionStates::new());
            let given = RawValue::from_string(format!("{id}0")).unwrap();
            ledger.commit(0, id, Some(given));
        }
        ledger.commit(1, 1, None);
        fold(&mut ledger, &mut state);
        assert_eq!(state.outputs["x"].state.as_ref().unwrap().get(), "10");
    }

    #[test]
    fn partitions_that_did_not_move_keep_their_state() {
        let mut ledger = Ledger::new(2, 2);
        let mut state = TaskState::new("t");
        ledger.offer(0, 1, states("p", "1"));
        ledger.offer(0, 2, states("q", "2"));
        ledger.commit(0, 2, None);
        ledger.commit(1, 2, None);
        fold(&mut ledger, &mut state);
        assert_eq!(checkpoint(&state, "a"), r#"{"p":1,"q":2}"#);
    }

    #[test]
    fn what_a_transform_withheld_is_part_of_the_next_checkpoint_of_the_same_input() {
        let mut ledger = Ledger::new(2, 1);
        ledger.offer(0, 1, states("p", "1"));
        ledger.offer(0, 2, states("q", "2"));
        ledger.offer(0, 3, states("p", "3"));
        ledger.offer(1, 1, states("", "9"));
        let text = |c: &Composed| serde_json::to_string(&c.states).unwrap();
        let composed = ledger.compose(1, 3).unwrap();
        assert_eq!((text(&composed), composed.left_out), (r#"{"p":3,"q":2}"#.into(), None));
        let composed = ledger.compose(2, 4).unwrap();
        assert_eq!((text(&composed), composed.left_out), (r#"{"":9}"#.into(), Some(0)));
        assert!(ledger.compose(4, 5).is_none());
    }

    #[test]
    fn the_state_never_parts_a_commit_that_holds_rejections() {
        let mut ledger = Ledger::new(2, 2);
        let mut state = TaskState::new("t");
        state.dead_letters = Some(Coverage::default());
        for id in 1..=4 {
            ledger.offer(0, id, PartitionStates::new());
        }
        let covered = |state: &TaskState| state.dead_letters.clone().unwrap().covered;
        ledger.commit(0, 1, None);
        ledger.keep_whole(0, 3);
        ledger.note_letters("output.x".into(), 3, 2);
        ledger.commit(0, 3, None);
        ledger.commit(1, 2, None);
        assert_eq!(fold(&mut ledger, &mut state).id, 1);
        assert!(covered(&state).is_empty());
        ledger.commit(1, 4, None);
        assert_eq!(fold(&mut ledger, &mut state).id, 3);
        assert_eq!(covered(&state), [("output.x".to_owned(), 2)].into());
    }

    #[test]
    fn ids_that_do_not_grow_are_refused() {
        let mut ledger = Ledger::new(1, 1);
        assert_eq!(ledger.offer(0, 3, PartitionStates::new()), Some(3));
        assert_eq!(ledger.offer(0, 3, PartitionStates::new()), None);
        assert_eq!(ledger.last_offered(), 3);
    }
}
