//! Rows of COPY's text format become lines. By "COPY, Text Format" of PostgreSQL's manual.

use crate::lsn::Lsn;
use crate::render;
use crate::table::Table;

/// The fields of a line, as they stand; `\N` is null.
#[inline]
fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line.strip_suffix(b"\n").unwrap_or(line));
    std::iter::from_fn(move || {
        let text = rest?;
        // A tab inside a field is written as \t.
        let (field, after) = match memchr::memchr(b'\t', text) {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        rest = after;
        Some(field)
    })
}

/// Appends the row as an envelope of operation `read`.
#[inline]
pub(super) fn row(
    out: &mut Vec<u8>,
    table: &Table,
    tail: &[u8],
    line: &[u8],
    scratch: &mut Vec<u8>,
) {
    out.extend_from_slice(br#"{"data":{"#);
    for (at, (column, field)) in table.columns.iter().zip(fields(line)).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&column.member);
        match field {
            b"\\N" => out.extend_from_slice(b"null"),
            field if memchr::memchr(b'\\', field).is_none() => {
                render::value(out, &column.kind, field)
            }
            field => {
                unescape(scratch, field);
                render::value(out, &column.kind, scratch);
            }
        }
    }
    out.extend_from_slice(b"}");
    out.extend_from_slice(&table.metadata);
    out.extend_from_slice(tail);
}

/// What stands behind `"op":"` in every row of a snapshot.
pub(super) fn tail(point: Lsn) -> Vec<u8> {
    format!(r#"read","position":"{:016X}/00000000"}}}}"#, point.0).into_bytes()
}

/// All rows of the stream are to be forgotten, because the table is read again.
pub(super) fn truncate_line(out: &mut Vec<u8>, table: &Table, point: Lsn) {
    out.extend_from_slice(br#"{"data":null"#);
    out.extend_from_slice(&table.metadata);
    out.extend_from_slice(
        format!(r#"truncate","position":"{:016X}/00000000"}}}}"#, point.0).as_bytes(),
    );
}

/// The key of a line; `None`: a part of it is null.
pub(super) fn key(table: &Table, line: &[u8]) -> Option<dstream_cdc::Key> {
    let mut texts = Vec::with_capacity(table.columns.len());
    for field in fields(line) {
        let mut text = Vec::new();
        unescape(&mut text, field);
        texts.push((field != b"\\N").then_some(text));
    }
    table.key_of(|at| texts.get(at).and_then(Option::as_deref))
}

fn unescape(out: &mut Vec<u8>, mut field: &[u8]) {
    out.clear();
    while let Some(at) = memchr::memchr(b'\\', field) {
        out.extend_from_slice(&field[..at]);
        let escaped = match field.get(at + 1) {
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'v') => 0x0b,
            Some(&other) => other,
            None => b'\\',
        };
        out.push(escaped);
        field = field.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(field);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_taken_back() {
        let mut out = Vec::new();
        for (field, text) in
            [("plain", "plain"), (r"a\tb\\n\n", "a\tb\\n\n"), (r"\b\f\v\r", "\u{8}\u{c}\u{b}\r")]
        {
            unescape(&mut out, field.as_bytes());
            assert_eq!(out, text.as_bytes());
        }
    }

    #[test]
    fn empty_fields_and_nulls_are_told_apart() {
        let all: Vec<&[u8]> = fields(b"\t\\N\ta\t\n").collect();
        assert_eq!(all, [&b""[..], b"\\N", b"a", b""]);
    }
}
