//! Bytes that came, cut into messages.

use std::collections::BTreeMap;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::message::{self, HEADER, Message};
use crate::error::{Error, Result, ServerError};

/// How much is asked for at once; the memory of a connection that has no longer message.
const CHUNK: usize = 256 << 10;

/// No message of the server is longer than this: a row has at most 1 GiB.
const LONGEST: usize = 1 << 30;

/// `bytes[start..end]` has come and was not handed out.
#[derive(Debug)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; CHUNK], start: 0, end: 0 }
    }

    /// The next whole message, if it is here.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Message<'_>>> {
        let Some(length) = self.whole()? else { return Ok(None) };
        let start = self.start;
        self.start += length;
        message::read(&self.bytes[start..start + length]).map(Some)
    }

    /// The same, without those that are for the connection.
    pub(super) fn next_for_caller(
        &mut self,
        parameters: &mut BTreeMap<String, String>,
    ) -> Result<Option<Message<'_>>> {
        // Found by index first: the borrow of one that is passed over must not last.
        loop {
            let Some(length) = self.whole()? else { return Ok(None) };
            let at = self.start;
            match self.bytes[at] {
                b'N' => {
                    let notice = ServerError::read(&self.bytes[at + HEADER..at + length]);
                    tracing::info!("PostgreSQL: {}: {notice}", notice.severity);
                }
                b'S' => message::parameter(&self.bytes[at + HEADER..at + length], parameters),
                _ => return self.next(),
            }
            self.start += length;
        }
    }

    /// Moves the whole messages that are here.
    pub(super) fn take(&mut self, into: &mut Vec<u8>) {
        let mut at = self.start;
        while let Some(length) = length_at(&self.bytes[at..self.end]).filter(|l| at + l <= self.end)
        {
            at += length;
        }
        into.extend_from_slice(&self.bytes[self.start..at]);
        self.start = at;
    }

    /// Waits for more; cancel safe.
    pub(super) async fn fill(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin + ?Sized),
    ) -> Result<()> {
        self.make_room()?;
        let read = stream.read(&mut self.bytes[self.end..]).await?;
        if read == 0 {
            return Err(Error::Lost("the server has closed the connection".into()));
        }
        self.end += read;
        Ok(())
    }

    /// The length of the next message, once all of it is here.
    #[inline]
    fn whole(&self) -> Result<Option<usize>> {
        let here = &self.bytes[self.start..self.end];
        match length_at(here) {
            Some(length) if !(HEADER..=LONGEST).contains(&length) => Err(Error::Lost(format!(
                "a message of {length} bytes cannot be: is it PostgreSQL?"
            ))),
            Some(length) if length <= here.len() => Ok(Some(length)),
            _ => Ok(None),
        }
    }

    /// Moves what is left to the front; grows for a message that does not fit, and shrinks again
    /// behind it.
    fn make_room(&mut self) -> Result<()> {
        self.whole()?;
        let left = self.end - self.start;
        let needed = length_at(&self.bytes[self.start..self.end]).unwrap_or(0).max(CHUNK);
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, left);
        if needed > self.bytes.len() {
            self.bytes.resize(needed, 0);
        } else if left < CHUNK && needed <= CHUNK && self.bytes.len() > CHUNK {
            self.bytes.truncate(CHUNK);
            self.bytes.shrink_to_fit();
        }
        if self.end == self.bytes.len() {
            self.bytes.resize(self.bytes.len() + CHUNK, 0);
        }
        Ok(())
    }
}

/// The length of the message that begins here, with its tag.
#[inline]
fn length_at(bytes: &[u8]) -> Option<usize> {
    let length = bytes.get(1..HEADER)?;
    Some(u32::from_be_bytes(length.try_into().ok()?) as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![b'd'];
        bytes.extend_from_slice(&u32::try_from(payload.len() + 4).unwrap().to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }

    /// Hands out a few bytes at a time.
    struct Drip(Vec<u8>, usize, usize);

    impl AsyncRead for Drip {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            buf: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            let end = (self.1 + self.2.min(buf.remaining())).min(self.0.len());
            buf.put_slice(&self.0[self.1..end]);
            self.1 = end;
            std::task::Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn messages_come_whole_however_the_bytes_are_cut_and_however_long_they_are() {
        let lengths = [0, 1, 7, CHUNK - 5, CHUNK, CHUNK + 1, 3 * CHUNK, 2, 0];
        let payloads: Vec<Vec<u8>> = lengths.iter().map(|&n| vec![b'x'; n]).collect();
        let all: Vec<u8> = payloads.iter().flat_map(|p| message(p)).collect();
        for step in [3, 4096, usize::MAX] {
            let (mut inbox, mut drip) = (Inbox::new(), Drip(all.clone(), 0, step));
            for payload in &payloads {
                loop {
                    match inbox.next().unwrap() {
                        Some(Message::CopyData(data)) => break assert!(data == payload, "{step}"),
                        Some(_) => panic!("another message"),
                        None => {}
                    }
                    inbox.fill(&mut drip).await.unwrap();
                }
            }
            let end = inbox.fill(&mut drip).await.unwrap_err().to_string();
            assert!(end.contains("has closed the connection"), "{end}");
            assert!(inbox.bytes.len() <= CHUNK, "memory is given back");
        }
    }

    #[tokio::test]
    async fn what_is_no_message_is_refused() {
        let (mut inbox, mut drip) = (Inbox::new(), Drip(b"HTTP/1.1 400 Bad".to_vec(), 0, 99));
        inbox.fill(&mut drip).await.unwrap();
        assert!(matches!(inbox.next(), Err(Error::Lost(_))), "its length is out of all range");
    }
}
