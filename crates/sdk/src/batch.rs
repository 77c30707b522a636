//! What an input fills: lines, straight into the buffer that goes to the host.

use std::marker::PhantomData;

use dstream_protocol::{Claim, Control, Metadata, Op, Progress, StreamSchema};
use serde::Serialize;

use crate::line::RenderedMetadata;
use crate::{Error, Result};

mod core;
#[cfg(test)]
mod tests;

pub(crate) use core::{Core, Guard, Written};

/// A batch is full at this size.
const FULL_BYTES: usize = 256 << 10;

/// The lines of one [`read`](crate::InputProvider::read).
///
/// Offer a [`checkpoint`](Self::checkpoint) wherever resuming would be right, as often as there is
/// such a place: the SDK sends the line only when one is due, always exactly there.
#[derive(Debug)]
pub struct Batch<C> {
    pub(crate) core: Core,
    checkpoint: PhantomData<fn(&C)>,
}

impl<C: Serialize> Batch<C> {
    pub(crate) fn new(core: Core) -> Self {
        Self { core, checkpoint: PhantomData }
    }

    /// Adds a row: its stream, what happened to it, its columns.
    ///
    /// # Errors
    /// Where the row cannot become JSON, or is longer than the host's limit.
    pub fn row(&mut self, stream: &str, op: Op, data: &impl Serialize) -> Result<()> {
        #[derive(Serialize)]
        struct Short<'a> {
            stream: &'a str,
            op: Op,
        }
        self.serialise(data, None::<&()>, &Short { stream, op })
    }

    /// Adds a row with all its metadata.
    ///
    /// # Errors
    /// As [`row`](Self::row).
    pub fn envelope(&mut self, metadata: &Metadata, data: &impl Serialize) -> Result<()> {
        self.serialise(data, None::<&()>, metadata)
    }

    /// Adds a change with the row as it was before.
    ///
    /// # Errors
    /// As [`row`](Self::row).
    pub fn change(
        &mut self,
        metadata: &Metadata,
        data: &impl Serialize,
        before: Option<&impl Serialize>,
    ) -> Result<()> {
        self.serialise(data, before, metadata)
    }

    /// Adds a row that is JSON already; checks that it is, on one line.
    ///
    /// # Errors
    /// Where it is not, or is longer than the host's limit. [`reject`](Self::reject) it then.
    pub fn raw(&mut self, metadata: &RenderedMetadata, json: &[u8]) -> Result<()> {
        if !crate::split::is_json(json) || std::str::from_utf8(json).is_err() {
            return Err(Error::permanent("the row is not JSON on one line"));
        }
        self.write(metadata, |out| out.extend_from_slice(json))
    }

    /// The fast path: `fill` appends the row's JSON to the buffer. That it is JSON is up to the
    /// author; that it holds no newline is checked.
    ///
    /// # Errors
    /// Where it holds a newline, or is longer than the host's limit; the line is taken back.
    pub fn write(
        &mut self,
        metadata: &RenderedMetadata,
        fill: impl FnOnce(&mut Vec<u8>),
    ) -> Result<()> {
        let start = self.core.out.len();
        self.core.out.extend_from_slice(br#"{"data":"#);
        fill(&mut self.core.out);
        self.core.out.extend_from_slice(metadata.tail());
        self.core.finish_line(start, metadata.stream())
    }

    /// The fast path for metadata that changes with every row: `fill` appends the whole envelope,
    /// `{"data":…,"metadata":{…}}`, without a newline.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn line(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let start = self.core.out.len();
        fill(&mut self.core.out);
        self.core.finish_line(start, "")
    }

    /// Announces a stream's columns: before its first row in every run, and when they change.
    ///
    /// # Errors
    /// Where the line is longer than the host's limit.
    pub fn schema(&mut self, schema: &StreamSchema) -> Result<()> {
        self.core.control(&Control::Schema(schema.clone()));
        Ok(())
    }

    /// What was read here is no row: it becomes a dead letter. `line` is the envelope, or the
    /// bytes as they were read where there is none.
    ///
    /// # Errors
    /// Where the task keeps no dead letters: return it.
    pub fn reject(&mut self, error: Error, line: &[u8]) -> Result<()> {
        self.core.rejections.reject(line, error)?;
        for rejected in self.core.rejections.take()? {
            self.core.control(&Control::Rejected(rejected));
        }
        Ok(())
    }

    /// Says how far the source is read, for people. The SDK sends a sign of life by itself.
    pub fn progress(&mut self, progress: Progress) {
        self.core.control(&Control::Progress(progress));
    }

    /// Everything so far may be committed; resume here. For an input with one partition.
    ///
    /// # Errors
    /// Where the state cannot become JSON.
    pub fn checkpoint(&mut self, state: &C) -> Result<()> {
        self.checkpoint_part("", state)
    }

    /// Everything so far, of *all* partitions, may be committed, and this one resumes here. Every
    /// partition's last offered state must stand for exactly the rows added so far.
    ///
    /// # Errors
    /// Where the state cannot become JSON.
    pub fn checkpoint_part(&mut self, partition: &str, state: &C) -> Result<()> {
        self.core.offer(partition, |json| serde_json::to_writer(json, state))
    }

    /// The same for several partitions, which move as one: no checkpoint has the new state of one
    /// and the old state of another.
    ///
    /// # Errors
    /// Where a state cannot become JSON.
    pub fn checkpoint_parts<'p>(
        &mut self,
        parts: impl IntoIterator<Item = (&'p str, &'p C)>,
    ) -> Result<()>
    where
        C: 'p,
    {
        for (partition, state) in parts {
            self.core.note(partition, |json| serde_json::to_writer(json, state))?;
        }
        self.core.noted();
        Ok(())
    }

    /// Asks for a partition under a lease's epoch; the answer comes to
    /// [`claimed`](crate::InputProvider::claimed). `group` names the instances that share the
    /// partitions, the same in each of them, wherever it runs.
    pub fn claim(&mut self, partition: &str, epoch: u64, group: Option<&str>) {
        let group = group.map(str::to_owned);
        let claim = Claim { part: partition.into(), epoch, group, from: None };
        self.core.control(&Control::Claim(claim));
    }

    /// Nothing of this batch, nor of the ones behind it, is sent once `valid` says no: for what may
    /// only be read under a lease. It is asked again whenever the host takes a piece, so that what
    /// waits in front of a slow host, or in a process that was stopped, is not sent under a lease
    /// that is over. The run then ends with a transient error. `None`: everything is sent.
    pub fn valid_while(&mut self, valid: Option<Box<dyn Fn() -> bool + Send>>) {
        self.core.valid = valid.map(Guard);
    }

    /// Whether there is enough in it: return from `read`. True as well when the host said stop and
    /// no row was added since a checkpoint was offered.
    pub fn is_full(&self) -> bool {
        self.core.out.len() >= FULL_BYTES || (self.is_stopping() && !self.core.is_open())
    }

    /// Whether nothing was added in this read.
    pub fn is_empty(&self) -> bool {
        self.core.out.is_empty()
    }

    /// Whether the host said stop: return from `read` at the next place where resuming is right.
    pub fn is_stopping(&self) -> bool {
        self.core.stop.is_stopping()
    }

    fn serialise(
        &mut self,
        data: &impl Serialize,
        before: Option<&impl Serialize>,
        metadata: &impl Serialize,
    ) -> Result<()> {
        let start = self.core.out.len();
        let written = crate::line::write_envelope(&mut self.core.out, data, before, metadata);
        if let Err(error) = written {
            self.core.out.truncate(start);
            return Err(Error::from(error).context("the row cannot become JSON"));
        }
        self.core.finish_line(start, "")
    }
}
