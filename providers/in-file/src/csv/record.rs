//! Finds one CSV record in a buffer, and the bounds of its fields. Nothing is copied.
//!
//! RFC 4180, with what it leaves open decided: a record ends at `\n`, `\r\n` or a lone `\r`; a quote
//! inside an unquoted field is an ordinary character; text after a closing quote is an error.

use memchr::{memchr, memchr2};

/// The two characters that a file may have its own of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: Option<u8>,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { delimiter: b',', quote: Some(b'"') }
    }
}

/// Where a field stands in its record, without the quotes around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) quoted: bool,
    /// It holds doubled quotes, which stand for one each.
    pub(crate) doubled: bool,
}

/// What stands at the beginning of the buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// A record: its length with and without the line end, and how many lines it covers.
    Record { len: usize, content: usize, lines: u64 },
    /// Not all of it is in the buffer yet.
    Incomplete,
    /// No record: `len` bytes (one line) can be left out, and reading goes on behind them.
    Malformed { len: usize, content: usize, why: &'static str },
}

pub(crate) const UNCLOSED: &str = "a quote is opened and never closed";
pub(crate) const AFTER_QUOTE: &str =
    "after a closing quote there is something other than the delimiter or the line's end";

/// Splits the first record of `buf`. At `at_end` nothing follows the buffer.
#[inline]
pub(crate) fn split(dialect: Dialect, buf: &[u8], at_end: bool, fields: &mut Vec<Field>) -> Split {
    fields.clear();
    let Some(newline) = memchr(b'\n', buf) else {
        return if at_end || memchr(b'\r', buf).is_some() {
            slow(dialect, buf, at_end, fields)
        } else {
            Split::Incomplete
        };
    };
    let content = if newline > 0 && buf[newline - 1] == b'\r' { newline - 1 } else { newline };
    let line = &buf[..content];
    if memchr2(dialect.quote.unwrap_or(b'\r'), b'\r', line).is_some() {
        return slow(dialect, buf, at_end, fields);
    }
    plain(dialect.delimiter, line, fields);
    Split::Record { len: newline + 1, content, lines: 1 }
}

/// A line without quotes is cut at each delimiter.
#[inline]
fn plain(delimiter: u8, line: &[u8], fields: &mut Vec<Field>) {
    let mut start = 0;
    for (at, &byte) in line.iter().enumerate() {
        if byte == delimiter {
            fields.push(Field { start, end: at, quoted: false, doubled: false });
            start = at + 1;
        }
    }
    fields.push(Field { start, end: line.len(), quoted: false, doubled: false });
}

/// Any record, character class by character class.
fn slow(dialect: Dialect, buf: &[u8], at_end: bool, fields: &mut Vec<Field>) -> Split {
    let mut at = 0;
    loop {
        let quoted = dialect.quote.is_some() && buf.get(at).copied() == dialect.quote;
        let field =
            if quoted { quoted_field(dialect, buf, at) } else { open_field(dialect, buf, at) };
        let Some(field) = field else {
            return unclosed(buf, at_end, fields);
        };
        let after = field.end + usize::from(field.quoted);
        fields.push(field);
        match buf.get(after).copied() {
            Some(byte) if byte == dialect.delimiter => at = after + 1,
            Some(b'\n' | b'\r') | None => return end_of_record(buf, after, at_end, fields),
            Some(_) => return malformed(buf, at_end, fields, AFTER_QUOTE),
        }
    }
}

fn open_field(dialect: Dialect, buf: &[u8], start: usize) -> Option<Field> {
    let rest = &buf[start..];
    let len = memchr::memchr3(dialect.delimiter, b'\n', b'\r', rest).unwrap_or(rest.len());
    Some(Field { start, end: start + len, quoted: false, doubled: false })
}

/// `None`: the closing quote is not in the buffer.
fn quoted_field(dialect: Dialect, buf: &[u8], open: usize) -> Option<Field> {
    let quote = dialect.quote?;
    let (mut at, mut doubled) = (open + 1, false);
    loop {
        at += memchr(quote, &buf[at..])?;
        if buf.get(at + 1) != Some(&quote) {
            return Some(Field { start: open + 1, end: at, quoted: true, doubled });
        }
        doubled = true;
        at += 2;
    }
}

/// The record's last field ends at `content`: in front of a line end, or of the buffer's.
fn end_of_record(buf: &[u8], content: usize, at_end: bool, fields: &mut Vec<Field>) -> Split {
    let len = match (buf.get(content), buf.get(content + 1)) {
        (Some(b'\r'), Some(b'\n')) => content + 2,
        (Some(b'\r'), None) | (None, _) if !at_end => {
            fields.clear();
            return Split::Incomplete;
        }
        (None, _) => content,
        _ => content + 1,
    };
    let inside = fields.iter().filter(|f| f.quoted);
    let breaks: usize = inside.map(|f| line_breaks(&buf[f.start..f.end])).sum();
    Split::Record { len, content, lines: 1 + breaks as u64 }
}

fn line_breaks(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', text).count()
}

fn unclosed(buf: &[u8], at_end: bool, fields: &mut Vec<Field>) -> Split {
    if at_end {
        return malformed(buf, at_end, fields, UNCLOSED);
    }
    fields.clear();
    Split::Incomplete
}

/// Gives up the first line only, so that one bad quote does not swallow the rest of the file.
pub(crate) fn malformed(
    buf: &[u8],
    at_end: bool,
    fields: &mut Vec<Field>,
    why: &'static str,
) -> Split {
    fields.clear();
    match memchr(b'\n', buf) {
        Some(newline) => {
            let content = newline - usize::from(newline > 0 && buf[newline - 1] == b'\r');
            Split::Malformed { len: newline + 1, content, why }
        }
        None if at_end => Split::Malformed { len: buf.len(), content: buf.len(), why },
        None => Split::Incomplete,
    }
}

/// The field's text in `record`, without doubled quotes; `scratch` holds it where they had to go.
#[inline]
pub(crate) fn text<'a>(
    dialect: Dialect,
    record: &'a [u8],
    field: Field,
    scratch: &'a mut Vec<u8>,
) -> &'a [u8] {
    let raw = &record[field.start..field.end];
    let (true, Some(quote)) = (field.doubled, dialect.quote) else { return raw };
    scratch.clear();
    let mut rest = raw;
    while let Some(at) = memchr(quote, rest) {
        scratch.extend_from_slice(&rest[..=at]);
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    scratch.extend_from_slice(rest);
    scratch
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
