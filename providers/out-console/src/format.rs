//! The four ways in which a row can look.

use std::fmt::Write;

use dstream_sdk::{Envelope, Envelopes, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// How a row looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// `Message #1: {"value":1}`
    #[default]
    Simple,
    /// A heading with stream and operation, then a line for each column.
    Structured,
    /// The whole envelope, one a line.
    Json,
    /// Columns side by side, with a heading where they change.
    Table,
}

/// Prints rows and counts them.
#[derive(Debug)]
pub(crate) struct Printer {
    format: Format,
    count: u64,
    /// The heading of the table that is being printed.
    columns: Vec<String>,
    widths: Vec<usize>,
}

impl Printer {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, count: 0, columns: Vec::new(), widths: Vec::new() }
    }

    /// Appends the rows to `out`, each with its newline.
    pub(crate) fn print(&mut self, envelopes: &Envelopes<'_>, out: &mut String) -> Result<()> {
        if self.format == Format::Table {
            let rows: Vec<Map<String, Value>> = envelopes.iter().map(|e| cells(&e)).collect();
            return self.table(&rows, out);
        }
        for envelope in envelopes {
            self.count += 1;
            match self.format {
                Format::Json => out.push_str(envelope.line),
                Format::Structured => structured(self.count, &envelope, out)?,
                _ => {
                    out.push_str("Message #");
                    out.push_str(&self.count.to_string());
                    out.push_str(": ");
                    out.push_str(envelope.data);
                }
            }
            out.push('\n');
        }
        Ok(())
    }

    /// Widths come from the rows at hand; a wider one later only moves its own line.
    fn table(&mut self, rows: &[Map<String, Value>], out: &mut String) -> Result<()> {
        for (at, row) in rows.iter().enumerate() {
            if at == 0 || !row.keys().eq(self.columns.iter()) {
                let same = rows[at..].iter().take_while(|other| other.keys().eq(row.keys()));
                let widths = widths(row, same);
                if !row.keys().eq(self.columns.iter()) {
                    self.columns = row.keys().cloned().collect();
                    self.widths = widths;
                    let heading = self.columns.iter().map(String::as_str);
                    line(heading, &self.widths, out);
                    let rule: Vec<String> = self.widths.iter().map(|w| "-".repeat(*w)).collect();
                    line(rule.iter().map(String::as_str), &self.widths, out);
                }
            }
            let cells: Vec<String> = row.values().map(text).collect();
            line(cells.iter().map(String::as_str), &self.widths, out);
        }
        Ok(())
    }
}

fn structured(count: u64, envelope: &Envelope<'_>, out: &mut String) -> Result<()> {
    let meta = envelope.meta()?;
    let op = meta.op.map_or_else(|| "insert".into(), |op| format!("{op:?}").to_lowercase());
    write!(out, "#{count} {} {op}", meta.stream()).unwrap_or_default();
    let cells = cells(envelope);
    let width = cells.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    for (name, value) in &cells {
        write!(out, "\n    {name:width$}  {}", text(value)).unwrap_or_default();
    }
    Ok(())
}

/// The columns of a row; what is no object is one column.
fn cells(envelope: &Envelope<'_>) -> Map<String, Value> {
    match serde_json::from_str(envelope.data) {
        Ok(Value::Object(map)) => map,
        Ok(other) => [("data".to_owned(), other)].into_iter().collect(),
        // Numbers beyond what a `Value` holds: as they are written.
        Err(_) => [("data".to_owned(), Value::from(envelope.data))].into_iter().collect(),
    }
}

/// One line: texts without their quotes, their newlines escaped.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) if !text.contains(['\n', '\r']) => text.clone(),
        other => other.to_string(),
    }
}

fn widths<'a>(
    heading: &Map<String, Value>,
    rows: impl Iterator<Item = &'a Map<String, Value>>,
) -> Vec<usize> {
    let mut widths: Vec<usize> = heading.keys().map(|name| name.chars().count()).collect();
    for row in rows {
        for (width, value) in widths.iter_mut().zip(row.values()) {
            *width = text(value).chars().count().max(*width);
        }
    }
    widths
}

fn line<'a>(cells: impl Iterator<Item = &'a str>, widths: &[usize], out: &mut String) {
    for (i, (cell, width)) in cells.zip(widths).enumerate() {
        let gap = if i == 0 { "" } else { "  " };
        write!(out, "{gap}{cell:width$}").unwrap_or_default();
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use dstream_sdk::EnvelopeBuf;

    const ROWS: &str = concat!(
        r#"{"data":{"id":1,"name":"Ann"},"metadata":{"stream":"people","op":"insert"}}"#,
        "\n",
        r#"{"data":{"id":22,"name":"Bo\nB"},"metadata":{"stream":"people","op":"delete"}}"#,
        "\n",
        r#"{"data":[7]}"#,
        "\n",
    );

    fn printed(format: Format) -> String {
        let mut rows = EnvelopeBuf::parse(ROWS).unwrap();
        let mut out = String::new();
        Printer::new(format).print(&rows.envelopes(), &mut out).unwrap();
        out
    }

    #[test]
    fn simple_is_the_number_and_the_row() {
        let second = "Message #2: {\"id\":22,\"name\":\"Bo\\nB\"}\n";
        assert_eq!(printed(Format::Simple).split_inclusive('\n').nth(1), Some(second));
    }

    #[test]
    fn json_is_the_envelope_as_it_came() {
        assert_eq!(printed(Format::Json), ROWS);
    }

    #[test]
    fn structured_is_a_heading_and_a_line_for_each_column() {
        let expected = "#1 people insert\n    id    1\n    name  Ann\n#2 people delete\n    id    22\n    name  \"Bo\\nB\"\n#3  insert\n    data  [7]\n";
        assert_eq!(printed(Format::Structured), expected);
    }

    #[test]
    fn table_has_a_heading_where_the_columns_change() {
        let expected = "id  name\n--  -------\n1   Ann\n22  \"Bo\\nB\"\ndata\n----\n[7]\n";
        assert_eq!(printed(Format::Table), expected);
    }
}
