//! A file that holds the messages of one transaction until it is committed. It has no name, so it is
//! gone with the process, however that ends.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use super::xids::Xids;

/// How much is written, or read, at once.
const BLOCK: usize = 128 << 10;

/// Length of the message and number of the (sub-)transaction before each message.
const HEADER: usize = 8;

/// Takes messages.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    /// Not written yet; empty outside a segment.
    waiting: Vec<u8>,
    /// Savepoints that were rolled back.
    rolled_back: Xids,
}

impl Spool {
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        Ok(Self { file, waiting: Vec::new(), rolled_back: Xids::default() })
    }

    /// A message, in two parts; `xid` is that of the savepoint, or of the transaction.
    #[inline]
    pub(super) fn add(&mut self, xid: u32, head: &[u8], rest: &[u8]) -> io::Result<()> {
        let length = u32::try_from(head.len() + rest.len()).map_err(io::Error::other)?;
        self.waiting.extend_from_slice(&length.to_le_bytes());
        self.waiting.extend_from_slice(&xid.to_le_bytes());
        self.waiting.extend_from_slice(head);
        self.waiting.extend_from_slice(rest);
        if self.waiting.len() < BLOCK { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_all(&self.waiting)?;
        self.waiting.clear();
        Ok(())
    }

    /// The segment is over: no memory is kept until the next.
    pub(super) fn rest(&mut self) -> io::Result<()> {
        self.write()?;
        self.waiting = Vec::new();
        Ok(())
    }

    pub(super) fn roll_back(&mut self, savepoint: u32) {
        self.rolled_back.insert(savepoint);
    }

    /// Everything has come.
    pub(super) fn read(mut self) -> io::Result<Spooled> {
        self.write()?;
        self.file.rewind()?;
        let (file, rolled_back) = (self.file, self.rolled_back);
        Ok(Spooled { file, bytes: Vec::new(), place: 0, next: 0, rolled_back })
    }
}

/// Gives the messages back, without those that were rolled back.
#[derive(Debug)]
pub(super) struct Spooled {
    file: File,
    bytes: Vec<u8>,
    /// Where the next message begins.
    place: usize,
    /// Behind the next message.
    next: usize,
    rolled_back: Xids,
}

impl Spooled {
    /// Goes to the next message; `false`: there is none.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        loop {
            self.place = self.next;
            if !self.have(HEADER)? {
                return Ok(false);
            }
            let length = usize::try_from(self.number(0)).map_err(io::Error::other)?;
            let xid = self.number(4);
            if !self.have(HEADER + length)? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.next = self.place + HEADER + length;
            if self.rolled_back.is_empty() || !self.rolled_back.contains(xid) {
                return Ok(true);
            }
        }
    }

    /// The message.
    pub(super) fn message(&self) -> &[u8] {
        &self.bytes[self.place + HEADER..self.next]
    }

    fn number(&self, at: usize) -> u32 {
        let bytes = self.bytes.get(self.place + at..).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    /// Reads on until this much of the message is here; `false` where the file ends before it.
    fn have(&mut self, wanted: usize) -> io::Result<bool> {
        let here = self.bytes.len() - self.place;
        if here >= wanted {
            return Ok(true);
        }
        self.bytes.drain(..self.place);
        self.place = 0;
        self.bytes.shrink_to(BLOCK.max(wanted));
        let missing = u64::try_from(BLOCK.max(wanted) - here).map_err(io::Error::other)?;
        (&self.file).take(missing).read_to_end(&mut self.bytes)?;
        Ok(self.bytes.len() >= wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_any_length_come_back_in_order_without_those_rolled_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(folder.path()).unwrap();
        let lengths = [0, 1, BLOCK - 9, BLOCK - HEADER, BLOCK, 3 * BLOCK, 2, 0];
        for (n, length) in (0u8..).zip(lengths) {
            spool.add(7, &[n], &vec![n; length]).unwrap();
            spool.add(8, b"never", &[]).unwrap();
            if n == 3 {
                spool.rest().unwrap();
            }
        }
        spool.roll_back(8);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it has no name");
        let mut spooled = spool.read().unwrap();
        for (n, length) in (0u8..).zip(lengths) {
            assert!(spooled.advance().unwrap());
            assert_eq!(spooled.message(), vec![n; length + 1]);
        }
        assert!(!spooled.advance().unwrap());
        assert!(spooled.bytes.capacity() <= 2 * BLOCK, "{}", spooled.bytes.capacity());
    }
}
