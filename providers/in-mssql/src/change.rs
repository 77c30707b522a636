//! Rows of a change table become envelopes.

use std::io::Write as _;

use dstream_mssql::tiberius::{ColumnData, Row};
use dstream_mssql::write_json;

use crate::instance::{Column, Instance};
use crate::lsn::Lsn;

/// The place of a change within its table: commit, statement, record, operation. Unique, but for
/// what nobody has seen yet; records alone are not, as an update of a unique column writes a delete
/// and an insert under one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) commit: Lsn,
    pub(crate) command: i32,
    pub(crate) seq: Lsn,
    pub(crate) operation: i32,
}

pub(crate) const DELETE: i32 = 1;
pub(crate) const INSERT: i32 = 2;
pub(crate) const BEFORE: i32 = 3;
pub(crate) const AFTER: i32 = 4;

/// Columns of a page's rows that stand before the table's own.
pub(crate) const FIXED: usize = 5;

/// A change table's row, as the page's query gives it.
pub(crate) struct ChangeRow(Row);

impl ChangeRow {
    pub(crate) fn new(row: Row) -> Self {
        Self(row)
    }

    fn cell(&self, at: usize) -> &ColumnData<'static> {
        self.0.get_column_data(at).unwrap_or(&ColumnData::Bit(None))
    }

    pub(crate) fn place(&self) -> Place {
        let lsn = |at| Lsn::of(self.cell(at)).unwrap_or_default();
        let int = |at| match self.cell(at) {
            ColumnData::I32(Some(value)) => *value,
            _ => 0,
        };
        Place { commit: lsn(0), command: int(1), seq: lsn(2), operation: int(3) }
    }

    /// Whether an update changed the column.
    fn is_changed(&self, ordinal: usize) -> bool {
        let ColumnData::Binary(Some(mask)) = self.cell(4) else { return true };
        let (byte, bit) = ((ordinal.saturating_sub(1)) / 8, (ordinal.saturating_sub(1)) % 8);
        let byte = mask.len().checked_sub(byte + 1).and_then(|at| mask.get(at));
        byte.is_none_or(|byte| byte >> bit & 1 == 1)
    }

    /// Whether the row does not hold the column's value: it is large, was not changed, and null
    /// stands for it.
    fn lacks(&self, at: usize, column: &Column) -> bool {
        column.sql.is_large() && !self.is_changed(column.ordinal) && is_null(self.cell(FIXED + at))
    }
}

fn is_null(value: &ColumnData<'_>) -> bool {
    let mut text = Vec::new();
    match value {
        ColumnData::String(v) => v.is_none(),
        ColumnData::Binary(v) => v.is_none(),
        ColumnData::Xml(v) => v.is_none(),
        other => {
            write_json(other, &mut text);
            text == b"null"
        }
    }
}

/// Appends the envelope of an insert, a delete, or of an update's two rows.
pub(crate) fn envelope(
    instance: &Instance,
    before: Option<&ChangeRow>,
    row: &ChangeRow,
    (time, epoch): (Option<&str>, Option<u64>),
    out: &mut Vec<u8>,
) {
    let operation = row.place().operation;
    let is_update = operation == AFTER;
    out.extend_from_slice(br#"{"data":"#);
    object(instance, row, is_update, out);
    if let Some(before) = before {
        out.extend_from_slice(br#","before":"#);
        object(instance, before, true, out);
    }
    metadata(instance, row, time, out);
    if let Some(epoch) = epoch {
        write!(out, r#","epoch":{epoch}"#).unwrap_or_default();
    }
    let lacking = || instance.columns.iter().enumerate().filter(|(at, c)| row.lacks(*at, c));
    if is_update && lacking().next().is_some() {
        out.extend_from_slice(br#","unchanged":["#);
        for (n, (_, column)) in lacking().enumerate() {
            out.extend_from_slice(if n > 0 { b"," } else { b"" });
            out.extend_from_slice(&column.label[..column.label.len() - 1]);
        }
        out.push(b']');
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
    members(instance, row, |at, column| !(is_update && row.lacks(at, column)), out);
}

fn members(
    instance: &Instance,
    row: &ChangeRow,
    wanted: impl Fn(usize, &Column) -> bool,
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    let mut first = true;
    for (at, column) in instance.columns.iter().enumerate() {
        if !wanted(at, column) {
            continue;
        }
        if !first {
            out.push(b',');
        }
        first = false;
        out.extend_from_slice(&column.label);
        write_json(row.cell(FIXED + at), out);
    }
    out.push(b'}');
}

fn has_another_key(instance: &Instance, before: &ChangeRow, after: &ChangeRow) -> bool {
    let keys = instance.columns.iter().enumerate().filter(|(_, column)| column.is_key);
    keys.map(|(at, _)| FIXED + at).any(|at| before.cell(at) != after.cell(at))
}

fn metadata(instance: &Instance, row: &ChangeRow, time: Option<&str>, out: &mut Vec<u8>) {
    let Place { commit, command, seq, operation } = row.place();
    let op = match operation {
        DELETE => "delete",
        INSERT => "insert",
        _ => "update",
    };
    out.extend_from_slice(br#","metadata":{"stream":"#);
    out.extend_from_slice(&instance.label);
    out.extend_from_slice(br#","op":""#);
    out.extend_from_slice(op.as_bytes());
    out.extend_from_slice(br#"","tx":""#);
    commit.push(out);
    out.extend_from_slice(br#"","position":""#);
    commit.push(out);
    // A Vec takes everything.
    write!(out, "/{command:010}/").unwrap_or_default();
    seq.push(out);
    write!(out, r#"/{operation}""#).unwrap_or_default();
    if let Some(time) = time {
        out.extend_from_slice(br#","ts":""#);
        out.extend_from_slice(time.as_bytes());
        out.push(b'"');
    }
}
