//! A change's envelope, from what is the same for its table, its commit, and its row's own.

use dstream_mssql::tiberius::ColumnData;
use dstream_mssql::write_json;

use crate::change::{AFTER, ChangeRow, DELETE, INSERT};
use crate::instance::{Column, Instance};
use crate::lsn::Lsn;

/// What the envelopes of one commit share.
pub(crate) struct Commit {
    pub(crate) lsn: Lsn,
    /// From behind `op` up to the command.
    place: Vec<u8>,
    /// From behind the position up to what the row has.
    end: Vec<u8>,
}

impl Commit {
    pub(crate) fn new(lsn: Lsn, time: Option<&str>, epoch: Option<u64>) -> Self {
        let place = format!(r#"","tx":"{lsn}","position":"{lsn}/"#).into_bytes();
        let time = time.map(|time| format!(r#","ts":"{time}""#)).unwrap_or_default();
        let epoch = epoch.map(|epoch| format!(r#","epoch":{epoch}"#)).unwrap_or_default();
        Self { lsn, place, end: format!(r#""{time}{epoch}"#).into_bytes() }
    }
}

/// Appends the envelope of an insert, a delete, or of an update's two rows.
pub(crate) fn envelope(
    instance: &Instance,
    commit: &Commit,
    before: Option<&ChangeRow>,
    row: &ChangeRow,
    out: &mut Vec<u8>,
) {
    let operation = row.place.operation;
    out.extend_from_slice(br#"{"data":"#);
    object(instance, row, operation == AFTER, out);
    if let Some(before) = before {
        out.extend_from_slice(br#","before":"#);
        object(instance, before, true, out);
    }
    metadata(instance, commit, row, out);
    if operation == AFTER {
        unchanged(instance, row, out);
    }
    let old = match (operation, before) {
        (DELETE, _) => Some(row),
        (AFTER, Some(before)) if has_another_key(instance, before, row) => Some(before),
        _ => None,
    };
    if let (Some(old), false) = (old, instance.key.is_empty()) {
        out.extend_from_slice(br#","key":"#);
        members(instance, old, |_, column| column.is_key, out);
    }
    out.extend_from_slice(b"}}");
}

/// An update without the row before it: some tools delete those rows.
fn object(instance: &Instance, row: &ChangeRow, is_update: bool, out: &mut Vec<u8>) {
    match is_update {
        true => members(instance, row, |at, _| !row.lacks(instance, at), out),
        false => members(instance, row, |_, _| true, out),
    }
}

fn members(
    instance: &Instance,
    row: &ChangeRow,
    wanted: impl Fn(usize, &Column) -> bool,
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    for (at, (column, value)) in instance.columns.iter().zip(row.values()).enumerate() {
        if wanted(at, column) {
            out.extend_from_slice(&column.label);
            write_json(value, out);
            out.push(b',');
        }
    }
    end_list(b'{', b'}', out);
}

/// Columns whose values an update's rows do not hold.
fn unchanged(instance: &Instance, row: &ChangeRow, out: &mut Vec<u8>) {
    let mut lacking =
        instance.columns.iter().enumerate().filter(|(at, _)| row.lacks(instance, *at)).peekable();
    if lacking.peek().is_none() {
        return;
    }
    out.extend_from_slice(br#","unchanged":["#);
    for (_, column) in lacking {
        out.extend_from_slice(&column.label[..column.label.len() - 1]);
        out.push(b',');
    }
    end_list(b'[', b']', out);
}

/// Takes the place of the comma behind the last one.
fn end_list(begin: u8, end: u8, out: &mut Vec<u8>) {
    if out.last() != Some(&begin) {
        out.pop();
    }
    out.push(end);
}

fn has_another_key(instance: &Instance, before: &ChangeRow, after: &ChangeRow) -> bool {
    let values = before.values().zip(after.values());
    instance.columns.iter().zip(values).any(|(c, (before, after))| c.is_key && before != after)
}

fn metadata(instance: &Instance, commit: &Commit, row: &ChangeRow, out: &mut Vec<u8>) {
    let op = match row.place.operation {
        DELETE => "delete",
        INSERT => "insert",
        _ => "update",
    };
    out.extend_from_slice(br#","metadata":{"stream":"#);
    out.extend_from_slice(&instance.label);
    out.extend_from_slice(br#","op":""#);
    out.extend_from_slice(op.as_bytes());
    out.extend_from_slice(&commit.place);
    push_command(row.place.command, out);
    row.place.seq.push(out);
    out.push(b'/');
    write_json(&ColumnData::I32(Some(row.place.operation)), out);
    out.extend_from_slice(&commit.end);
}

/// As text it sorts like the number.
fn push_command(command: i32, out: &mut Vec<u8>) {
    let mut text = *b"0000000000/";
    let mut rest = command.unsigned_abs();
    for digit in text[..10].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&text);
}
