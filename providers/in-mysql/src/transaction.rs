//! The transaction that is being read: what all of its rows have in common.

use std::io::Write;

use jiff::Timestamp;

use crate::position::Position;

/// An open transaction.
#[derive(Debug)]
pub(crate) struct Transaction {
    /// Where it begins: what is compared with the points of snapshots.
    pub(crate) start: Position,
    /// It ends with a COMMIT; otherwise with its only statement.
    pub(crate) explicit: bool,
    /// What is added to the GTIDs when it ends.
    pub(crate) gtid: Option<Gtid>,
    /// The end of the event that holds it whole, compressed (MySQL).
    pub(crate) end: Option<Position>,
    /// Rows of followed tables so far.
    pub(crate) rows: u64,
    /// `"ts":…,"tx":…,"position":"…/`, for every row.
    head: Vec<u8>,
}

/// The transaction's own id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gtid {
    MariaDb { domain: u32, server: u32, sequence: u64 },
    MySql { uuid: [u8; 16], number: u64 },
}

impl Gtid {
    fn text(&self) -> String {
        match self {
            Self::MariaDb { domain, server, sequence } => format!("{domain}-{server}-{sequence}"),
            Self::MySql { uuid, number } => format!("{}:{number}", crate::gtid::uuid_text(uuid)),
        }
    }
}

impl Transaction {
    /// `micros`: when it was committed, since 1970.
    pub(crate) fn new(start: Position, micros: i64, gtid: Option<Gtid>) -> Self {
        let tx = gtid.as_ref().map_or_else(|| start.to_string(), Gtid::text);
        let ts = Timestamp::from_microsecond(micros).unwrap_or_default();
        let mut head = Vec::with_capacity(160);
        // Writing to a Vec does not fail. Digits in front, so that texts are ordered as places are.
        let position = format!("{}/{:010}/", start.file, start.offset);
        drop(write!(head, r#","ts":"{ts}","tx":"{tx}","position":"{position}"#));
        Self { start, explicit: false, gtid, end: None, rows: 0, head }
    }

    /// Appends what follows the row: `,"metadata":{…`, without its end.
    pub(crate) fn metadata(&self, stream: &[u8], op: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(br#","metadata":{"stream":"#);
        out.extend_from_slice(stream);
        out.extend_from_slice(br#","op":""#);
        out.extend_from_slice(op.as_bytes());
        out.push(b'"');
        out.extend_from_slice(&self.head);
        drop(write!(out, "{:06}\"", self.rows));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_has_time_transaction_and_a_position_that_sorts_as_text() {
        let gtid = Gtid::MariaDb { domain: 0, server: 1, sequence: 7 };
        let start = Position::new("b.000002", 345);
        let mut tx = Transaction::new(start, 1_700_000_000_000_000, Some(gtid));
        tx.rows = 12;
        let mut out = Vec::new();
        tx.metadata(b"\"a.b\"", "insert", &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#","metadata":{"stream":"a.b","op":"insert","ts":"2023-11-14T22:13:20Z","tx":"0-1-7","position":"b.000002/0000000345/000012""#
        );
    }
}
