//! A block of whole lines, sorted into runs of envelopes and single control lines.

use std::ops::Range;

use dstream_protocol::frame::{CONTROL_PREFIX, is_blank};

use crate::failure::Failure;

/// Bytes of a block, or bytes of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Text {
    /// In the block, newline included.
    At(Range<usize>),
    /// Written by the host, newline included.
    Own(Vec<u8>),
}

/// A part of what is handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// That many envelopes, one after the other.
    Envelopes { text: Text, lines: u64 },
    /// An envelope of version 1 that begins like a control line: version 2 gets it wrapped.
    Foreign { raw: Range<usize>, wrapped: Vec<u8> },
    /// A checkpoint with its id in the task.
    Checkpoint { text: Text, id: u64 },
    /// Any other control line.
    Control { text: Text },
}

/// Decides over the lines that are no plain envelope.
pub(crate) trait Rules {
    /// A run of envelopes passes.
    ///
    /// # Errors
    /// Where none may come here.
    fn envelopes(&mut self, lines: u64, bytes: usize) -> Result<(), Failure>;

    /// A line that begins like a control line, without its newline; `at` is its place in the block,
    /// newline included. `None`: it is not handed on.
    ///
    /// # Errors
    /// Where the line breaks the protocol.
    fn control(&mut self, line: &[u8], at: Range<usize>) -> Result<Option<Piece>, Failure>;
}

/// Sorts a block of whole lines. Blank lines are left out.
pub(crate) fn sort(block: &[u8], rules: &mut impl Rules) -> Result<Vec<Piece>, Failure> {
    let mut pieces = Vec::new();
    let (mut begin, mut lines) = (0, 0);
    let mut at = 0;
    for newline in memchr::memchr_iter(b'\n', block) {
        let line = &block[at..newline];
        let next = newline + 1;
        let plain = !line.starts_with(CONTROL_PREFIX) && !is_blank(line);
        if plain {
            lines += 1;
        } else {
            close(begin..at, lines, rules, &mut pieces)?;
            if !is_blank(line) {
                pieces.extend(rules.control(line, at..next)?);
            }
            (begin, lines) = (next, 0);
        }
        at = next;
    }
    close(begin..at, lines, rules, &mut pieces)?;
    Ok(pieces)
}

fn close(
    run: Range<usize>,
    lines: u64,
    rules: &mut impl Rules,
    pieces: &mut Vec<Piece>,
) -> Result<(), Failure> {
    if lines > 0 {
        rules.envelopes(lines, run.len())?;
        pieces.push(Piece::Envelopes { text: Text::At(run), lines });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct KeepAll(u64);

    impl Rules for KeepAll {
        fn envelopes(&mut self, lines: u64, _bytes: usize) -> Result<(), Failure> {
            self.0 += lines;
            Ok(())
        }

        fn control(&mut self, _: &[u8], at: Range<usize>) -> Result<Option<Piece>, Failure> {
            Ok(Some(Piece::Control { text: Text::At(at) }))
        }
    }

    #[test]
    fn envelopes_run_together_between_control_lines_and_blank_lines_vanish() {
        let block = b"{\"data\":1}\nplain\n\n{\"@end\":{}}\n\r\n{\"data\":2}\n";
        let mut rules = KeepAll(0);
        let pieces = sort(block, &mut rules).unwrap();
        let envelopes = |at, lines| Piece::Envelopes { text: Text::At(at), lines };
        let expected = vec![
            envelopes(0..17, 2),
            Piece::Control { text: Text::At(18..30) },
            envelopes(32..43, 1),
        ];
        assert_eq!(pieces, expected);
        assert_eq!(rules.0, 3);
    }
}
