//! The input: reads its files one after another, or follows them.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use dstream_protocol::{Field, FieldType, Progress, StreamSchema};
use dstream_sdk::{Batch, Error, InputProvider, InputStart, Next, Result};

use crate::config::{Config, OnError};
use crate::files;
use crate::reader::Found;
use crate::state::FileState;
use crate::tail::Tail;
use crate::tails;

/// Beyond this many files, those without news are closed between two looks.
const MAX_OPEN: usize = 200;
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Reads files.
pub(crate) struct FileInput {
    config: Config,
    tails: VecDeque<Tail>,
    /// The columns that were announced last, by stream.
    announced: BTreeMap<String, Vec<Field>>,
    looked: Instant,
    progressed: Instant,
    finished_bytes: u64,
}

/// How a file's turn ended.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    /// The batch is full.
    Full,
    /// There is no more in the file right now.
    Empty,
}

impl InputProvider for FileInput {
    type Config = Config;
    type Checkpoint = FileState;

    async fn open(config: Config, mut start: InputStart<FileState>) -> Result<Self> {
        config.check()?;
        let states = std::mem::take(&mut start.checkpoint);
        let listing = files::list(&config)?;
        let tails = tails::resume(&config, states, &listing)?;
        let (tails, now) = (tails.into(), Instant::now());
        let announced = BTreeMap::new();
        Ok(Self { config, tails, announced, looked: now, progressed: now, finished_bytes: 0 })
    }

    fn fingerprint(&self) -> Option<String> {
        // `./people.csv` is `people.csv`.
        let path: std::path::PathBuf =
            std::path::Path::new(&self.config.path).components().collect();
        let path = path.strip_prefix(".").unwrap_or(&path).display().to_string();
        Some(format!("file:{path}"))
    }

    async fn read(&mut self, batch: &mut Batch<FileState>) -> Result<Next> {
        if self.config.follow && self.looked.elapsed() >= *self.config.poll_interval {
            self.look_again()?;
        }
        let next = if self.config.follow { self.follow(batch)? } else { self.one_by_one(batch)? };
        if self.progressed.elapsed() >= PROGRESS_EVERY {
            self.progressed = Instant::now();
            batch.progress(self.progress());
        }
        Ok(next)
    }
}

impl FileInput {
    /// Each file to its end, in the order of their names.
    fn one_by_one(&mut self, batch: &mut Batch<FileState>) -> Result<Next> {
        while let Some(tail) = self.tails.front_mut() {
            let turn = take_turn(&self.config, &mut self.announced, tail, batch)?;
            if turn == Turn::Full {
                return Ok(Next::More);
            }
            if let Some(done) = self.tails.pop_front() {
                self.finished_bytes += done.done_bytes();
            }
        }
        Ok(Next::End)
    }

    /// Every file as far as it goes; the one that filled the batch comes last next time.
    fn follow(&mut self, batch: &mut Batch<FileState>) -> Result<Next> {
        let many = self.tails.len() > MAX_OPEN;
        for _ in 0..self.tails.len() {
            let Some(mut tail) = self.tails.pop_front() else { break };
            let last_turn = self.is_over(&tail);
            let nothing = tail.is_idle() && !tail.moved;
            if !last_turn && (nothing || self.waits_for_its_predecessor(&tail)) {
                self.tails.push_back(tail);
                continue;
            }
            if let (true, Some(reader)) = (last_turn, &mut tail.reader) {
                reader.complete();
            }
            let turn = take_turn(&self.config, &mut self.announced, &mut tail, batch)?;
            if turn == Turn::Empty && last_turn {
                self.finished_bytes += tail.done_bytes();
                continue;
            }
            if many && turn == Turn::Empty {
                tail.reader = None;
            }
            self.tails.push_back(tail);
            if turn == Turn::Full {
                return Ok(Next::More);
            }
        }
        Ok(if batch.is_empty() { Next::Wait(*self.config.poll_interval) } else { Next::More })
    }

    /// A rotated file is read for some time after it has lost its name.
    fn is_over(&self, tail: &Tail) -> bool {
        tail.retired.is_some_and(|since| since.elapsed() >= *self.config.rotate_wait)
    }

    /// The file that had this name before is read first, so that order is kept.
    fn waits_for_its_predecessor(&self, tail: &Tail) -> bool {
        let older = |t: &Tail| t.retired.is_some() && t.partition == tail.partition;
        tail.retired.is_none() && self.tails.iter().any(older)
    }

    fn look_again(&mut self) -> Result<()> {
        let listing = files::list(&self.config)?;
        let tails = std::mem::take(&mut self.tails);
        self.tails = tails::look_again(&self.config, tails.into(), &listing)?.into();
        self.looked = Instant::now();
        Ok(())
    }

    fn progress(&self) -> Progress {
        let done = self.finished_bytes + self.tails.iter().map(Tail::done_bytes).sum::<u64>();
        let ahead: u64 = self.tails.iter().map(|t| t.found.len.max(t.done_bytes())).sum();
        let position = self.tails.front().map(|tail| {
            let line = tail.reader.as_ref().map_or(tail.state.line, |r| r.line());
            serde_json::json!({"file": tail.partition, "line": line})
        });
        let total = Some(self.finished_bytes + ahead);
        Progress { position, done: Some(done), total, ..Progress::default() }
    }
}

/// Reads from one file until it ends or the batch is full.
fn take_turn(
    config: &Config,
    announced: &mut BTreeMap<String, Vec<Field>>,
    tail: &mut Tail,
    batch: &mut Batch<FileState>,
) -> Result<Turn> {
    if tail.state.done_at == Some(tail.found.len) && tail.reader.is_none() {
        offer(tail, batch)?;
        return Ok(Turn::Empty);
    }
    if !tail.open(config, &known_types(announced, &tail.stream))? {
        tail.idle_at = Some(tail.found.len);
        return Ok(Turn::Empty);
    }
    announce(config, announced, tail, batch)?;
    let turn = pump(config, tail, batch)?;
    if turn == Turn::Empty {
        tail.idle_at = Some(tail.found.len);
    }
    tail.save()?;
    batch.checkpoint_part(&tail.partition, &tail.state)?;
    Ok(turn)
}

/// A file that was renamed has a new partition, even when nothing was read of it.
fn offer(tail: &mut Tail, batch: &mut Batch<FileState>) -> Result<()> {
    if std::mem::take(&mut tail.moved) {
        batch.checkpoint_part(&tail.partition, &tail.state)?;
    }
    Ok(())
}

fn pump(config: &Config, tail: &mut Tail, batch: &mut Batch<FileState>) -> Result<Turn> {
    let Some(reader) = &mut tail.reader else { return Ok(Turn::Empty) };
    reader.look_again();
    while !batch.is_full() {
        match reader.next()? {
            Found::Row(row) if config.envelopes => batch.line(|out| out.extend_from_slice(row))?,
            Found::Row(row) => batch.write(&tail.metadata, |out| out.extend_from_slice(row))?,
            Found::End => return Ok(Turn::Empty),
            Found::Malformed { line, why, bytes } => {
                let place = format!("{}, line {line}: {why}", tail.found.path.display());
                malformed(config, Error::permanent(place), bytes, batch)?;
            }
        }
    }
    Ok(Turn::Full)
}

fn malformed(
    config: &Config,
    error: Error,
    bytes: &[u8],
    batch: &mut Batch<FileState>,
) -> Result<()> {
    match config.on_error {
        OnError::Reject => batch.reject(error, bytes),
        OnError::Fail => Err(error),
    }
}

/// A column that an earlier file of the stream had keeps its type.
fn known_types(
    announced: &BTreeMap<String, Vec<Field>>,
    stream: &str,
) -> BTreeMap<String, FieldType> {
    let fields = announced.get(stream).map(Vec::as_slice).unwrap_or_default();
    fields.iter().map(|field| (field.name.clone(), field.kind)).collect()
}

/// The stream's schema, before its first row in this run and when a file's columns are others.
fn announce(
    config: &Config,
    announced: &mut BTreeMap<String, Vec<Field>>,
    tail: &Tail,
    batch: &mut Batch<FileState>,
) -> Result<()> {
    let Some(reader) = &tail.reader else { return Ok(()) };
    let columns = reader.columns();
    if columns.is_empty() || announced.get(&tail.stream).is_some_and(|last| last == columns) {
        return Ok(());
    }
    batch.schema(&StreamSchema {
        stream: tail.stream.clone(),
        key: config.key.clone(),
        fields: columns.to_vec(),
        ..StreamSchema::default()
    })?;
    announced.insert(tail.stream.clone(), columns.to_vec());
    Ok(())
}
