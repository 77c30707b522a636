//! Reads a stream in large pieces and finds the whole lines in them, within a limit a line.

use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncReadExt};

/// What is read at once, and what the buffer goes back to after a long line.
const BASE: usize = 256 << 10;

/// Why no more lines come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    /// A line is longer than the limit.
    #[error("{}: more than {limit} bytes, which is the limit (`max_line_bytes`)", .long)]
    TooLong {
        /// The limit.
        limit: usize,
        /// What is known of the line.
        long: LongLine,
    },
    /// The pipe broke.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A line that is longer than the limit, as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LongLine {
    bytes: usize,
    /// Whether that is all of it.
    whole: bool,
    /// Where what was read says so.
    stream: Option<String>,
}

impl LongLine {
    fn new(line: &[u8], whole: bool) -> Self {
        Self { bytes: line.len(), whole, stream: stream_of(line) }
    }
}

impl fmt::Display for LongLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = self.stream.as_ref().map(|s| format!(" of stream `{s}`")).unwrap_or_default();
        let so_far = if self.whole { "" } else { " so far" };
        write!(f, "a line{of} has {} bytes{so_far}", self.bytes)
    }
}

/// The stream in the metadata, which may stand before or behind the data: of half a line only what
/// stands before is there.
fn stream_of(line: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Metadata {
        stream: Option<String>,
    }
    #[derive(serde::Deserialize)]
    struct Envelope {
        metadata: Option<Metadata>,
    }
    if let Ok(envelope) = serde_json::from_slice::<Envelope>(line) {
        return envelope.metadata?.stream;
    }
    let first = line.strip_prefix(br#"{"metadata":"#)?;
    serde_json::Deserializer::from_slice(first).into_iter::<Metadata>().next()?.ok()?.stream
}

/// A buffered reader of lines that hands out as many whole lines at once as are there.
pub(crate) struct LineReader<R> {
    source: R,
    buffer: Vec<u8>,
    /// Where the unread bytes begin.
    start: usize,
    /// Where the whole lines among them end.
    whole: usize,
    /// Where the unread bytes end.
    end: usize,
    limit: usize,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    pub(crate) fn new(source: R, limit: usize) -> Self {
        Self { source, buffer: vec![0; BASE], start: 0, whole: 0, end: 0, limit }
    }

    /// Reads once. `false`: the stream has ended. Nothing is lost when the future is dropped.
    pub(crate) async fn fill(&mut self) -> Result<bool, LineError> {
        self.make_room()?;
        let read = self.source.read(&mut self.buffer[self.end..]).await?;
        let fresh = self.end;
        self.end += read;
        if let Some(i) = memchr::memrchr(b'\n', &self.buffer[fresh..self.end]) {
            let begin = self.whole.max(self.start);
            self.whole = fresh + i + 1;
            let new = &self.buffer[begin..self.whole];
            // As a rule all new lines together are shorter than one may be.
            if new.len() > self.limit
                && let Some(long) = new.split(|b| *b == b'\n').find(|l| l.len() > self.limit)
            {
                let long = LongLine::new(long, true);
                return Err(LineError::TooLong { limit: self.limit, long });
            }
        }
        if self.rest().len() > self.limit {
            let long = LongLine::new(self.rest(), false);
            return Err(LineError::TooLong { limit: self.limit, long });
        }
        Ok(read > 0)
    }

    /// The whole lines that are there, each with its newline.
    pub(crate) fn lines(&self) -> &[u8] {
        &self.buffer[self.start..self.whole.max(self.start)]
    }

    /// The first whole line, without its newline.
    pub(crate) fn first(&self) -> Option<&[u8]> {
        let lines = self.lines();
        memchr::memchr(b'\n', lines).map(|i| &lines[..i])
    }

    /// What follows the last newline.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.buffer[self.whole.max(self.start)..self.end]
    }

    /// Drops that many bytes from the front.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        debug_assert!(self.start <= self.end);
        self.whole = self.whole.max(self.start);
    }

    /// The next line without its newline, as it is kept by callers for which lines are rare.
    /// `None`: the stream has ended; what follows the last newline is dropped then.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, LineError> {
        loop {
            if let Some(line) = self.first() {
                let line = line.to_vec();
                self.consume(line.len() + 1);
                return Ok(Some(line));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    fn make_room(&mut self) -> Result<(), LineError> {
        let kept = self.end - self.start;
        if kept == 0 {
            (self.start, self.whole, self.end) = (0, 0, 0);
            if self.buffer.len() > BASE {
                self.buffer = vec![0; BASE];
            }
        }
        if self.end < self.buffer.len() {
            return Ok(());
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.whole -= self.start;
            (self.start, self.end) = (0, kept);
        } else {
            let room = (self.buffer.len() * 2).min(self.limit + BASE);
            self.buffer.resize(room, 0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(input: &[u8], limit: usize) -> Result<(Vec<Vec<u8>>, Vec<u8>), LineError> {
        let mut reader = LineReader::new(input, limit);
        let mut lines = Vec::new();
        while let Some(line) = reader.next().await? {
            lines.push(line);
        }
        Ok((lines, reader.rest().to_vec()))
    }

    #[tokio::test]
    async fn lines_come_whole_whatever_their_length_and_half_a_line_is_the_rest() {
        let long = vec![b'x'; 3 * BASE + 17];
        let mut input = b"a\n\nbc\n".to_vec();
        input.extend_from_slice(&long);
        input.extend_from_slice(b"\nhalf");
        let (lines, rest) = all(&input, 10 * BASE).await.unwrap();
        assert_eq!(lines, [b"a".to_vec(), Vec::new(), b"bc".to_vec(), long]);
        assert_eq!(rest, b"half");
    }

    #[tokio::test]
    async fn a_line_over_the_limit_is_an_error_and_one_at_the_limit_is_not() {
        let mut input = vec![b'x'; 1000];
        input.push(b'\n');
        assert_eq!(all(&input, 1000).await.unwrap().0.len(), 1);
        input.insert(0, b'x');
        input.truncate(1001);
        assert!(matches!(all(&input, 1000).await, Err(LineError::TooLong { limit: 1000, .. })));
        // Also where its end comes in the same read.
        input.extend_from_slice(b"x\nshort\n");
        assert!(matches!(all(&input, 1000).await, Err(LineError::TooLong { limit: 1000, .. })));
    }

    #[tokio::test]
    async fn of_a_line_over_the_limit_size_and_stream_are_told_as_far_as_they_are_known() {
        let x = "x".repeat(1000);
        for (line, wanted) in [
            (format!("{{\"data\":\"{x}\""), "a line has 1010 bytes so far: more than 1000 bytes"),
            (
                format!("{{\"data\":\"{x}\",\"metadata\":{{\"stream\":\"s\"}}}}\n"),
                "a line of stream `s` has 1037 bytes: more than",
            ),
            (
                format!("{{\"metadata\":{{\"op\":\"insert\",\"stream\":\"s\"}},\"data\":\"{x}"),
                "a line of stream `s` has 1049 bytes so far: more than",
            ),
            (
                format!("{{\"data\":{{\"metadata\":{{\"stream\":\"no\"}},\"a\":\"{x}\"}}}}\n"),
                "a line has 1044 bytes: more than",
            ),
            (format!("{x}x\n"), "a line has 1001 bytes: more than 1000 bytes, which is the limit"),
        ] {
            let error = all(line.as_bytes(), 1000).await.unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{error}");
        }
    }

    #[tokio::test]
    async fn many_lines_at_once_are_handed_out_without_a_copy_each() {
        let input = b"one\ntwo\nthree".as_slice();
        let mut reader = LineReader::new(input, 100);
        assert!(reader.fill().await.unwrap());
        assert_eq!(reader.lines(), b"one\ntwo\n");
        assert_eq!(reader.first(), Some(&b"one"[..]));
        reader.consume(8);
        assert_eq!((reader.lines(), reader.rest()), (&b""[..], &b"three"[..]));
        assert!(!reader.fill().await.unwrap());
    }
}
