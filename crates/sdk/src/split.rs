//! Splits lines into the parts of their envelopes, without building anything.
//!
//! An output spends its time here, so this checks the JSON grammar (RFC 8259) in one pass over the
//! bytes and notes where `data`, `before` and `metadata` stand. UTF-8 is checked by the caller.

/// A range of bytes in the text that was split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn new(start: usize, end: usize) -> Self {
        // The caller splits at most MAX_SPLIT_BYTES at once.
        Self { start: start as u32, end: end as u32 }
    }

    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.start == self.end
    }

    #[inline]
    pub(crate) fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }
}

/// What can be split at once: spans are 32 bits wide.
pub(crate) const MAX_SPLIT_BYTES: usize = u32::MAX as usize;

/// Where the parts of one envelope stand. Empty: not there.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slot {
    pub(crate) line: Span,
    pub(crate) data: Span,
    pub(crate) before: Span,
    pub(crate) metadata: Span,
}

/// How deep values may be nested, as in serde_json.
const MAX_DEPTH: u32 = 127;

/// Reads the envelope that begins at `start`; its line ends at a newline or at the end of `text`.
/// Answers the slot and where the next line begins; `None`: this line is no envelope.
pub(crate) fn envelope(text: &[u8], start: usize) -> Option<(Slot, usize)> {
    let mut slot = Slot::default();
    let mut i = expect(text, blanks(text, start), b'{')?;
    i = blanks(text, i);
    if text.get(i) == Some(&b'}') {
        return None;
    }
    loop {
        let (key, value) = key(text, i)?;
        let value = blanks(text, value);
        let end = skip_value(text, value)?;
        match key {
            b"data" => slot.data = Span::new(value, end),
            b"before" => slot.before = Span::new(value, end),
            b"metadata" => slot.metadata = Span::new(value, end),
            _ => {}
        }
        i = blanks(text, end);
        match text.get(i)? {
            b',' => i = blanks(text, i + 1),
            b'}' => break,
            _ => return None,
        }
    }
    let end = i + 1;
    slot.line = Span::new(start, end);
    let next = match text.get(blanks(text, end)) {
        None => text.len(),
        Some(b'\n') => blanks(text, end) + 1,
        Some(_) => return None,
    };
    (!slot.data.is_empty()).then_some((slot, next))
}

/// Whether the text is one JSON value and nothing else, on one line.
pub(crate) fn is_json(text: &[u8]) -> bool {
    let end = skip_value(text, blanks(text, 0));
    end.is_some_and(|end| blanks(text, end) == text.len())
}

/// Spaces, tabs and carriage returns; a newline ends the line and is none.
#[inline]
fn blanks(text: &[u8], mut i: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\r') = text.get(i) {
        i += 1;
    }
    i
}

#[inline]
fn expect(text: &[u8], i: usize, byte: u8) -> Option<usize> {
    (text.get(i) == Some(&byte)).then_some(i + 1)
}

/// A key with its colon: the bytes between its quotes, and what follows the colon.
#[inline]
fn key(text: &[u8], i: usize) -> Option<(&[u8], usize)> {
    let start = expect(text, i, b'"')?;
    let end = skip_string(text, start)?;
    let colon = expect(text, blanks(text, end), b':')?;
    Some((&text[start..end - 1], colon))
}

/// Skips one value and answers where it ends. Not recursive: `objects` has one bit a level.
fn skip_value(text: &[u8], mut i: usize) -> Option<usize> {
    let (mut objects, mut depth) = (0u128, 0u32);
    loop {
        i = blanks(text, i);
        let open = match *text.get(i)? {
            b'"' => {
                i = skip_string(text, i + 1)?;
                false
            }
            bracket @ (b'{' | b'[') => {
                if depth >= MAX_DEPTH {
                    return None;
                }
                i = blanks(text, i + 1);
                // '}' is '{' + 2, and ']' is '[' + 2.
                let empty = *text.get(i)? == bracket + 2;
                if empty {
                    i += 1;
                } else {
                    depth += 1;
                    objects = objects << 1 | u128::from(bracket == b'{');
                    if bracket == b'{' {
                        i = key(text, i)?.1;
                    }
                }
                !empty
            }
            _ => {
                i = skip_scalar(text, i)?;
                false
            }
        };
        while !open && depth > 0 {
            i = blanks(text, i);
            match (*text.get(i)?, objects & 1) {
                (b',', 1) => {
                    i = key(text, blanks(text, i + 1))?.1;
                    break;
                }
                (b',', _) => {
                    i += 1;
                    break;
                }
                (b'}', 1) | (b']', 0) => {
                    i += 1;
                    depth -= 1;
                    objects >>= 1;
                }
                _ => return None,
            }
        }
        if depth == 0 {
            return Some(i);
        }
    }
}

/// Skips a number, `true`, `false` or `null`.
#[inline]
fn skip_scalar(text: &[u8], i: usize) -> Option<usize> {
    let rest = &text[i..];
    match rest.first()? {
        b't' => rest.starts_with(b"true").then_some(i + 4),
        b'f' => rest.starts_with(b"false").then_some(i + 5),
        b'n' => rest.starts_with(b"null").then_some(i + 4),
        _ => skip_number(text, i),
    }
}

#[inline]
fn skip_number(text: &[u8], mut i: usize) -> Option<usize> {
    if text.get(i) == Some(&b'-') {
        i += 1;
    }
    i = if text.get(i) == Some(&b'0') { i + 1 } else { skip_digits(text, i)? };
    if text.get(i) == Some(&b'.') {
        i = skip_digits(text, i + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(i) {
        i += 1;
        if let Some(b'+' | b'-') = text.get(i) {
            i += 1;
        }
        i = skip_digits(text, i)?;
    }
    Some(i)
}

/// At least one digit.
#[inline]
fn skip_digits(text: &[u8], start: usize) -> Option<usize> {
    let mut i = start;
    while text.get(i).is_some_and(u8::is_ascii_digit) {
        i += 1;
    }
    (i > start).then_some(i)
}

/// Skips a string whose opening quote is behind `i`; answers what follows the closing one.
#[inline]
fn skip_string(text: &[u8], mut i: usize) -> Option<usize> {
    loop {
        i = skip_plain(text, i);
        match *text.get(i)? {
            b'"' => return Some(i + 1),
            b'\\' => i = skip_escape(text, i + 1)?,
            _ => return None,
        }
    }
}

#[inline]
fn skip_escape(text: &[u8], i: usize) -> Option<usize> {
    match *text.get(i)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(i + 1),
        b'u' => {
            let digits = text.get(i + 1..i + 5)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(i + 5)
        }
        _ => None,
    }
}

/// Goes to the next quote, backslash or control character. Most strings are short, so one look
/// should see all of one.
#[inline]
fn skip_plain(text: &[u8], mut i: usize) -> usize {
    while let Some(chunk) = text.get(i..).and_then(|rest| rest.first_chunk()) {
        if let Some(found) = first_special(chunk) {
            return i + found;
        }
        i += WIDTH;
    }
    while text.get(i).is_some_and(|&b| b != b'"' && b != b'\\' && b >= 0x20) {
        i += 1;
    }
    i
}

/// How many bytes are looked at together.
#[cfg(target_arch = "x86_64")]
const WIDTH: usize = 16;

#[cfg(target_arch = "x86_64")]
#[inline]
#[expect(
    unsafe_code,
    reason = "nearly half of all splitting is this; a vector saves more than a third of it"
)]
fn first_special(chunk: &[u8; WIDTH]) -> Option<usize> {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x,
        _mm_set1_epi8,
    };
    let word = u128::from_le_bytes(*chunk);
    // SAFETY: these work on registers alone and need SSE2, which every x86-64 has.
    let hits = unsafe {
        let bytes = _mm_set_epi64x((word >> 64) as i64, word as i64);
        let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
        let slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), control))
    };
    (hits != 0).then_some(hits.trailing_zeros() as usize)
}

/// How many bytes are looked at together.
#[cfg(not(target_arch = "x86_64"))]
const WIDTH: usize = 8;

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn first_special(chunk: &[u8; WIDTH]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    let word = u64::from_le_bytes(*chunk);
    // The first byte with its high bit set is exact; a borrow can only spoil those after it.
    let quote = word ^ (ONES * u64::from(b'"'));
    let slash = word ^ (ONES * u64::from(b'\\'));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let hits = (quote.wrapping_sub(ONES) & !quote) | (slash.wrapping_sub(ONES) & !slash) | control;
    let hits = hits & (ONES * 0x80);
    (hits != 0).then_some((hits.trailing_zeros() / 8) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(line: &str) -> Option<(&str, &str, &str)> {
        let (slot, _) = envelope(line.as_bytes(), 0)?;
        Some((slot.data.of(line), slot.before.of(line), slot.metadata.of(line)))
    }

    #[test]
    fn the_parts_are_found_in_any_order_and_spacing() {
        assert_eq!(
            parts(r#"{"data":{"a":[1,{}]},"metadata":{"stream":"s"}}"#),
            Some((r#"{"a":[1,{}]}"#, "", r#"{"stream":"s"}"#))
        );
        assert_eq!(
            parts("{ \"metadata\" : {} , \"x\": [ ] ,\t\"before\": null, \"data\" : 1.5e-3 }\r\n"),
            Some(("1.5e-3", "null", "{}"))
        );
    }

    #[test]
    fn lines_are_read_one_after_another() {
        let text = b"{\"data\":1}\n{\"data\":2}";
        let (_, next) = envelope(text, 0).unwrap();
        let (slot, end) = envelope(text, next).unwrap();
        assert_eq!((next, slot.data, end), (11, Span::new(19, 20), text.len()));
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        for line in [
            "",
            "{}",
            "1",
            r#"{"metadata":{}}"#,
            r#"{"data":1"#,
            r#"{"data":1}}"#,
            "{\"data\":\n1}",
        ] {
            assert_eq!(parts(line), None, "{line}");
        }
    }

    /// serde_json is the judge, over every prefix and every change of one byte of a rich document.
    #[test]
    fn the_grammar_is_that_of_serde_json() {
        let rich = br#"{"a":[true,false,null,-0.5e+10,120,"x\u00e9\n\\ long enough for words"],"":{"b":[]},"c":[[],{},""]}"#;
        let mut accepted = 0;
        let mut check = |text: &[u8]| {
            let expected = serde_json::from_slice::<&serde_json::value::RawValue>(text).is_ok();
            let oneline = !text.contains(&b'\n');
            let utf8 = std::str::from_utf8(text).is_ok();
            assert_eq!(
                is_json(text) && utf8,
                expected && oneline,
                "{}",
                String::from_utf8_lossy(text)
            );
            accepted += u32::from(expected);
        };
        for end in 0..=rich.len() {
            check(&rich[..end]);
        }
        for at in 0..rich.len() {
            for byte in 0..=255 {
                let mut text = rich.to_vec();
                text[at] = byte;
                check(&text);
            }
        }
        assert!(accepted > 1000, "{accepted}");
    }

    #[test]
    fn nesting_has_the_limit_of_serde_json() {
        for depth in [1, 126, 127, 128, 129, 5000] {
            let text = "[".repeat(depth) + &"]".repeat(depth);
            let expected = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            assert_eq!(is_json(text.as_bytes()), expected, "{depth}");
        }
    }
}
