//! How a data line is laid out: `{"data":…,"metadata":{…}}` and a newline.

use std::io::Write;

use serde::Serialize;

use crate::{Error, Result};

/// The longest line that the host takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(pub(crate) usize);

impl Limit {
    /// `line` without its newline.
    #[inline]
    pub(crate) fn check(self, length: usize, stream: &str) -> Result<()> {
        if length <= self.0 { Ok(()) } else { Err(too_long(length, self.0, stream)) }
    }
}

#[cold]
fn too_long(length: usize, limit: usize, stream: &str) -> Error {
    let of = if stream.is_empty() { String::new() } else { format!(" of the stream `{stream}`") };
    Error::permanent(format!(
        "a line{of} has {length} bytes, and the limit is {limit}; raise `max_line_bytes` of the task"
    ))
}

/// Metadata that was made into bytes once, for rows that all have the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedMetadata {
    tail: Vec<u8>,
    stream: String,
}

impl RenderedMetadata {
    /// Renders [`Metadata`](crate::Metadata), or any type that becomes a JSON object.
    ///
    /// # Errors
    /// Where it cannot become JSON.
    pub fn new(metadata: &impl Serialize) -> Result<Self> {
        let json = serde_json::to_string(metadata)?;
        let value: serde_json::Value = serde_json::from_str(&json)?;
        let stream = value.get("stream").and_then(|s| s.as_str()).unwrap_or_default().to_owned();
        let tail = format!(",\"metadata\":{json}}}").into_bytes();
        Ok(Self { tail, stream })
    }

    /// What follows the row, up to the newline.
    pub(crate) fn tail(&self) -> &[u8] {
        &self.tail
    }

    pub(crate) fn stream(&self) -> &str {
        &self.stream
    }
}

/// Appends one envelope, without its newline.
pub(crate) fn write_envelope(
    out: &mut Vec<u8>,
    data: &impl Serialize,
    before: Option<&impl Serialize>,
    metadata: &impl Serialize,
) -> serde_json::Result<()> {
    out.extend_from_slice(br#"{"data":"#);
    serde_json::to_writer(&mut *out, data)?;
    if let Some(before) = before {
        out.extend_from_slice(br#","before":"#);
        serde_json::to_writer(&mut *out, before)?;
    }
    out.extend_from_slice(br#","metadata":"#);
    serde_json::to_writer(&mut *out, metadata)?;
    out.write_all(b"}").map_err(serde_json::Error::io)
}
