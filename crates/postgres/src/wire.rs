//! A plain connection whose messages are read where they lie, without a copy: for COPY, logical
//! replication, and the simple queries around them.

mod inbox;
mod login;
mod message;
mod query;

use std::collections::BTreeMap;

use tokio::io::AsyncWriteExt;

use crate::error::{Error, Result};
use crate::stream::{self, Stream};
use crate::target::Target;

pub use message::Message;
pub use query::Row;

use inbox::Inbox;

/// One connection. Statements run one at a time, by the simple query protocol; values are text.
pub struct Wire {
    stream: Stream,
    inbox: Inbox,
    outbox: Vec<u8>,
    parameters: BTreeMap<String, String>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Wire {
    /// Connects for SQL and COPY.
    ///
    /// # Errors
    /// Where no host can be reached, or the login is refused.
    pub async fn connect(target: &Target) -> Result<Self> {
        stream::connect(target, async |stream| login::login(target, stream, false).await).await
    }

    /// Connects for logical replication of the target's database.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); SQLSTATE 42501 without the permission to replicate.
    pub async fn connect_replication(target: &Target) -> Result<Self> {
        stream::connect(target, async |stream| login::login(target, stream, true).await).await
    }

    /// What the server said of itself when the session began: `server_version`, `server_encoding`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// The next message that is here already, whole. Notices are logged and passed over.
    ///
    /// # Errors
    /// Where the bytes are no message.
    pub fn buffered(&mut self) -> Result<Option<Message<'_>>> {
        self.inbox.next_for_caller(&mut self.parameters)
    }

    /// Waits for more bytes. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// Where the connection ends.
    pub async fn fill(&mut self) -> Result<()> {
        self.inbox.fill(&mut self.stream).await
    }

    /// Sends bytes of a COPY.
    ///
    /// # Errors
    /// Where the connection is lost.
    pub async fn send_copy_data(&mut self, payload: &[u8]) -> Result<()> {
        self.outbox.push(b'd');
        let length = u32::try_from(payload.len() + 4)
            .map_err(|_| Error::Lost("a message is longer than 4 GiB".into()))?;
        self.outbox.extend_from_slice(&length.to_be_bytes());
        self.outbox.extend_from_slice(payload);
        self.flush().await
    }

    /// Takes the messages that are here, whole, out of the connection; `buffered` begins behind
    /// them. For a reader that hands them to another thread.
    pub fn take_buffered(&mut self, into: &mut Vec<u8>) {
        self.inbox.take(into);
    }

    async fn flush(&mut self) -> Result<()> {
        let sent = self.stream.write_all(&self.outbox).await;
        self.outbox.clear();
        sent?;
        Ok(self.stream.flush().await?)
    }
}
