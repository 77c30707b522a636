//! A row as a line of CSV, by RFC 4180.

use dstream_sdk::row::Cell;

use crate::config::{LineEnd, Settings};

/// How lines are written.
#[derive(Debug, Clone)]
pub(crate) struct Style {
    delimiter: u8,
    line_end: &'static [u8],
    null: String,
}

impl Style {
    pub(crate) fn new(settings: &Settings) -> Self {
        let line_end: &[u8] = match settings.config.line_end {
            LineEnd::Crlf => b"\r\n",
            LineEnd::Lf => b"\n",
        };
        Self { delimiter: settings.delimiter, line_end, null: settings.config.null.clone() }
    }

    /// The header.
    pub(crate) fn write_names(&self, names: &[String], out: &mut Vec<u8>) {
        for (at, name) in names.iter().enumerate() {
            self.delimit(at, out);
            self.write_text(name, out);
        }
        out.extend_from_slice(self.line_end);
    }

    /// One row of JSON values.
    #[inline]
    pub(crate) fn write_row(&self, cells: &[Option<Cell<'_>>], out: &mut Vec<u8>) {
        let start = out.len();
        for (at, cell) in cells.iter().enumerate() {
            self.delimit(at, out);
            match cell {
                Some(cell) => self.write_value(*cell, out),
                None => out.extend_from_slice(self.null.as_bytes()),
            }
        }
        // A lone empty field would be an empty line, which readers skip.
        if out.len() == start {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(self.line_end);
    }

    #[inline]
    fn delimit(&self, at: usize, out: &mut Vec<u8>) {
        if at > 0 {
            out.push(self.delimiter);
        }
    }

    #[inline]
    fn write_value(&self, cell: Cell<'_>, out: &mut Vec<u8>) {
        let json = cell.json();
        match json.as_bytes().first() {
            Some(b'"') => self.write_text(&cell.text(), out),
            Some(b'n') => out.extend_from_slice(self.null.as_bytes()),
            Some(b'{' | b'[') => self.write_text(json, out),
            _ => out.extend_from_slice(json.as_bytes()),
        }
    }

    #[inline]
    fn write_text(&self, text: &str, out: &mut Vec<u8>) {
        let special = |b: u8| (b == self.delimiter) | (b == b'"') | (b == b'\n') | (b == b'\r');
        let quote = text.bytes().fold(false, |found, b| found | special(b)) || text == self.null;
        if !quote {
            return out.extend_from_slice(text.as_bytes());
        }
        out.push(b'"');
        for (at, part) in text.split('"').enumerate() {
            if at > 0 {
                out.extend_from_slice(b"\"\"");
            }
            out.extend_from_slice(part.as_bytes());
        }
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(null: &str) -> Style {
        Style { delimiter: b',', line_end: b"\r\n", null: null.into() }
    }

    fn line(null: &str, cells: &[Option<&str>]) -> String {
        let mut out = Vec::new();
        let cells: Vec<_> = cells.iter().map(|cell| cell.map(Cell::new)).collect();
        style(null).write_row(&cells, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_would_end_a_field_is_quoted() {
        let cells =
            [Some(r#""a,b""#), Some(r#""say \"hi\"""#), Some(r#""two\nlines""#), Some("1.50")];
        assert_eq!(line("", &cells), "\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",1.50\r\n");
    }

    #[test]
    fn null_and_the_empty_text_can_be_told_apart() {
        assert_eq!(line("", &[Some("null"), Some("\"\""), None]), ",\"\",\r\n");
        assert_eq!(
            line("NULL", &[Some("null"), Some("\"NULL\""), Some("\"\"")]),
            "NULL,\"NULL\",\r\n"
        );
        assert_eq!(line("", &[None]), "\"\"\r\n");
        assert_eq!(line("NULL", &[Some("\"\"")]), "\"\"\r\n");
    }

    #[test]
    fn nested_values_are_their_json() {
        assert_eq!(
            line("", &[Some(r#"{"a":1}"#), Some("[1,2]")]),
            "\"{\"\"a\"\":1}\",\"[1,2]\"\r\n"
        );
    }
}
