//! A database of one table, changed while it is read; the reader is killed at random. Its append
//! log, replayed strictly, must have neither gap nor overlap.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use dstream_cdc::{Change, Key, Key as K, TableState, Verdict};
use proptest::prelude::*;

/// What a transaction does; keys are small, so that they meet.
#[derive(Debug, Clone)]
enum Step {
    Put(i64),
    Move(i64, i64),
    Remove(i64),
    Truncate,
}

/// What happens next while the table is read.
#[derive(Debug, Clone)]
enum Event {
    /// A transaction commits.
    Commit(Vec<Step>),
    /// The reader reads this many rows of this lane.
    Read(usize, usize),
    /// The reader is killed; its last checkpoint is this many entries old.
    Kill(usize),
}

type Rows = BTreeMap<i64, u32>;

#[derive(Debug, Clone)]
enum Logged {
    Insert(i64, u32),
    Update(i64, i64, u32),
    Delete(i64),
    Truncate,
}

/// The source: its rows after each transaction, and what each did.
#[derive(Debug, Default)]
struct Source {
    versions: Vec<Rows>,
    log: Vec<Vec<Logged>>,
    value: u32,
}

impl Source {
    fn now(&self) -> Rows {
        self.versions.last().cloned().unwrap_or_default()
    }

    /// The rows of a snapshot at `point`: what was committed before it.
    fn at(&self, point: u64) -> Rows {
        let before = usize::try_from(point).unwrap();
        before.checked_sub(1).map_or_else(Rows::new, |i| self.versions[i].clone())
    }

    fn commit(&mut self, steps: &[Step]) {
        let (mut rows, mut log) = (self.now(), Vec::new());
        for step in steps {
            self.value += 1;
            let value = self.value;
            match *step {
                Step::Put(key) if rows.insert(key, value).is_none() => {
                    log.push(Logged::Insert(key, value))
                }
                Step::Put(key) => log.push(Logged::Update(key, key, value)),
                Step::Move(old, new) if rows.contains_key(&old) && !rows.contains_key(&new) => {
                    rows.remove(&old);
                    rows.insert(new, value);
                    log.push(Logged::Update(old, new, value));
                }
                Step::Remove(key) if rows.remove(&key).is_some() => log.push(Logged::Delete(key)),
                Step::Truncate => {
                    rows.clear();
                    log.push(Logged::Truncate);
                }
                Step::Move(..) | Step::Remove(_) => {}
            }
        }
        self.versions.push(rows);
        self.log.push(log);
    }
}

/// An append log that is replayed as it is written: what is there already must not come again,
/// what is not there cannot change.
#[derive(Debug, Default, Clone)]
struct Sink(Rows);

impl Sink {
    fn take(&mut self, entry: &Logged) {
        match *entry {
            Logged::Insert(key, value) => {
                assert!(self.0.insert(key, value).is_none(), "overlap: {key} comes twice");
            }
            Logged::Update(old, new, value) => {
                assert!(self.0.remove(&old).is_some(), "gap: {old} changes and never came");
                assert!(self.0.insert(new, value).is_none(), "overlap: {new} comes twice");
            }
            Logged::Delete(key) => {
                assert!(self.0.remove(&key).is_some(), "gap: {key} goes and never came");
            }
            Logged::Truncate => self.0.clear(),
        }
    }
}

/// Reads up to `count` rows of a lane in the snapshot of `point`; the lane is read when there is
/// no more.
fn read(
    state: &mut TableState<u64>,
    lane: usize,
    count: usize,
    rows: &Rows,
    point: u64,
    sink: &mut Sink,
) {
    let at = lane % state.lanes.len();
    let lane = &mut state.lanes[at];
    if lane.is_read() {
        return;
    }
    let (after, to) = (lane.after().cloned(), lane.to.clone());
    let wanted = |key: &i64| {
        after.as_ref().is_none_or(|a| K::int(*key) > *a)
            && to.as_ref().is_none_or(|t| K::int(*key) <= *t)
    };
    let all: Vec<(i64, u32)> =
        rows.iter().filter(|(k, _)| wanted(k)).map(|(k, v)| (*k, *v)).collect();
    for (key, value) in all.iter().take(count) {
        sink.take(&Logged::Insert(*key, *value));
        lane.advance(K::int(*key), &point);
    }
    if all.len() < count {
        lane.finish(&point);
    }
}

fn read_all(state: &mut TableState<u64>, source: &Source, sink: &mut Sink) {
    let point = source.log.len() as u64;
    let rows = source.at(point);
    for lane in 0..state.lanes.len() {
        read(state, lane, usize::MAX, &rows, point, sink);
    }
}

fn run(before: &[Step], splits: Vec<i64>, events: &[Event], after: &[Vec<Step>]) {
    let mut source = Source::default();
    source.commit(before);
    let start = source.log.len() as u64;
    let mut state: TableState<u64> =
        TableState::new(vec!["id".into()], splits.into_iter().map(Key::int).collect());
    let (mut sink, mut point) = (Sink::default(), start);
    let mut saved = vec![(state.clone(), sink.clone())];
    for event in events {
        match event {
            Event::Commit(steps) => source.commit(steps),
            Event::Read(lane, count) => {
                read(&mut state, *lane, *count, &source.at(point), point, &mut sink);
                // Through JSON, as a checkpoint goes.
                state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
                saved.push((state.clone(), sink.clone()));
            }
            Event::Kill(old) => {
                saved.truncate(saved.len().saturating_sub(*old).max(1));
                (state, sink) = saved.last().cloned().unwrap();
                point = source.log.len() as u64;
            }
        }
    }
    let rows = source.at(point);
    for lane in 0..state.lanes.len() {
        read(&mut state, lane, usize::MAX, &rows, point, &mut sink);
    }
    for steps in after {
        source.commit(steps);
    }
    stream(&source, start, state, &mut sink);
    assert_eq!(sink.0, source.now());
}

/// Reads the log from the first point on.
fn stream(source: &Source, start: u64, mut state: TableState<u64>, sink: &mut Sink) {
    for position in start..source.log.len() as u64 {
        let mut again = false;
        for entry in &source.log[usize::try_from(position).unwrap()] {
            let (first, second) = match *entry {
                Logged::Insert(key, _) | Logged::Delete(key) => (Key::int(key), Key::int(key)),
                Logged::Update(old, new, _) => (Key::int(old), Key::int(new)),
                Logged::Truncate => (Key::int(0), Key::int(0)),
            };
            let change = match entry {
                Logged::Insert(..) => Change::Insert(&first),
                Logged::Update(..) => Change::Update { old: &first, new: &second },
                Logged::Delete(_) => Change::Delete(&first),
                Logged::Truncate => Change::Truncate,
            };
            match (state.judge(&position, change), entry) {
                (Verdict::Apply, entry) => sink.take(entry),
                (Verdict::Drop, _) => {}
                (Verdict::Insert, Logged::Update(_, new, value)) => {
                    sink.take(&Logged::Insert(*new, *value))
                }
                (Verdict::Delete, Logged::Update(old, _, _)) => sink.take(&Logged::Delete(*old)),
                (Verdict::Again, Logged::Truncate) => {
                    sink.take(entry);
                    state.restart();
                    again = true;
                }
                (verdict, entry) => panic!("{verdict:?} of {entry:?}"),
            }
        }
        if again {
            read_all(&mut state, source, sink);
        }
        state.pass(&(position + 1));
    }
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..12i64;
    prop_oneof![
        4 => key.clone().prop_map(Step::Put),
        3 => (key.clone(), key.clone()).prop_map(|(a, b)| Step::Move(a, b)),
        2 => key.prop_map(Step::Remove),
        1 => Just(Step::Truncate),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => prop::collection::vec(step(), 1..4).prop_map(Event::Commit),
        4 => (0..4usize, 1..4usize).prop_map(|(lane, count)| Event::Read(lane, count)),
        2 => (0..3usize).prop_map(Event::Kill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_reader_that_is_killed_at_random_has_neither_gap_nor_overlap(
        before in prop::collection::vec(step(), 0..12),
        splits in prop::collection::btree_set(0..12i64, 0..3),
        events in prop::collection::vec(event(), 0..24),
        after in prop::collection::vec(prop::collection::vec(step(), 1..4), 0..6),
    ) {
        run(&before, splits.into_iter().collect(), &events, &after);
    }
}
