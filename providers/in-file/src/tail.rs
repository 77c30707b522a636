//! One file of the input, from its checkpoint to wherever it ends.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::Instant;

use dstream_protocol::{FieldType, Metadata, Op};
use dstream_sdk::{RenderedMetadata, Result};

use crate::config::Config;
use crate::files::Found;
use crate::format;
use crate::reader::Reader;
use crate::state::FileState;

/// A file that is read, was read, or waits its turn.
pub(crate) struct Tail {
    pub(crate) partition: String,
    pub(crate) found: Found,
    pub(crate) state: FileState,
    pub(crate) reader: Option<Reader>,
    pub(crate) stream: String,
    pub(crate) metadata: RenderedMetadata,
    /// It has lost its name to rotation, and when that was noticed.
    pub(crate) retired: Option<Instant>,
    /// The size at which there was no more to read.
    pub(crate) idle_at: Option<u64>,
    /// Its state was not yet offered under its present name.
    pub(crate) moved: bool,
}

impl Tail {
    pub(crate) fn new(
        config: &Config,
        partition: &str,
        found: Found,
        state: FileState,
    ) -> Result<Self> {
        let kept = (!state.stream.is_empty()).then(|| state.stream.clone());
        let named = || format::stem(partition.as_ref());
        let stream = config.stream.clone().or(kept).unwrap_or_else(named);
        let metadata = rendered(&stream)?;
        let partition = partition.to_owned();
        let (reader, retired, idle_at) = (None, None, None);
        Ok(Self {
            partition,
            found,
            state,
            reader,
            stream,
            metadata,
            retired,
            idle_at,
            moved: false,
        })
    }

    /// From the first byte, as a new file.
    pub(crate) fn fresh(config: &Config, partition: &str, found: Found) -> Result<Self> {
        let state = FileState { inode: found.inode, ..FileState::default() };
        Self::new(config, partition, found, state)
    }

    /// Opens the file where it is not open; `false`: there is not enough of it yet.
    pub(crate) fn open(
        &mut self,
        config: &Config,
        known: &BTreeMap<String, FieldType>,
    ) -> Result<bool> {
        if self.reader.is_none() {
            let complete = !config.follow;
            self.reader = Reader::open(
                config,
                &self.found.path,
                self.partition.as_ref(),
                &self.state,
                known,
                complete,
            )?;
        }
        Ok(self.reader.is_some())
    }

    /// Whether nothing was added since there was no more to read.
    pub(crate) fn is_idle(&self) -> bool {
        self.idle_at == Some(self.found.len) || self.state.done_at == Some(self.found.len)
    }

    /// Notes the reader's place.
    pub(crate) fn save(&mut self) -> Result<()> {
        if let Some(reader) = &self.reader {
            self.state = reader.state(self.found.inode, &self.stream)?;
        }
        self.moved = false;
        Ok(())
    }

    /// Whether the file under `found.path` still begins and goes on as what was read.
    pub(crate) fn is_same(&self) -> bool {
        is_same(&self.state, &self.found)
    }

    /// Bytes of the file that were read, for people.
    pub(crate) fn done_bytes(&self) -> u64 {
        match &self.reader {
            Some(reader) => reader.raw_position(),
            None => self.state.done_at.unwrap_or(self.state.offset).min(self.found.len),
        }
    }
}

fn rendered(stream: &str) -> Result<RenderedMetadata> {
    let stream = Some(stream.to_owned());
    RenderedMetadata::new(&Metadata { stream, op: Some(Op::Read), ..Metadata::default() })
}

/// Whether the file is the one that the state was taken of, only longer perhaps.
pub(crate) fn is_same(state: &FileState, found: &Found) -> bool {
    if state.done_at.is_some_and(|len| len > found.len) {
        return false;
    }
    File::open(&found.path).and_then(|file| state.fingerprint.matches(&file)).unwrap_or(false)
}
