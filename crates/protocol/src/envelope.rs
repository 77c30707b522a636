//! The data lines: one change or one row each.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::control::Json;

/// One envelope, borrowed from its line. Nothing inside is parsed.
///
/// ```
/// use dstream_protocol::Envelope;
/// let line = r#"{"data":{"id":7},"metadata":{"stream":"people","op":"insert"}}"#;
/// let envelope: Envelope<'_> = serde_json::from_str(line).unwrap();
/// assert_eq!(envelope.data.get(), r#"{"id":7}"#);
/// assert_eq!(envelope.metadata().unwrap().stream.as_deref(), Some("people"));
/// ```
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Envelope<'a> {
    /// The row after the change; before it, for a delete.
    #[serde(borrow)]
    pub data: &'a RawValue,
    /// The row before the change, where the source has it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub before: Option<&'a RawValue>,
    /// [`Metadata`], not parsed yet.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<&'a RawValue>,
}

impl Envelope<'_> {
    /// Parses the metadata; absent is the same as empty.
    pub fn metadata(&self) -> Result<Metadata, serde_json::Error> {
        match self.metadata {
            Some(raw) => serde_json::from_str(raw.get()),
            None => Ok(Metadata::default()),
        }
    }
}

/// What is known of a row beside its columns. Fields that are not listed here are passed on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Metadata {
    /// The stream: `dbo.orders`, `people`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// What happened; `insert` where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<Op>,
    /// When the source committed it, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<String>,
    /// Where in the source it stands. Its shape is the input's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Json>,
    /// The source's transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx: Option<Json>,
    /// The key, for deletes and upserts; the old one where the key itself changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Json>,
    /// Columns that changed nothing and were not sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchanged: Vec<String>,
    /// The epoch of the lease under which it was read, from an input that shares its work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
}

/// What happened to the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// A new row.
    Insert,
    /// A row changed.
    Update,
    /// A row is gone; `data` is the row as it was.
    Delete,
    /// A row as it stands: a snapshot, a query, a file.
    Read,
    /// All rows of the stream are gone.
    Truncate,
    /// Not a row: a message that the source carries.
    Message,
}
