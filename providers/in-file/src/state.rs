//! The checkpoint of one file.

use dstream_protocol::Field;
use serde::{Deserialize, Serialize};

use crate::identity::{Fingerprint, Inode};

/// Everything before `offset` was sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct FileState {
    /// Bytes of UTF-8 text, decompressed, behind the byte-order mark.
    pub(crate) offset: u64,
    /// Lines before the offset, for messages.
    pub(crate) line: u64,
    pub(crate) inode: Inode,
    /// The stream of its rows, which stays when the file is renamed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) stream: String,
    pub(crate) fingerprint: Fingerprint,
    /// CSV: the columns, so that a resumed run does not infer other types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) columns: Vec<Field>,
    /// A compressed file that was read to its end had this size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) done_at: Option<u64>,
}
