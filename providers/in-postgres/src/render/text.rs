//! JSON strings.

/// What stands in a JSON string for a byte: 0, the byte itself; `u`, its number; else a backslash
/// and this.
static ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[b'\n' as usize] = b'n';
    table[b'\r' as usize] = b'r';
    table[b'\t' as usize] = b't';
    table[0x08] = b'b';
    table[0x0c] = b'f';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// A text that can hold anything.
#[inline]
pub(crate) fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut from = 0;
    for (at, &byte) in text.iter().enumerate() {
        let escape = ESCAPES[usize::from(byte)];
        if escape != 0 {
            out.extend_from_slice(&text[from..at]);
            from = at + 1;
            escaped(out, byte, escape);
        }
    }
    out.extend_from_slice(&text[from..]);
    out.push(b'"');
}

#[cold]
fn escaped(out: &mut Vec<u8>, byte: u8, escape: u8) {
    out.push(b'\\');
    out.push(escape);
    if escape == b'u' {
        let digit = |n: u8| b"0123456789abcdef"[usize::from(n)];
        out.extend_from_slice(&[b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
    }
}

/// A text that needs no escapes: numbers, dates.
#[inline]
pub(crate) fn plain(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

/// A column's name as the beginning of a member: `"name":`.
pub(crate) fn name(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 3);
    string(&mut out, text.as_bytes());
    out.push(b':');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_the_json_that_serde_makes_of_it() {
        let all: String = (0..0x250u32).filter_map(char::from_u32).collect();
        for text in [all.as_str(), "", "\"", "\\", "a\nb", "\u{1F600}\u{7f}\u{0}"] {
            let mut out = Vec::new();
            string(&mut out, text.as_bytes());
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
