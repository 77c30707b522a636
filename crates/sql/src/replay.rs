//! The rows since the last commit, to be written again: in memory, and on disk when they are many.

use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};

use dstream_sdk::{EnvelopeBuf, Envelopes, Error, Result, StreamSchema};
use serde::{Deserialize, Serialize};
use tempfile::SpooledTempFile;

use crate::database::Refused;
use crate::targets::Known;

/// What is more than this goes to a file without a name in the folder for temporary files.
const IN_MEMORY_BYTES: usize = 4 << 20;

/// A piece that is written at once is about as large as those that the host sends.
const PIECE_BYTES: usize = 1 << 20;

/// How a schema's line begins; a row's never does.
const SCHEMA: &str = "{\"@schema\":";

/// Lines, as they came.
pub(crate) struct Replay {
    lines: BufReader<SpooledTempFile>,
    /// Read already, and part of the next piece.
    ahead: String,
    known: Known,
    /// Rows on their way to `lines`; its memory is used again.
    text: String,
}

impl Default for Replay {
    fn default() -> Self {
        let lines = BufReader::new(SpooledTempFile::new(IN_MEMORY_BYTES));
        Self { lines, ahead: String::new(), known: Known::default(), text: String::new() }
    }
}

/// What is next.
pub(crate) enum Piece {
    Schema(StreamSchema),
    Rows(EnvelopeBuf),
}

#[derive(Serialize, Deserialize)]
struct SchemaLine<S> {
    #[serde(rename = "@schema")]
    schema: S,
}

impl Replay {
    /// What was known before the first of its lines.
    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    /// Keeps rows that have been written.
    pub(crate) fn keep(&mut self, envelopes: &Envelopes<'_>, refused: &Refused) -> Result<()> {
        let mut refused = refused.iter().map(|(index, _)| *index).peekable();
        // One write for all of them: where it goes to a file, each is a call of the system.
        let mut text = std::mem::take(&mut self.text);
        for (index, envelope) in envelopes.iter().enumerate() {
            if refused.next_if_eq(&index).is_none() {
                text.push_str(envelope.line);
                text.push('\n');
            }
        }
        let kept = self.lines.get_mut().write_all(text.as_bytes()).map_err(cannot_keep);
        text.clear();
        self.text = text;
        kept
    }

    /// Keeps a schema, in its place among the rows.
    pub(crate) fn keep_schema(&mut self, schema: &StreamSchema) -> Result<()> {
        let line = serde_json::to_string(&SchemaLine { schema })? + "\n";
        self.lines.get_mut().write_all(line.as_bytes()).map_err(cannot_keep)
    }

    /// All of it is committed.
    pub(crate) fn forget(&mut self, known: Known) -> Result<()> {
        self.known = known;
        let file = self.lines.get_mut();
        file.set_len(0).map_err(cannot_keep)?;
        file.seek(SeekFrom::Start(0)).map(drop).map_err(cannot_keep)
    }

    /// Back to the first line.
    pub(crate) fn rewind(&mut self) -> Result<()> {
        self.ahead.clear();
        self.lines.seek(SeekFrom::Start(0)).map(drop).map_err(cannot_keep)
    }

    /// The next piece; `None`: that was all, and more can be kept.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>> {
        let mut rows = std::mem::take(&mut self.ahead);
        if !rows.starts_with(SCHEMA) {
            while rows.len() < PIECE_BYTES {
                let from = rows.len();
                if self.lines.read_line(&mut rows).map_err(cannot_keep)? == 0 {
                    break;
                }
                if rows[from..].starts_with(SCHEMA) {
                    self.ahead = rows.split_off(from);
                    break;
                }
            }
            if !rows.is_empty() {
                return EnvelopeBuf::parse(&rows).map(Piece::Rows).map(Some);
            }
            rows = std::mem::take(&mut self.ahead);
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let line: SchemaLine<StreamSchema> = serde_json::from_str(&rows)?;
        Ok(Some(Piece::Schema(line.schema)))
    }
}

#[cold]
fn cannot_keep(error: std::io::Error) -> Error {
    let place = std::env::temp_dir();
    Error::from(error).context(format!(
        "the rows since the last commit cannot be kept in {} (TMPDIR)",
        place.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(replay: &mut Replay) -> Vec<String> {
        replay.rewind().unwrap();
        let mut all = Vec::new();
        while let Some(piece) = replay.next().unwrap() {
            match piece {
                Piece::Schema(schema) => all.push(format!("schema of {}", schema.stream)),
                Piece::Rows(mut rows) => {
                    all.extend(rows.envelopes().iter().map(|one| one.data.to_owned()));
                }
            }
        }
        all
    }

    fn keep(replay: &mut Replay, data: &[&str], refused: &[usize]) {
        let line = |data: &&str| format!("{{\"data\":{data},\"metadata\":{{}}}}\n");
        let mut rows = EnvelopeBuf::parse(&data.iter().map(line).collect::<String>()).unwrap();
        let refused = refused.iter().map(|at| (*at, Error::permanent("no"))).collect();
        replay.keep(&rows.envelopes(), &refused).unwrap();
    }

    #[test]
    fn rows_and_schemas_come_again_in_their_order_without_what_was_refused() {
        let mut replay = Replay::default();
        let schema = |name: &str| StreamSchema { stream: name.into(), ..StreamSchema::default() };
        replay.keep_schema(&schema("a")).unwrap();
        keep(&mut replay, &["1", "2", "3"], &[1]);
        replay.keep_schema(&schema("b")).unwrap();
        replay.keep_schema(&schema("c")).unwrap();
        keep(&mut replay, &["4"], &[]);
        let all = ["schema of a", "1", "3", "schema of b", "schema of c", "4"];
        assert_eq!(drained(&mut replay), all);
        // And again, with what came later.
        keep(&mut replay, &["5"], &[]);
        assert_eq!(drained(&mut replay), [&all[..], &["5"]].concat());
        replay.forget(Known::default()).unwrap();
        assert!(drained(&mut replay).is_empty());
        keep(&mut replay, &["6"], &[]);
        assert_eq!(drained(&mut replay), ["6"]);
    }

    #[test]
    fn more_than_memory_is_to_hold_comes_again_from_the_disk() {
        let mut replay = Replay::default();
        let long = format!("\"{}\"", "x".repeat(100_000));
        for _ in 0..100 {
            keep(&mut replay, &[&long], &[]);
        }
        let all = drained(&mut replay);
        assert!(all.len() == 100 && all.iter().all(|one| *one == long));
    }
}
