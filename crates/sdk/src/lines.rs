//! What came in on stdin: whole lines, and where among them the control lines stand.

use std::collections::VecDeque;
use std::sync::LazyLock;

use dstream_protocol::{LineKind, classify, limits};
use memchr::memmem::Finder;

use crate::{Error, Result};

/// A control line begins like this, behind a newline; data lines hold no newline inside.
static CONTROL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\n{\"@"));

/// A control line's place, its newline included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: Kind,
}

/// What a transform or an output does at a control line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Checkpoint,
    Schema,
    End,
    Claim,
    Committed,
    /// Not for us, or of a later version: ignored.
    Other,
}

impl Kind {
    fn of(line: &[u8]) -> Self {
        match classify(line) {
            LineKind::Control("checkpoint") => Self::Checkpoint,
            LineKind::Control("schema") => Self::Schema,
            LineKind::Control("end") => Self::End,
            LineKind::Control("claim") => Self::Claim,
            LineKind::Control("committed") => Self::Committed,
            _ => Self::Other,
        }
    }
}

/// The lines that were read and not handed over yet.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) text: Vec<u8>,
    /// Control lines in `text`, in order. None in version 1, where all lines are data.
    pub(crate) marks: VecDeque<Mark>,
    /// Where the first line begins whose end was not read yet.
    whole: usize,
    controls: bool,
    limit: usize,
}

impl Lines {
    pub(crate) fn new(text: Vec<u8>, controls: bool, max_line_bytes: usize) -> Self {
        let limit = max_line_bytes.saturating_add(limits::MAX_LINE_HEADROOM_BYTES);
        // Spans are 32 bits wide; what is read ahead of a line fits into the other half.
        let limit = limit.min(crate::split::MAX_SPLIT_BYTES / 2);
        Self { text, marks: VecDeque::new(), whole: 0, controls, limit }
    }

    /// Looks at what was appended to `text`. Answers how many marks are new.
    ///
    /// # Errors
    /// Where a line is longer than any that the host may send: memory is bounded.
    pub(crate) fn scan(&mut self) -> Result<usize> {
        let before = self.marks.len();
        let end = memchr::memrchr(b'\n', &self.text[self.whole..]);
        let Some(end) = end.map(|at| self.whole + at + 1) else {
            return self.check_unfinished().map(|()| 0);
        };
        if self.controls {
            self.mark(self.whole, end);
        }
        self.whole = end;
        self.check_unfinished()?;
        Ok(self.marks.len() - before)
    }

    /// Where the last whole line ends.
    pub(crate) fn whole(&self) -> usize {
        self.whole
    }

    /// Where the last closed interval ends: behind the last checkpoint or end.
    pub(crate) fn closed(&self) -> usize {
        let closing = |mark: &&Mark| matches!(mark.kind, Kind::Checkpoint | Kind::End);
        self.marks.iter().rev().find(closing).map_or(0, |mark| mark.end)
    }

    /// Takes the first control line that ends before `to`.
    pub(crate) fn next_mark(&mut self, to: usize) -> Option<Mark> {
        let first = self.marks.front()?;
        if first.end <= to { self.marks.pop_front() } else { None }
    }

    /// The first `length` bytes were handed over.
    pub(crate) fn consume(&mut self, length: usize) {
        self.text.drain(..length);
        self.whole -= length;
        self.marks.retain_mut(|mark| {
            let stays = mark.start >= length;
            if stays {
                mark.start -= length;
                mark.end -= length;
            }
            stays
        });
    }

    /// At the end of stdin: a last line without newline becomes a whole one.
    pub(crate) fn complete_last(&mut self) {
        if self.whole < self.text.len() {
            self.text.push(b'\n');
        }
    }

    fn mark(&mut self, from: usize, to: usize) {
        let mut at = from;
        if self.text[from..to].starts_with(&CONTROL.needle()[1..]) {
            at = self.mark_one(from, to);
        }
        // From the newline before, so that a line right behind a control line is seen.
        let mut at = at.saturating_sub(1);
        while let Some(found) = CONTROL.find(&self.text[at..to]) {
            at = self.mark_one(at + found + 1, to) - 1;
        }
    }

    fn mark_one(&mut self, start: usize, to: usize) -> usize {
        let end = memchr::memchr(b'\n', &self.text[start..to]).map_or(to, |n| start + n + 1);
        let kind = Kind::of(&self.text[start..end]);
        self.marks.push_back(Mark { start, end, kind });
        end
    }

    fn check_unfinished(&self) -> Result<()> {
        let length = self.text.len() - self.whole;
        if length <= self.limit {
            return Ok(());
        }
        Err(Error::permanent(format!(
            "a line on stdin has more than {} bytes; raise `max_line_bytes` of the task",
            self.limit
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"{\"@schema\":{}}\n{\"data\":1}\n\n{\"@x\":{}}\n{\"@checkpoint\":{}}\n{\"data\":2}\n{\"@end\":{}}\n";

    /// Every way to cut the text into two reads finds the same marks.
    #[test]
    fn control_lines_are_found_however_the_reads_fall() {
        let kinds = [Kind::Schema, Kind::Other, Kind::Checkpoint, Kind::End];
        for cut in 0..=TEXT.len() {
            let mut lines = Lines::new(TEXT[..cut].to_vec(), true, 100);
            lines.scan().unwrap();
            lines.text.extend_from_slice(&TEXT[cut..]);
            lines.scan().unwrap();
            assert!(lines.marks.iter().map(|m| m.kind).eq(kinds), "{cut}: {:?}", lines.marks);
            assert_eq!((lines.whole(), lines.closed()), (TEXT.len(), TEXT.len()));
        }
    }

    #[test]
    fn an_open_interval_is_what_follows_the_last_checkpoint() {
        let open = TEXT.len() - "{\"@end\":{}}\n".len();
        let mut lines = Lines::new(TEXT[..open].to_vec(), true, 100);
        lines.scan().unwrap();
        let closed = lines.closed();
        assert_eq!(&lines.text[closed..], b"{\"data\":2}\n");
        lines.consume(closed);
        assert_eq!((lines.closed(), lines.whole(), lines.marks.len()), (0, 11, 0));
    }

    #[test]
    fn in_version_1_every_line_is_data() {
        let mut lines = Lines::new(TEXT.to_vec(), false, 100);
        assert_eq!((lines.scan().unwrap(), lines.whole()), (0, TEXT.len()));
    }

    #[test]
    fn a_line_without_end_is_refused_at_the_limit() {
        let mut lines = Lines::new(vec![b'x'; 100 + limits::MAX_LINE_HEADROOM_BYTES], true, 100);
        assert!(lines.scan().is_ok());
        lines.text.push(b'x');
        assert!(lines.scan().unwrap_err().to_string().contains("max_line_bytes"));
    }
}
