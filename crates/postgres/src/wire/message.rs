//! The messages of the server that this crate looks at. By "Message Formats" of PostgreSQL's manual.

use std::collections::BTreeMap;

use crate::error::{Error, Result, ServerError};

/// Tag and length.
pub(super) const HEADER: usize = 5;

/// A message, where it lies in the connection's memory.
#[derive(Debug)]
pub enum Message<'a> {
    /// Bytes of a COPY: one row, or one message of replication.
    CopyData(&'a [u8]),
    /// The COPY has ended.
    CopyDone,
    /// COPY begins: out, in or both.
    CopyBegins,
    /// A row of a query: the number of its columns, then each one's length and bytes.
    DataRow(&'a [u8]),
    /// The columns of a query.
    RowDescription,
    /// A statement is done.
    CommandComplete,
    /// The server waits for the next statement.
    ReadyForQuery,
    /// The server refuses.
    Error(Box<ServerError>),
    /// How to log in: a code and what belongs to it.
    Authentication(u32, &'a [u8]),
    /// Anything else.
    Other(u8),
}

impl<'a> Message<'a> {
    /// The message that begins here, as [`take_buffered`](super::Wire::take_buffered) handed it
    /// out, and how long it is; `None`: there is no whole one.
    ///
    /// # Errors
    /// Where the bytes are no message.
    #[inline]
    pub fn first(bytes: &'a [u8]) -> Result<Option<(Self, usize)>> {
        let Some(length) = bytes.get(1..HEADER).and_then(|l| l.try_into().ok()) else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(length) as usize + 1;
        match bytes.get(..length) {
            Some(message) if length >= HEADER => Ok(Some((read(message)?, length))),
            _ => Ok(None),
        }
    }
}

/// Reads one whole message.
#[inline]
pub(super) fn read(bytes: &[u8]) -> Result<Message<'_>> {
    let payload = &bytes[HEADER..];
    Ok(match bytes[0] {
        b'd' => Message::CopyData(payload),
        b'D' => Message::DataRow(payload),
        b'c' => Message::CopyDone,
        b'H' | b'G' | b'W' => Message::CopyBegins,
        b'T' => Message::RowDescription,
        b'C' | b'I' => Message::CommandComplete,
        b'Z' => Message::ReadyForQuery,
        b'E' => Message::Error(Box::new(ServerError::read(payload))),
        b'R' => {
            let (code, rest) = payload.split_first_chunk().ok_or_else(short)?;
            Message::Authentication(u32::from_be_bytes(*code), rest)
        }
        other => Message::Other(other),
    })
}

/// Takes in a `ParameterStatus`: two texts, each ended by a zero byte.
pub(super) fn parameter(payload: &[u8], parameters: &mut BTreeMap<String, String>) {
    let mut texts = payload.split(|&b| b == 0).map(|t| String::from_utf8_lossy(t).into_owned());
    if let (Some(name), Some(value)) = (texts.next(), texts.next()) {
        parameters.insert(name, value);
    }
}

#[cold]
pub(super) fn short() -> Error {
    Error::Lost("a message of the server is too short".into())
}
