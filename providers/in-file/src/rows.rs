//! The rows of one file: CSV records or JSON lines, one after another.

use dstream_sdk::Result;
use memchr::memchr;

use crate::csv::record::{self, Dialect, Split};
use crate::csv::row::RowWriter;

/// How to find and write the rows.
#[derive(Debug)]
pub(crate) enum Rows {
    Csv { dialect: Dialect, writer: RowWriter, fields: Vec<record::Field> },
    Jsonl { envelopes: bool },
}

/// What stands at the beginning of the window.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A row; its JSON is in `out`.
    Row { len: usize, lines: u64 },
    /// Nothing: an empty line.
    Blank { len: usize },
    /// No row, and why; its first `content` bytes are what was read.
    Malformed { len: usize, content: usize, lines: u64, why: String },
    /// The rest of the row is not in the window.
    Starved,
}

impl Rows {
    /// Reads the first row of `buf` into `out` (which is cleared).
    #[inline]
    pub(crate) fn next(&mut self, buf: &[u8], at_end: bool, out: &mut Vec<u8>) -> Item {
        out.clear();
        if buf.is_empty() {
            return Item::Starved;
        }
        match self {
            Self::Csv { dialect, writer, fields } => {
                csv_row(*dialect, writer, fields, buf, at_end, out)
            }
            Self::Jsonl { envelopes } => json_line(*envelopes, buf, at_end, out),
        }
    }

    /// The first line alone, where no row fits the limit.
    pub(crate) fn give_up(&self, buf: &[u8], limit: usize) -> Item {
        let len = memchr(b'\n', buf).map_or(buf.len(), |at| at + 1);
        let why = format!(
            "the row is longer than {limit} bytes: a quote may be missing; if not, raise `max_row_bytes`"
        );
        Item::Malformed { len, content: len.min(limit), lines: 1, why }
    }
}

#[inline]
fn csv_row(
    dialect: Dialect,
    writer: &mut RowWriter,
    fields: &mut Vec<record::Field>,
    buf: &[u8],
    at_end: bool,
    out: &mut Vec<u8>,
) -> Item {
    match record::split(dialect, buf, at_end, fields) {
        Split::Record { len, content: 0, .. } => Item::Blank { len },
        Split::Record { len, content, lines } => match writer.write(&buf[..content], fields, out) {
            Ok(()) => Item::Row { len, lines },
            Err(e) => Item::Malformed { len, content, lines, why: e.to_string() },
        },
        Split::Incomplete => Item::Starved,
        Split::Malformed { len, content, why } => {
            Item::Malformed { len, content, lines: 1, why: why.to_owned() }
        }
    }
}

fn json_line(envelopes: bool, buf: &[u8], at_end: bool, out: &mut Vec<u8>) -> Item {
    let (len, line) = match memchr(b'\n', buf) {
        Some(at) => (at + 1, &buf[..at]),
        None if at_end && !buf.is_empty() => (buf.len(), buf),
        None => return Item::Starved,
    };
    let text = line.trim_ascii();
    if text.is_empty() {
        return Item::Blank { len };
    }
    match check_json(envelopes, text) {
        Ok(()) => {
            out.extend_from_slice(text);
            Item::Row { len, lines: 1 }
        }
        Err(why) => Item::Malformed { len, content: line.len(), lines: 1, why },
    }
}

fn check_json(envelopes: bool, text: &[u8]) -> Result<(), String> {
    let text =
        std::str::from_utf8(text).map_err(|e| format!("the line is not valid UTF-8: {e}"))?;
    if !envelopes {
        return serde_json::from_str::<serde::de::IgnoredAny>(text)
            .map(drop)
            .map_err(|e| format!("the line is not JSON: {e}"));
    }
    if text.starts_with("{\"@") {
        return Err("the line is a control line, not an envelope".into());
    }
    let envelope: dstream_protocol::Envelope<'_> =
        serde_json::from_str(text).map_err(|e| format!("the line is not an envelope: {e}"))?;
    envelope.metadata().map(drop).map_err(|e| format!("the envelope's metadata is wrong: {e}"))
}
