//! The capture agent: it reads the log and writes the change tables.
//! <https://learn.microsoft.com/en-us/sql/relational-databases/system-tables/cdc-capture-instance-ct-transact-sql>

use std::collections::{HashMap, HashSet};

use super::{DdlEntry, Instance, Mapping};
use crate::store::{Change, Database, Key, LogItem, Lsn, Row};
use crate::value::{Clock7, Column, Encoded, Value, skip_value, write_value};

const DELETE: i64 = 1;
const INSERT: i64 = 2;
const BEFORE: i64 = 3;
const AFTER: i64 = 4;

/// Captures up to so many transactions; how many there were.
pub(crate) fn capture(database: &mut Database, most: usize, max_is_null: bool) -> usize {
    let mut done = 0;
    while done < most {
        let Some(item) = database.log.items.pop_front() else { break };
        let state = database.state_mut();
        match item {
            LogItem::Transaction { commit, begin, end, id, changes } => {
                let mut captured = false;
                for change in &changes {
                    for instance in state
                        .cdc
                        .instances
                        .iter_mut()
                        .filter(|i| i.source.id == change.table.id && i.made_at < commit)
                    {
                        write_change(instance, commit, change, max_is_null);
                        captured = true;
                    }
                }
                if captured {
                    state.cdc.mapping.push_back_mut(Mapping {
                        lsn: commit,
                        begin,
                        end,
                        transaction: id,
                    });
                }
                done += 1;
            }
            LogItem::Enabled { instance, lsn } => {
                if let Some(instance) = state.cdc.instances.iter_mut().find(|i| i.name == instance)
                {
                    instance.start_lsn = Some(lsn);
                }
            }
            LogItem::Ddl { table, command, lsn, at, column_changed } => {
                let tracking: Vec<(i32, i32)> = state
                    .cdc
                    .instances
                    .iter()
                    .filter(|i| i.source.id == table)
                    .map(|i| (i.source.id, i.table.id))
                    .collect();
                for (source, object) in tracking {
                    state.cdc.ddl.push(DdlEntry {
                        source,
                        object,
                        column_update: column_changed,
                        command: command.clone(),
                        lsn,
                        at,
                    });
                }
            }
        }
    }
    done
}

/// The row that the agent writes when nothing has happened for five minutes: `tran_id` 0x00.
/// <https://learn.microsoft.com/en-us/sql/relational-databases/system-tables/cdc-lsn-time-mapping-transact-sql>
pub(crate) fn idle_row(database: &mut Database, at: Clock7) {
    if !database.state.cdc.enabled {
        return;
    }
    let lsn = database.lsns.commit();
    database.state_mut().cdc.mapping.push_back_mut(Mapping {
        lsn,
        begin: at,
        end: at,
        transaction: 0,
    });
}

fn write_change(instance: &mut Instance, commit: Lsn, change: &Change, max_is_null: bool) {
    let (before, after) = (change.before.as_ref(), change.after.as_ref());
    match (before, after) {
        (Some(before), Some(after)) if !change.deferred => {
            let changed = changed_columns(instance, change, before, after);
            // An update that leaves every captured column alone is not captured.
            if changed.iter().any(|c| *c) {
                put(instance, commit, change, before, BEFORE, &changed, true);
                put(instance, commit, change, after, AFTER, &changed, max_is_null);
            }
        }
        _ => {
            let all = vec![true; instance.columns.len()];
            if let Some(before) = before {
                put(instance, commit, change, before, DELETE, &all, false);
            }
            if let Some(after) = after {
                put(instance, commit, change, after, INSERT, &all, false);
            }
        }
    }
}

/// Where a captured column stands in the row, if it is still there.
fn position(change: &Change, instance: &Instance, captured: usize) -> Option<usize> {
    change.table.columns.iter().position(|c| c.id == instance.columns[captured].id)
}

fn changed_columns(instance: &Instance, change: &Change, before: &Row, after: &Row) -> Vec<bool> {
    let of = |row: &Row, i: usize| {
        Encoded { columns: &change.table.encoding, bytes: row }.slice(i).to_vec()
    };
    (0..instance.columns.len())
        .map(|captured| {
            position(change, instance, captured).is_some_and(|i| of(before, i) != of(after, i))
        })
        .collect()
}

fn put(
    instance: &mut Instance,
    commit: Lsn,
    change: &Change,
    row: &Row,
    operation: i64,
    mask: &[bool],
    null_unchanged: bool,
) {
    let mut out = Vec::with_capacity(row.len() + 64);
    let columns = instance.table.encoding.clone();
    let bytes = |lsn: Lsn| Value::Bytes(lsn.0.to_vec());
    write_value(&mut out, columns[0], &bytes(commit));
    write_value(&mut out, columns[1], &Value::Null);
    write_value(&mut out, columns[2], &bytes(change.seqval));
    write_value(&mut out, columns[3], &Value::Int(operation));
    write_value(&mut out, columns[4], &Value::Bytes(update_mask(mask)));
    let places: Vec<Option<usize>> =
        (0..instance.columns.len()).map(|i| position(change, instance, i)).collect();
    let in_order = places.iter().enumerate().all(|(i, place)| *place == Some(i));
    if in_order && !null_unchanged {
        copy_in_order(&mut out, change, row, &columns[5..]);
    } else {
        let encoded = Encoded { columns: &change.table.encoding, bytes: row };
        for (i, place) in places.into_iter().enumerate() {
            let target = columns[i + 5];
            let kept = place.filter(|_| !(null_unchanged && target.ty.is_large() && !mask[i]));
            match kept {
                // An altered column is stored in the type that the instance captures.
                Some(place) if change.table.encoding[place].ty != target.ty => {
                    let value = crate::value::convert(
                        encoded.get(place),
                        change.table.encoding[place].ty,
                        target.ty,
                    );
                    write_value(&mut out, target, &value.unwrap_or(Value::Null));
                }
                Some(place) => {
                    copy(&mut out, change.table.encoding[place], target, encoded.slice(place))
                }
                None => write_value(&mut out, target, &Value::Null),
            }
        }
    }
    write_value(&mut out, columns[columns.len() - 1], &Value::Int(i64::from(change.command)));
    instance.changes.push(commit, &out);
}

fn copy_in_order(out: &mut Vec<u8>, change: &Change, row: &Row, targets: &[Column]) {
    let mut at = 0;
    for (source, target) in change.table.encoding.iter().zip(targets) {
        let len = skip_value(*source, &row[at..]);
        if source.ty == target.ty {
            copy(out, *source, *target, &row[at..at + len]);
        } else {
            let value = crate::value::convert(
                crate::value::read_value(*source, &row[at..at + len]),
                source.ty,
                target.ty,
            );
            write_value(out, *target, &value.unwrap_or(Value::Null));
        }
        at += len;
    }
}

/// The columns of a change table are all nullable.
fn copy(out: &mut Vec<u8>, source: Column, target: Column, bytes: &[u8]) {
    if source == target {
        out.extend_from_slice(bytes);
    } else {
        write_value(out, target, &crate::value::read_value(source, bytes));
    }
}

/// One bit a captured column, the first one lowest, in the last byte.
fn update_mask(changed: &[bool]) -> Vec<u8> {
    let mut mask = vec![0; changed.len().div_ceil(8)];
    let bytes = mask.len();
    for (i, _) in changed.iter().enumerate().filter(|(_, changed)| **changed) {
        mask[bytes - 1 - i / 8] |= 1 << (i % 8);
    }
    mask
}

/// An UPDATE of unique keys, as the log has it. Rows whose unique key changes are deleted and
/// inserted; where several rows are updated and one takes the key that another gives up, the two
/// collapse into an update of that key ("split, sort, collapse").
/// <https://learn.microsoft.com/en-us/troubleshoot/sql/database-engine/replication/update-statements-replicated-as-delete-insert>
pub(crate) fn record_deferred(rows: &[Updated]) -> Vec<Logged> {
    let moved = || rows.iter().filter(|row| row.old_key != row.new_key);
    let given_up: HashMap<&[u8], &Row> = moved().map(|row| (&*row.old_key, &row.before)).collect();
    let taken: HashSet<&[u8]> =
        moved().map(|row| &*row.new_key).filter(|key| given_up.contains_key(key)).collect();
    let mut out = Vec::new();
    for row in rows {
        if row.old_key == row.new_key {
            out.push(Logged {
                before: Some(row.before.clone()),
                after: Some(row.after.clone()),
                deferred: row.unique_changed,
            });
            continue;
        }
        let before = (!taken.contains(&*row.old_key)).then(|| row.before.clone());
        match given_up.get(&*row.new_key) {
            Some(former) => {
                if before.is_some() {
                    out.push(Logged { before, after: None, deferred: true });
                }
                out.push(Logged {
                    before: Some((*former).clone()),
                    after: Some(row.after.clone()),
                    deferred: false,
                });
            }
            None => out.push(Logged { before, after: Some(row.after.clone()), deferred: true }),
        }
    }
    out
}

/// A row that an UPDATE touched.
pub(crate) struct Updated {
    pub old_key: Key,
    pub new_key: Key,
    pub before: Row,
    pub after: Row,
    /// A column of a unique index other than the primary key has another value.
    pub unique_changed: bool,
}

/// What the log has of it.
pub(crate) struct Logged {
    pub before: Option<Row>,
    pub after: Option<Row>,
    pub deferred: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn updated(old: &[u8], new: &[u8]) -> Updated {
        Updated {
            old_key: old.into(),
            new_key: new.into(),
            before: old.into(),
            after: new.into(),
            unique_changed: false,
        }
    }

    fn shown(rows: &[Updated]) -> Vec<(Option<u8>, Option<u8>)> {
        record_deferred(rows)
            .iter()
            .map(|l| (l.before.as_ref().map(|b| b[0]), l.after.as_ref().map(|a| a[0])))
            .collect()
    }

    #[test]
    fn a_key_that_one_row_gives_up_and_another_takes_is_updated_in_place() {
        assert_eq!(shown(&[updated(&[1], &[2])]), [(Some(1), Some(2))]);
        // Swapped: two updates, each of its key.
        assert_eq!(
            shown(&[updated(&[1], &[2]), updated(&[2], &[1])]),
            [(Some(2), Some(2)), (Some(1), Some(1))]
        );
        // Shifted by one: the first key goes, the last one comes.
        assert_eq!(
            shown(&[updated(&[1], &[2]), updated(&[2], &[3])]),
            [(Some(1), None), (Some(2), Some(2)), (None, Some(3))]
        );
    }
}
