//! The transaction that is just being read, and the lines that its changes become.

use std::io::Write;

use crate::lsn::Lsn;
use crate::render;
use crate::stream::pgoutput::{Cell, Old, Tuple};
use crate::table::Table;

/// Between 1970 and 2000, where PostgreSQL's clock begins, in microseconds.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// A transaction.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) commit: Lsn,
    /// When it was committed, by the server's clock.
    pub(crate) time: i64,
    /// Its changes so far, those that are left out too.
    pub(crate) changes: u32,
    /// `","ts":"…","position":"00000000016B3748/`
    before_place: Vec<u8>,
    /// `","tx":741`
    after_place: Vec<u8>,
}

impl Transaction {
    pub(crate) fn new(commit: Lsn, time: i64, xid: u32) -> Self {
        let mut before_place = Vec::with_capacity(80);
        before_place.extend_from_slice(br#"","ts":""#);
        before_place.extend_from_slice(rfc3339(time).as_bytes());
        before_place.extend_from_slice(br#"","position":""#);
        before_place.extend_from_slice(format!("{:016X}/", commit.0).as_bytes());
        let after_place = format!(r#"","tx":{xid}"#).into_bytes();
        Self { commit, time, changes: 0, before_place, after_place }
    }

    /// `,"metadata":{…` up to what only some changes have. Positions compare as texts.
    #[inline]
    fn metadata(&self, out: &mut Vec<u8>, table: &Table, op: &[u8]) {
        out.extend_from_slice(&table.metadata);
        self.metadata_behind_stream(out, op);
    }

    fn metadata_behind_stream(&self, out: &mut Vec<u8>, op: &[u8]) {
        out.extend_from_slice(op);
        out.extend_from_slice(&self.before_place);
        let digit = |shift: u32| b"0123456789ABCDEF"[(self.changes >> shift & 15) as usize];
        out.extend_from_slice(&[28, 24, 20, 16, 12, 8, 4, 0].map(digit));
        out.extend_from_slice(&self.after_place);
    }

    pub(crate) fn insert(&self, out: &mut Vec<u8>, table: &Table, new: Tuple<'_>) {
        out.extend_from_slice(br#"{"data":"#);
        row(out, table, new, None);
        self.metadata(out, table, b"insert");
        out.extend_from_slice(b"}}");
    }

    pub(crate) fn update(
        &self,
        out: &mut Vec<u8>,
        table: &Table,
        old: Option<Old<'_>>,
        new: Tuple<'_>,
    ) {
        let full = old.filter(|old| old.full).map(|old| old.tuple);
        out.extend_from_slice(br#"{"data":"#);
        let unchanged = row(out, table, new, full);
        if let Some(full) = full {
            out.extend_from_slice(br#","before":"#);
            row(out, table, full, None);
        }
        self.metadata(out, table, b"update");
        if let Some(old) = old.filter(|old| moves(table, old.tuple, new)) {
            key(out, table, old.tuple);
        }
        if unchanged {
            names_of_unchanged(out, table, new);
        }
        out.extend_from_slice(b"}}");
    }

    pub(crate) fn delete(&self, out: &mut Vec<u8>, table: &Table, old: Old<'_>) {
        out.extend_from_slice(br#"{"data":"#);
        if old.full {
            row(out, table, old.tuple, None);
        } else {
            key_object(out, table, old.tuple);
        }
        self.metadata(out, table, b"delete");
        key(out, table, old.tuple);
        out.extend_from_slice(b"}}");
    }

    pub(crate) fn truncate(&self, out: &mut Vec<u8>, table: &Table) {
        out.extend_from_slice(br#"{"data":null"#);
        self.metadata(out, table, b"truncate");
        out.extend_from_slice(b"}}");
    }

    pub(crate) fn message(&self, out: &mut Vec<u8>, prefix: &[u8], content: &[u8]) {
        message_data(out, prefix, content);
        self.metadata_behind_stream(out, b"message");
        out.extend_from_slice(b"}}");
    }
}

/// A message that belongs to no transaction.
pub(crate) fn lone_message(out: &mut Vec<u8>, lsn: Lsn, prefix: &[u8], content: &[u8]) {
    message_data(out, prefix, content);
    out.extend_from_slice(
        format!(r#"message","position":"{:016X}/00000000"}}}}"#, lsn.0).as_bytes(),
    );
}

/// `{"data":{"prefix":…,"content":…},"metadata":{"stream":"_messages","op":"`; content that is no
/// text is base64.
fn message_data(out: &mut Vec<u8>, prefix: &[u8], content: &[u8]) {
    out.extend_from_slice(br#"{"data":{"prefix":"#);
    render::string(out, prefix);
    if std::str::from_utf8(content).is_ok() {
        out.extend_from_slice(br#","content":"#);
        render::string(out, content);
    } else {
        use base64::Engine;
        let encoded = base64::engine::general_purpose::STANDARD.encode(content);
        out.extend_from_slice(br#","content_base64":"#);
        render::plain(out, encoded.as_bytes());
    }
    out.extend_from_slice(br#"},"metadata":{"stream":"_messages","op":""#);
}

/// The row as an object. What is unchanged is taken from the old row where that is whole, else left
/// out; says whether something was.
#[inline]
fn row(out: &mut Vec<u8>, table: &Table, tuple: Tuple<'_>, old: Option<Tuple<'_>>) -> bool {
    let mut unchanged = false;
    let mut separator = b'{';
    for (at, (column, mut cell)) in table.columns.iter().zip(tuple.cells()).enumerate() {
        if cell == Cell::Unchanged {
            cell = old.and_then(|old| old.cells().nth(at)).unwrap_or(Cell::Unchanged);
        }
        let text = match cell {
            Cell::Unchanged => {
                unchanged = true;
                continue;
            }
            Cell::Null => None,
            Cell::Text(text) => Some(text),
        };
        out.push(separator);
        separator = b',';
        out.extend_from_slice(&column.member);
        match text {
            None => out.extend_from_slice(b"null"),
            Some(text) => render::value(out, &column.kind, text),
        }
    }
    close(out, separator);
    unchanged
}

/// `,"key":{…}`, where the table has one.
fn key(out: &mut Vec<u8>, table: &Table, tuple: Tuple<'_>) {
    if !table.key.is_empty() {
        out.extend_from_slice(br#","key":"#);
        key_object(out, table, tuple);
    }
}

fn key_object(out: &mut Vec<u8>, table: &Table, tuple: Tuple<'_>) {
    let mut separator = b'{';
    for &at in &table.key {
        let Some(column) = table.columns.get(at) else { continue };
        out.push(separator);
        separator = b',';
        out.extend_from_slice(&column.member);
        match tuple.text(at) {
            None => out.extend_from_slice(b"null"),
            Some(text) => render::value(out, &column.kind, text),
        }
    }
    close(out, separator);
}

fn close(out: &mut Vec<u8>, separator: u8) {
    if separator == b'{' {
        out.push(b'{');
    }
    out.push(b'}');
}

/// Whether the key is another one.
fn moves(table: &Table, old: Tuple<'_>, new: Tuple<'_>) -> bool {
    table.key.iter().any(|&at| new.text(at).is_some_and(|text| old.text(at) != Some(text)))
}

#[cold]
fn names_of_unchanged(out: &mut Vec<u8>, table: &Table, new: Tuple<'_>) {
    let cells = table.columns.iter().zip(new.cells());
    let names: Vec<&str> =
        cells.filter(|(_, cell)| *cell == Cell::Unchanged).map(|(c, _)| c.name.as_str()).collect();
    out.extend_from_slice(br#","unchanged":"#);
    // Writing to a vector cannot fail, and texts can always become JSON.
    let json = serde_json::to_vec(&names).unwrap_or_default();
    out.write_all(&json).unwrap_or_default();
}

/// A time of PostgreSQL's clock.
pub(crate) fn rfc3339(micros: i64) -> String {
    let time = jiff::Timestamp::from_microsecond(micros.saturating_add(EPOCH_MICROS));
    time.map_or_else(|_| micros.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_clock_begins_in_2000() {
        assert_eq!(super::rfc3339(0), "2000-01-01T00:00:00Z");
        assert_eq!(super::rfc3339(768_574_830_123_456), "2024-05-09T13:00:30.123456Z");
    }
}
