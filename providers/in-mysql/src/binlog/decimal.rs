//! DECIMAL: nine digits in four bytes, each side of the point by itself, the sign in the first bit
//! (MySQL's `strings/decimal.cc`, `decimal2bin`).

const BYTES: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

/// Bytes that a DECIMAL takes.
pub(crate) fn length(precision: usize, scale: usize) -> usize {
    let side = |digits: usize| digits / 9 * 4 + BYTES[digits % 9];
    side(precision.saturating_sub(scale)) + side(scale)
}

/// Appends the number, as the server prints it.
pub(crate) fn render(bytes: &[u8], precision: usize, scale: usize, out: &mut Vec<u8>) {
    let Some(first) = bytes.first() else { return out.push(b'0') };
    let negative = first & 0x80 == 0;
    let mask = if negative { 0xff } else { 0 };
    let mut plain = [0; 32];
    let count = bytes.len().min(plain.len());
    for (to, from) in plain.iter_mut().zip(bytes) {
        *to = from ^ mask;
    }
    plain[0] ^= 0x80;
    let whole = precision.saturating_sub(scale);
    let mut digits = Vec::with_capacity(precision);
    let mut at = part(&plain[..count], 0, whole % 9, &mut digits);
    for _ in 0..whole / 9 {
        at = part(&plain[..count], at, 9, &mut digits);
    }
    for _ in 0..scale / 9 {
        at = part(&plain[..count], at, 9, &mut digits);
    }
    part(&plain[..count], at, scale % 9, &mut digits);
    let (left, right) = digits.split_at(whole.min(digits.len()));
    if negative {
        out.push(b'-');
    }
    match left.iter().position(|d| *d != b'0') {
        Some(start) => out.extend_from_slice(&left[start..]),
        None => out.push(b'0'),
    }
    if !right.is_empty() {
        out.push(b'.');
        out.extend_from_slice(right);
    }
}

/// One group of digits; answers where the next begins.
fn part(bytes: &[u8], at: usize, digits: usize, out: &mut Vec<u8>) -> usize {
    let end = at + BYTES[digits];
    let mut number = super::bytes::big(bytes.get(at..end).unwrap_or_default());
    let start = out.len();
    out.resize(start + digits, b'0');
    for digit in out[start..].iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8], precision: usize, scale: usize) -> String {
        assert_eq!(bytes.len(), length(precision, scale));
        let mut out = Vec::new();
        render(bytes, precision, scale, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// The example in MySQL's own source: 1234567890.1234 as DECIMAL(14,4).
    #[test]
    fn the_example_of_the_manual_is_read_with_both_signs() {
        let plus = [0x81, 0x0d, 0xfb, 0x38, 0xd2, 0x04, 0xd2];
        assert_eq!(text(&plus, 14, 4), "1234567890.1234");
        let minus = plus.map(|byte| !byte);
        assert_eq!(text(&minus, 14, 4), "-1234567890.1234");
    }

    #[test]
    fn zeros_in_front_are_left_out_and_those_behind_the_point_kept() {
        assert_eq!(text(&[0x80, 0x00], 3, 2), "0.00");
        assert_eq!(text(&[0x80, 0x05], 3, 2), "0.05");
        assert_eq!(text(&[0x87], 1, 0), "7");
    }
}
