//! What is folded leaves what the changes leave one by one.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Rows of (k, a, b, `_deleted_at`) by key.
type Table = BTreeMap<String, [Option<String>; 4]>;

const KEY_AT: [usize; 1] = [0];
const DELETED_AT: usize = 3;
const JSON: [&str; 10] =
    ["\"0\"", "\"1\"", "\"2\"", "3", "\"3\"", "\"a\"", "\"b\"", "\"c\"", "null", "\"time\""];

/// A change of a source that need not be consistent: any of them may come at any time.
#[derive(Debug, Clone)]
enum Made {
    Put(usize, usize, usize),
    Patch { old: usize, new: usize, values: (usize, usize), unchanged: Vec<usize> },
    Delete(usize),
    Clear,
}

fn made() -> impl Strategy<Value = Made> {
    let sets = prop_oneof![Just(vec![]), Just(vec![1]), Just(vec![2]), Just(vec![1, 2])];
    prop_oneof![
        6 => (0..5usize, 5..9usize, 5..9usize).prop_map(|(k, a, b)| Made::Put(k, a, b)),
        6 => (0..5usize, 0..5usize, any::<bool>(), (5..9usize, 5..9usize), sets).prop_map(
            |(old, new, moves, values, unchanged)| {
                let new = if moves { new } else { old };
                Made::Patch { old, new, values, unchanged }
            }
        ),
        3 => (0..5usize).prop_map(Made::Delete),
        1 => Just(Made::Clear),
    ]
}

fn batch(changes: &[Made], soft: bool) -> Batch<'static> {
    let mut batch = Batch::new(4, 1);
    let cell = |at: usize| Some(Cell::new(JSON[at]));
    for (index, made) in changes.iter().enumerate() {
        let change = match made {
            Made::Put(k, a, b) => {
                Change::Put { row: batch.push_row([cell(*k), cell(*a), cell(*b)]) }
            }
            Made::Patch { old, new, values, unchanged } => {
                let row = batch.push_row([cell(*new), cell(values.0), cell(values.1)]);
                let key = batch.push_key(cell(*old));
                let unchanged = batch.set_of(unchanged.clone());
                Change::Patch { key, row, unchanged }
            }
            Made::Delete(k) => {
                let at = soft.then(|| batch.push_time(Cell::new(JSON[9])));
                Change::Delete { key: batch.push_key(cell(*k)), at }
            }
            Made::Clear => Change::Clear { at: soft.then(|| batch.push_time(Cell::new(JSON[9]))) },
        };
        batch.push(change, index);
    }
    batch
}

fn text(cell: Option<Cell<'_>>) -> Option<String> {
    cell.filter(|cell| !cell.is_null()).map(|cell| content(cell).into_owned())
}

fn values(batch: &Batch<'_>, row: usize) -> [Option<String>; 4] {
    std::array::from_fn(|at| text(batch.row(row)[at]))
}

fn key(batch: &Batch<'_>, key: usize) -> String {
    content(batch.key(key)[0]).into_owned()
}

/// The rules, for one change after another.
fn one_by_one(table: &mut Table, batch: &Batch<'_>) {
    for (change, _) in batch.changes() {
        match *change {
            Change::Put { row } => put(table, batch, row),
            Change::Patch { key: old, row, unchanged } => {
                let old = key(batch, old);
                // Another key takes the place of a row that has it, as an update of all columns
                // does.
                patch(table, batch, &old, row, batch.unchanged(unchanged));
            }
            Change::Delete { key: gone, at } => {
                delete(table, &key(batch, gone), text(batch.time(at)))
            }
            Change::Clear { at } => clear(table, text(batch.time(at))),
        }
    }
}

fn put(table: &mut Table, batch: &Batch<'_>, row: usize) {
    let values = values(batch, row);
    table.insert(values[0].clone().unwrap(), values);
}

fn patch(table: &mut Table, batch: &Batch<'_>, old: &str, row: usize, unchanged: &[usize]) {
    let mut values = values(batch, row);
    let before = table.remove(old);
    for at in unchanged {
        values[*at] = before.as_ref().and_then(|before| before[*at].clone());
    }
    table.insert(values[0].clone().unwrap(), values);
}

fn delete(table: &mut Table, key: &str, at: Option<String>) {
    match at {
        None => drop(table.remove(key)),
        Some(time) => {
            if let Some(row) = table.get_mut(key) {
                row[DELETED_AT] = Some(time);
            }
        }
    }
}

fn clear(table: &mut Table, at: Option<String>) {
    match at {
        None => table.clear(),
        Some(time) => table.values_mut().for_each(|row| {
            row[DELETED_AT].get_or_insert(time.clone());
        }),
    }
}

/// What a database does with the steps.
fn merged(table: &mut Table, batch: &Batch<'_>, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Move { key: old, row, unchanged } => {
                patch(table, batch, &key(batch, *old), *row, batch.unchanged(*unchanged));
            }
            Step::Merge(merge) => {
                if let Some(at) = merge.clear {
                    clear(table, text(batch.time(at)));
                }
                for (gone, at) in &merge.deletes {
                    delete(table, &key(batch, *gone), text(batch.time(*at)));
                }
                merge.puts.iter().for_each(|row| put(table, batch, *row));
                for patched in &merge.patches {
                    for row in &patched.rows {
                        let own = values(batch, *row)[0].clone().unwrap();
                        patch(table, batch, &own, *row, batch.unchanged(patched.unchanged));
                    }
                }
            }
        }
    }
}

fn before() -> Table {
    let row = |k: &str| [Some(k.to_owned()), Some("old a".into()), Some("old b".into()), None];
    ["1", "2"].into_iter().map(|k| (k.to_owned(), row(k))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_steps_leave_what_the_changes_leave(changes in prop::collection::vec(made(), 0..14)) {
        let (mut table, mut expected) = (before(), before());
        let mut batch = batch(&changes, false);
        one_by_one(&mut expected, &batch);
        let steps = fold(&mut batch, &KEY_AT, None);
        merged(&mut table, &batch, &steps);
        prop_assert_eq!(table, expected, "{:?}", steps);
    }

    #[test]
    fn soft_deletes_leave_the_row_and_the_time(
        changes in prop::collection::vec(
            made().prop_filter("keys stay", |made| !matches!(made, Made::Patch { old, new, .. } if old != new)),
            0..14,
        ),
    ) {
        let (mut table, mut expected) = (before(), before());
        let mut batch = batch(&changes, true);
        one_by_one(&mut expected, &batch);
        let steps = fold(&mut batch, &KEY_AT, Some(DELETED_AT));
        merged(&mut table, &batch, &steps);
        prop_assert_eq!(table, expected, "{:?}", steps);
    }
}

#[test]
fn of_many_changes_of_a_row_the_last_one_is_written() {
    let changes = [Made::Put(0, 5, 5), Made::Put(1, 5, 5), Made::Put(0, 6, 6), Made::Delete(1)];
    let mut batch = batch(&changes, false);
    let steps = fold(&mut batch, &KEY_AT, None);
    let merge = Merge { deletes: vec![(0, None)], puts: vec![2], ..Merge::default() };
    assert_eq!(steps, [Step::Merge(merge)]);
}
