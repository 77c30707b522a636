//! One file, read row by row from a checkpoint on.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use dstream_protocol::{Field as Column, FieldType};
use dstream_sdk::{Context as _, Error, ErrorKind, Result};

use crate::config::Config;
use crate::csv::row::RowWriter;
use crate::format::{self, Compression, Format};
use crate::header;
use crate::identity::{Fingerprint, Inode};
use crate::rows::{Item, Rows};
use crate::source::{Layers, Source};
use crate::state::FileState;
use crate::window::Window;

/// Types are inferred from no more than this, however many rows it holds.
const SAMPLE_BYTES: usize = 4 << 20;

/// An open file and the place in it.
pub(crate) struct Reader {
    path: PathBuf,
    source: Source,
    window: Window,
    rows: Rows,
    columns: Vec<Column>,
    row: Vec<u8>,
    offset: u64,
    line: u64,
    max_row_bytes: usize,
    /// A complete file: what follows its last line end is a row as well.
    complete: bool,
    at_end: bool,
    compressed: bool,
    /// The types were not inferred from any row: they must not outlive this run.
    unsampled: bool,
}

/// What [`Reader::next`] found.
pub(crate) enum Found<'a> {
    /// A row's JSON.
    Row(&'a [u8]),
    /// No row: where, why, and its bytes.
    Malformed { line: u64, why: String, bytes: &'a [u8] },
    /// There is no more right now.
    End,
}

impl Reader {
    /// Opens a file at its checkpoint; `named` is the name that says its format. `None`: there is not enough of it yet to know its columns.
    pub(crate) fn open(
        config: &Config,
        path: &Path,
        named: &Path,
        state: &FileState,
        known: &BTreeMap<String, FieldType>,
        complete: bool,
    ) -> Result<Option<Self>> {
        let ending = format::ending(named);
        let Some(format) = config.format.or(ending.format) else {
            return Err(Error::config("format", unknown_format(path)));
        };
        let compression = config.compression.unwrap_or(ending.compression);
        let layers = Layers { compression, encoding: config.encoding()?, follow: config.follow };
        let source = Source::open(path, layers, state.offset)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let mut reader = Self {
            path: path.to_owned(),
            source,
            window: Window::new(),
            rows: Rows::Jsonl { envelopes: config.envelopes },
            columns: state.columns.clone(),
            row: Vec::new(),
            offset: state.offset,
            line: state.line,
            max_row_bytes: usize::try_from(config.max_row_bytes.0).unwrap_or(usize::MAX),
            complete,
            at_end: false,
            compressed: compression != Compression::None,
            unsampled: false,
        };
        if format == Format::Csv && !reader.prepare_csv(config, ending.tabs, known)? {
            return Ok(None);
        }
        Ok(Some(reader))
    }

    /// Columns and types: from the checkpoint, else from the head of the file.
    fn prepare_csv(
        &mut self,
        config: &Config,
        tabs: bool,
        known: &BTreeMap<String, FieldType>,
    ) -> Result<bool> {
        let dialect = config.dialect(tabs)?;
        if self.columns.is_empty() {
            while self.window.bytes().len() < SAMPLE_BYTES && self.fill()? {}
            let head = self.window.bytes();
            let at_end = self.at_end && self.complete;
            let found = header::read(config, dialect, known, head, at_end)
                .map_err(|e| e.context(self.path.display()))?;
            match found {
                Some(header) => {
                    self.advance(header.len, header.lines);
                    self.columns = header.columns;
                    self.unsampled = header.unsampled;
                }
                None if at_end => {}
                None => return Ok(false),
            }
        }
        let writer =
            RowWriter::new(dialect, &self.columns, &config.nulls(), self.source.encoding());
        self.rows = Rows::Csv { dialect, writer, fields: Vec::new() };
        Ok(true)
    }

    /// The next row, or what stands in its place.
    pub(crate) fn next(&mut self) -> Result<Found<'_>> {
        loop {
            let at_end = self.at_end && self.complete;
            let buf = self.window.bytes();
            let mut item = self.rows.next(buf, at_end, &mut self.row);
            if item == Item::Starved {
                if buf.len() <= self.max_row_bytes {
                    if !self.at_end && self.fill()? {
                        continue;
                    }
                    // The end was seen just now: what is left may be a last row.
                    if self.complete && !at_end {
                        continue;
                    }
                    return Ok(Found::End);
                }
                item = self.rows.give_up(buf, self.max_row_bytes);
            }
            match item {
                Item::Row { len, lines } => {
                    self.unsampled = false;
                    self.advance(len, lines);
                    return Ok(Found::Row(&self.row));
                }
                Item::Blank { len } => self.advance(len, 1),
                Item::Malformed { len, content, lines, why } => {
                    let line = self.line + 1;
                    self.row.clear();
                    self.row.extend_from_slice(&self.window.bytes()[..content]);
                    self.advance(len, lines);
                    return Ok(Found::Malformed { line, why, bytes: &self.row });
                }
                Item::Starved => return Ok(Found::End),
            }
        }
    }

    fn advance(&mut self, len: usize, lines: u64) {
        self.window.consume(len);
        self.offset += len as u64;
        self.line += lines;
    }

    /// Reads more into the window; `false` at the end of the file.
    fn fill(&mut self) -> Result<bool> {
        let read = self.window.fill(&mut self.source).map_err(|e| self.unreadable(&e))?;
        self.at_end = read == 0;
        Ok(read > 0)
    }

    fn unreadable(&self, error: &io::Error) -> Error {
        let kind = match error.kind() {
            io::ErrorKind::PermissionDenied => ErrorKind::Auth,
            _ => ErrorKind::Permanent,
        };
        let hint = match (self.compressed, error.kind()) {
            (true, io::ErrorKind::UnexpectedEof) => ": the compressed file is not complete",
            (true, _) => ": the compressed file is damaged",
            _ => "",
        };
        let message =
            format!("cannot read {} after line {}: {error}{hint}", self.path.display(), self.line);
        Error::new(kind, message)
    }

    /// The file may have grown: look for its end again.
    pub(crate) fn look_again(&mut self) {
        self.at_end = false;
    }

    /// Nothing will be added any more: what follows the last line end is a row.
    pub(crate) fn complete(&mut self) {
        self.complete = true;
        self.at_end = false;
    }

    /// Where to resume after the last row that was given out.
    pub(crate) fn state(&self, inode: Inode, stream: &str) -> Result<FileState> {
        if self.unsampled {
            return Ok(FileState { inode, stream: stream.to_owned(), ..FileState::default() });
        }
        let position = self.source.position_of(self.offset);
        let fingerprint = Fingerprint::take(self.source.file(), position)
            .with_context(|| format!("cannot read {}", self.path.display()))?;
        let done = self.at_end && self.complete && self.window.bytes().is_empty();
        let done_at = match done && position.is_none() {
            true => Some(self.source.file().metadata()?.len()),
            false => None,
        };
        Ok(FileState {
            offset: self.offset,
            line: self.line,
            inode,
            stream: stream.to_owned(),
            fingerprint,
            columns: self.columns.clone(),
            done_at,
        })
    }

    /// Bytes of the file that are behind the reader, for people.
    pub(crate) fn raw_position(&self) -> u64 {
        self.source.position_of(self.offset).unwrap_or_else(|| self.source.raw_position())
    }

    /// The columns; none for JSON lines.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub(crate) fn line(&self) -> u64 {
        self.line
    }
}

fn unknown_format(path: &Path) -> String {
    format!(
        "the name `{}` does not say what the file holds: set `format` to \"csv\" or \"jsonl\"",
        path.display()
    )
}
