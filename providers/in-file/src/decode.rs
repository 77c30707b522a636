//! Any text encoding as UTF-8. Nothing is replaced: what cannot be decoded becomes a byte that is
//! no UTF-8, so that the row that holds it is found malformed.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding};

/// Never part of UTF-8.
const MALFORMED: u8 = 0xff;
const BUFFER_BYTES: usize = 64 << 10;

pub(crate) struct Decoding<R> {
    inner: R,
    decoder: Decoder,
    raw: Vec<u8>,
    start: usize,
    end: usize,
    follow: bool,
    finished: bool,
}

impl<R: Read> Decoding<R> {
    /// `follow`: the end of `inner` is no end, more may come.
    pub(crate) fn new(encoding: &'static Encoding, inner: R, follow: bool) -> Self {
        Self {
            inner,
            decoder: encoding.new_decoder_without_bom_handling(),
            raw: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            follow,
            finished: false,
        }
    }

    fn decode(&mut self, out: &mut [u8], last: bool) -> (usize, bool) {
        let room = out.len() - 1;
        let input = &self.raw[self.start..self.end];
        let (result, read, written) =
            self.decoder.decode_to_utf8_without_replacement(input, &mut out[..room], last);
        self.start += read;
        match result {
            DecoderResult::Malformed(..) => {
                out[written] = MALFORMED;
                (written + 1, false)
            }
            DecoderResult::InputEmpty => (written, true),
            DecoderResult::OutputFull => (written, false),
        }
    }
}

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.len() < 8 {
            return Err(io::Error::other("the buffer is too small to decode into"));
        }
        while !self.finished {
            if self.start == self.end {
                self.start = 0;
                self.end = self.inner.read(&mut self.raw)?;
            }
            let at_end = self.end == 0;
            if at_end && self.follow {
                return Ok(0);
            }
            let (written, done) = self.decode(out, at_end);
            self.finished = at_end && done;
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(encoding: &'static Encoding, bytes: &[u8]) -> Vec<u8> {
        let (mut out, mut buf) = (Vec::new(), [0; 8]);
        let mut reader = Decoding::new(encoding, bytes, false);
        loop {
            match reader.read(&mut buf).unwrap() {
                0 => return out,
                n => out.extend_from_slice(&buf[..n]),
            }
        }
    }

    #[test]
    fn utf_16_and_one_byte_encodings_become_utf_8() {
        let text = "Zoë,€,😀 and more than a buffer\n";
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(encoding_rs::UTF_16LE, &utf16), text.as_bytes());
        assert_eq!(decode(encoding_rs::WINDOWS_1252, b"Zo\xeb,\x80"), "Zoë,€".as_bytes());
    }

    #[test]
    fn what_cannot_be_decoded_is_marked_not_replaced() {
        assert_eq!(decode(encoding_rs::UTF_16LE, &[0x41, 0, 0, 0xd8]), [b'A', MALFORMED]);
        assert!(std::str::from_utf8(&decode(encoding_rs::SHIFT_JIS, b"a\x81")).is_err());
    }
}
