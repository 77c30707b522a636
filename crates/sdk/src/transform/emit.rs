//! What a transform hands on.

use dstream_protocol::{Account, Control, Metadata, StreamSchema};
use serde::Serialize;

use crate::envelopes::Envelope;
use crate::line::{Limit, RenderedMetadata, write_envelope};
use crate::{Error, Result};

/// Takes what becomes of each envelope, and keeps the account that the host compares.
#[derive(Debug)]
pub struct Emit {
    pub(super) out: Vec<u8>,
    pub(super) account: Account,
    limit: Limit,
}

impl Emit {
    /// Takes lines of up to this many bytes. For tests of a transform; the SDK makes its own.
    pub fn new(max_line_bytes: usize) -> Self {
        Self { out: Vec::new(), account: Account::default(), limit: Limit(max_line_bytes) }
    }

    /// Hands the envelope on as it is.
    #[inline]
    pub fn pass(&mut self, envelope: &Envelope<'_>) {
        self.out.extend_from_slice(envelope.line.as_bytes());
        self.out.push(b'\n');
        self.account.out += 1;
    }

    /// Leaves it out, on purpose.
    #[inline]
    pub fn filter(&mut self, envelope: &Envelope<'_>) {
        let _ = envelope;
        self.account.filtered += 1;
    }

    /// Hands it on with another row; `before` and metadata stay.
    ///
    /// # Errors
    /// Where the row cannot become JSON, or the line is longer than the host's limit.
    pub fn with_data(&mut self, envelope: &Envelope<'_>, data: &impl Serialize) -> Result<()> {
        self.line(|out| {
            out.extend_from_slice(br#"{"data":"#);
            serde_json::to_writer(&mut *out, data)?;
            for (name, part) in [("before", envelope.before), ("metadata", envelope.metadata)] {
                if let Some(json) = part {
                    out.extend_from_slice(format!(r#","{name}":{json}"#).as_bytes());
                }
            }
            out.push(b'}');
            Ok(())
        })
    }

    /// Hands on a new envelope.
    ///
    /// # Errors
    /// As [`with_data`](Self::with_data).
    pub fn push(&mut self, metadata: &Metadata, data: &impl Serialize) -> Result<()> {
        self.line(|out| write_envelope(out, data, None::<&()>, metadata))
    }

    /// The fast path: `fill` appends the row's JSON, as in [`Batch::write`](crate::Batch::write).
    ///
    /// # Errors
    /// Where it holds a newline, or is longer than the host's limit.
    pub fn write(
        &mut self,
        metadata: &RenderedMetadata,
        fill: impl FnOnce(&mut Vec<u8>),
    ) -> Result<()> {
        self.line(|out| {
            out.extend_from_slice(br#"{"data":"#);
            fill(out);
            out.extend_from_slice(metadata.tail());
            Ok(())
        })
    }

    /// Announces a stream's columns.
    ///
    /// # Errors
    /// None today; a later version may check the schema.
    pub fn schema(&mut self, schema: &StreamSchema) -> Result<()> {
        self.control(&Control::Schema(schema.clone()));
        Ok(())
    }

    /// What was handed on, as lines; for tests of a transform.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    pub(super) fn control(&mut self, control: &Control) {
        self.out.extend_from_slice(control.to_line().as_bytes());
    }

    fn line(&mut self, fill: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>) -> Result<()> {
        let start = self.out.len();
        let filled = fill(&mut self.out).map_err(Error::from);
        let line = &self.out[start..];
        let checked = filled.and_then(|()| self.limit.check(line.len(), "")).and_then(|()| {
            if memchr::memchr(b'\n', line).is_none() {
                return Ok(());
            }
            Err(Error::permanent("a row holds a newline"))
        });
        if checked.is_err() {
            self.out.truncate(start);
            return checked;
        }
        self.out.push(b'\n');
        self.account.out += 1;
        Ok(())
    }
}
