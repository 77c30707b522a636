//! The part of a batch that does not depend on the checkpoint's type.

use std::collections::BTreeMap;
use std::time::Duration;

use dstream_protocol::{Control, Json};
use serde_json::value::RawValue;

use crate::cadence::Clock;
use crate::line::Limit;
use crate::rejections::Rejections;
use crate::stop::Stop;
use crate::{Error, Result};

/// What a partition's state was when it was last offered.
#[derive(Debug, Default)]
struct Part {
    json: Vec<u8>,
    moved: bool,
}

/// A checkpoint line that was written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) id: u64,
    pub(crate) states: Vec<(String, Json)>,
}

/// Lines to send, and where in them resuming is right.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) out: Vec<u8>,
    pub(crate) rejections: Rejections,
    pub(crate) stop: Stop,
    /// Version 1 has no control lines.
    controls: bool,
    limit: Limit,
    clock: Clock,
    parts: BTreeMap<String, Part>,
    /// The state that is just being offered; its memory is used again.
    rendered: Vec<u8>,
    /// Where in `out` resuming is right: the last offer. `None`: nowhere in this batch.
    safe: Option<usize>,
    /// Whether rows followed the last offer, or the last checkpoint line where that is later.
    open: bool,
    /// Whether something was offered and not written yet.
    pending: bool,
    last_id: u64,
    written: Vec<Written>,
    /// What is in the batch may only be sent while this says so.
    pub(crate) valid: Option<Guard>,
}

/// Says whether something may still be sent.
pub(crate) struct Guard(pub(crate) Box<dyn Fn() -> bool + Send>);

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

impl Core {
    pub(crate) fn new(
        controls: bool,
        limit: usize,
        clock: Clock,
        rejections: Rejections,
        stop: Stop,
    ) -> Self {
        Self {
            out: Vec::new(),
            rejections,
            stop,
            controls,
            limit: Limit(limit),
            clock,
            parts: BTreeMap::new(),
            rendered: Vec::new(),
            safe: Some(0),
            open: false,
            pending: false,
            last_id: 0,
            written: Vec::new(),
            valid: None,
        }
    }

    /// Ends the line that began at `start`, or takes it back.
    #[inline]
    pub(crate) fn finish_line(&mut self, start: usize, stream: &str) -> Result<()> {
        let line = &self.out[start..];
        let checked = self.limit.check(line.len(), stream).and_then(|()| one_line(line));
        if let Err(error) = checked {
            self.out.truncate(start);
            return Err(error);
        }
        self.out.push(b'\n');
        self.clock.count(self.out.len() - start);
        self.open = true;
        self.pending = false;
        Ok(())
    }

    /// Adds a control line, where the host knows them.
    pub(crate) fn control(&mut self, control: &Control) {
        if self.controls {
            self.out.extend_from_slice(control.to_line().as_bytes());
        }
    }

    /// Notes a partition's state; writes a checkpoint line when one is due.
    pub(crate) fn offer(
        &mut self,
        partition: &str,
        render: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
    ) -> Result<()> {
        self.note(partition, render)?;
        self.noted();
        Ok(())
    }

    /// Notes a partition's state. It counts with [`noted`](Self::noted).
    pub(crate) fn note(
        &mut self,
        partition: &str,
        render: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
    ) -> Result<()> {
        self.rendered.clear();
        render(&mut self.rendered)
            .map_err(|e| Error::from(e).context("the checkpoint cannot become JSON"))?;
        if !self.parts.contains_key(partition) {
            self.parts.insert(partition.to_owned(), Part::default());
        }
        if let Some(part) = self.parts.get_mut(partition)
            && part.json != self.rendered
        {
            std::mem::swap(&mut part.json, &mut self.rendered);
            part.moved = true;
        }
        Ok(())
    }

    /// All states stand for the rows so far; writes a checkpoint line when one is due.
    pub(crate) fn noted(&mut self) {
        self.mark_safe();
        if self.clock.is_due() {
            self.write_checkpoint();
        }
    }

    /// Resuming here is right, though no state moved: for an input without any.
    pub(crate) fn mark_safe(&mut self) {
        self.safe = Some(self.out.len());
        self.open = false;
        self.pending = true;
    }

    /// Writes what was offered, if it still stands where it was offered.
    pub(crate) fn write_offered(&mut self, only_when_due: bool) {
        if self.pending && (!only_when_due || self.clock.is_due()) {
            self.write_checkpoint();
        }
    }

    /// How long until what was offered is due; `None`: nothing was.
    pub(crate) fn offered_in(&self) -> Option<Duration> {
        self.pending.then(|| self.clock.due_in())
    }

    /// Whether what was sent or is here can end where resuming is right.
    pub(crate) fn can_be_safe(&self) -> bool {
        self.safe.is_some()
    }

    /// Takes back the rows that followed the last offer.
    pub(crate) fn cut_to_safe(&mut self) {
        if let (Some(safe), true) = (self.safe, self.open) {
            self.out.truncate(safe);
            self.open = false;
            self.pending = true;
        }
    }

    /// The lines have been sent: the next batch begins empty.
    pub(crate) fn sent(&mut self) {
        self.out.clear();
        self.safe = (!self.open).then_some(0);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    pub(crate) fn last_id(&self) -> u64 {
        self.last_id
    }

    /// The checkpoint lines written since this was last asked.
    pub(crate) fn take_written(&mut self) -> Vec<Written> {
        std::mem::take(&mut self.written)
    }

    fn write_checkpoint(&mut self) {
        self.pending = false;
        let lines = self.clock.open_lines();
        let moved = self.parts.iter_mut().filter(|(_, part)| part.moved);
        let states: Vec<(String, Json)> = moved
            .filter_map(|(name, part)| {
                part.moved = false;
                let state = serde_json::from_slice::<&RawValue>(&part.json).ok()?;
                Some((name.clone(), state.to_owned()))
            })
            .collect();
        // An offer that repeats the one before says nothing new.
        if !self.controls || (states.is_empty() && lines == 0) {
            return;
        }
        self.clock.reset();
        self.last_id += 1;
        let checkpoint = dstream_protocol::Checkpoint {
            id: self.last_id,
            state: states.iter().cloned().collect(),
            ..Default::default()
        };
        self.control(&Control::Checkpoint(checkpoint));
        self.safe = Some(self.out.len());
        self.written.push(Written { id: self.last_id, states });
    }
}

#[inline]
fn one_line(line: &[u8]) -> Result<()> {
    match memchr::memchr(b'\n', line) {
        None => Ok(()),
        Some(at) => {
            Err(Error::permanent(format!("a row holds a newline, at byte {at} of its line")))
        }
    }
}
