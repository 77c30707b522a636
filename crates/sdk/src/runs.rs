//! Turns data lines into runs of envelopes; what is no envelope is rejected by itself.

use dstream_protocol::frame::is_blank;

use crate::rejections::Rejections;
use crate::split::{self, Slot};
use crate::{Envelopes, Error, Result};

/// A run is handed over at this size.
const RUN_BYTES: usize = 1 << 20;

/// Collects the slots of one run after another; its memory is used again.
#[derive(Debug, Default)]
pub(crate) struct Run {
    slots: Vec<Slot>,
    bytes: usize,
}

/// A text that is known to be UTF-8, and the lines in it that were blanked because they were not.
#[derive(Debug)]
pub(crate) struct Checked {
    bad: Vec<usize>,
}

impl Checked {
    /// Blanks and rejects the lines that are no UTF-8. Answers how many.
    pub(crate) fn new(text: &mut [u8], rejections: &mut Rejections) -> Result<Self> {
        let mut bad = Vec::new();
        let mut from = 0;
        while let Err(error) = std::str::from_utf8(&text[from..]) {
            let at = from + error.valid_up_to();
            let start = memchr::memrchr(b'\n', &text[..at]).map_or(0, |n| n + 1);
            let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |n| at + n);
            rejections.reject(&text[start..end], Error::permanent("the line is not UTF-8"))?;
            text[start..end].fill(b' ');
            bad.push(start);
            from = end;
        }
        Ok(Self { bad })
    }

    fn is_bad(&self, at: usize) -> bool {
        self.bad.contains(&at)
    }
}

impl Run {
    /// Takes lines from `at` up to `to`, or less where the run is large enough. Answers where it
    /// stopped and how many data lines there were.
    pub(crate) fn fill(
        &mut self,
        text: &str,
        mut at: usize,
        to: usize,
        checked: &Checked,
        rejections: &mut Rejections,
    ) -> Result<(usize, u64)> {
        let end = to.min(at + RUN_BYTES);
        let bytes = &text.as_bytes()[..to];
        let (start, mut lines) = (at, 0);
        while at < end {
            match split::envelope(bytes, at) {
                Some((slot, next)) => {
                    self.slots.push(slot);
                    lines += 1;
                    at = next;
                }
                None => {
                    let next = memchr::memchr(b'\n', &bytes[at..]).map_or(to, |n| at + n + 1);
                    let line = bytes[at..next].strip_suffix(b"\n").unwrap_or(&bytes[at..next]);
                    if !is_blank(line) {
                        lines += 1;
                        if !checked.is_bad(at) {
                            rejections.reject(line, no_envelope())?;
                        }
                    }
                    at = next;
                }
            }
        }
        self.bytes += at - start;
        Ok((at, lines))
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Bytes of its lines.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// Whether it is time to hand it over.
    pub(crate) fn is_large(&self) -> bool {
        self.bytes >= RUN_BYTES
    }

    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.bytes = 0;
    }

    pub(crate) fn envelopes<'a>(
        &'a self,
        text: &'a str,
        rejections: &'a mut Rejections,
    ) -> Envelopes<'a> {
        Envelopes::new(text, &self.slots, rejections)
    }
}

#[cold]
fn no_envelope() -> Error {
    Error::permanent("the line is no envelope: expected is a JSON object with `data`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &[u8]) -> (Vec<String>, u64, usize) {
        let mut text = text.to_vec();
        let mut rejections = Rejections::new(true);
        let checked = Checked::new(&mut text, &mut rejections).unwrap();
        let text = String::from_utf8(text).unwrap();
        let mut run = Run::default();
        let (_, lines) = run.fill(&text, 0, text.len(), &checked, &mut rejections).unwrap();
        let list = rejections.take().unwrap();
        let data = run.envelopes(&text, &mut rejections).iter().map(|e| e.data.to_owned());
        (data.collect(), lines, list.len())
    }

    #[test]
    fn what_is_no_envelope_is_rejected_and_the_others_go_on() {
        let text =
            b"{\"data\":1}\nnonsense\n\n\r\n  \n{\"data\":\"\xff\"}\n{\"data\":2}\r\n{\"data\":3";
        assert_eq!(fill(text), (vec!["1".into(), "2".into()], 6, 4));
    }

    #[test]
    fn a_line_without_dead_letters_ends_the_run() {
        let mut rejections = Rejections::new(false);
        let ended = Checked::new(&mut b"\xff\n".to_vec(), &mut rejections).map(drop);
        assert!(ended.unwrap_err().to_string().contains("the line is not UTF-8"));
    }
}
