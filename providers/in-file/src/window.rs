//! The part of a file that is in memory.

use std::io::{self, Read};

const FIRST_BYTES: usize = 512 << 10;

/// Bytes that were read and not yet used.
#[derive(Debug)]
pub(crate) struct Window {
    buf: Vec<u8>,
    start: usize,
    end: usize,
}

impl Window {
    pub(crate) fn new() -> Self {
        Self { buf: vec![0; FIRST_BYTES], start: 0, end: 0 }
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buf[self.start..self.end]
    }

    /// The first `len` bytes are used.
    #[inline]
    pub(crate) fn consume(&mut self, len: usize) {
        self.start += len;
    }

    /// Reads more; 0 at the end. The window grows only when nothing of it is free.
    pub(crate) fn fill(&mut self, source: &mut impl Read) -> io::Result<usize> {
        if self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buf.len() - self.end < 16 {
            self.buf.resize(self.buf.len() * 2, 0);
        }
        loop {
            match source.read(&mut self.buf[self.end..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
                Ok(n) => {
                    self.end += n;
                    return Ok(n);
                }
            }
        }
    }
}
