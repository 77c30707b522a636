//! Dates and times: out of their bytes, and as text.

use std::io::Write;

use super::bytes::big;

/// A date and a time of day; any part may be 0, as the server allows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) year: u64,
    pub(crate) month: u64,
    pub(crate) day: u64,
    pub(crate) hour: u64,
    pub(crate) minute: u64,
    pub(crate) second: u64,
    pub(crate) micros: u64,
}

/// Bytes of the fraction of a second with so many digits.
pub(crate) fn fraction_len(digits: u8) -> usize {
    usize::from(digits.min(6)).div_ceil(2)
}

/// DATE: 3 bytes.
pub(crate) fn date(number: u64) -> Moment {
    Moment { year: number >> 9, month: number >> 5 & 15, day: number & 31, ..Moment::default() }
}

/// DATETIME since 5.6: 5 bytes and the fraction, big-endian.
pub(crate) fn datetime2(bytes: &[u8]) -> Moment {
    let (whole, fraction) = bytes.split_at(5.min(bytes.len()));
    let packed = big(whole).wrapping_sub(0x80_0000_0000);
    let (ymd, hms) = (packed >> 17, packed & 0x1_ffff);
    Moment {
        year: (ymd >> 5) / 13,
        month: (ymd >> 5) % 13,
        day: ymd & 31,
        hour: hms >> 12,
        minute: hms >> 6 & 63,
        second: hms & 63,
        micros: micros(fraction),
    }
}

/// DATETIME before 5.6: the digits YYYYMMDDhhmmss as a number.
pub(crate) fn datetime1(number: u64) -> Moment {
    let part = |divisor: u64, modulus: u64| number / divisor % modulus;
    Moment {
        year: number / 10_000_000_000,
        month: part(100_000_000, 100),
        day: part(1_000_000, 100),
        hour: part(10_000, 100),
        minute: part(100, 100),
        second: number % 100,
        micros: 0,
    }
}

/// TIMESTAMP: seconds since 1970, big-endian since 5.6, and the fraction.
pub(crate) fn timestamp(seconds: u64, fraction: &[u8]) -> Moment {
    if seconds == 0 && fraction.iter().all(|byte| *byte == 0) {
        return Moment::default();
    }
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days to a date, by H. Hinnant's "chrono-Compatible Low-Level Date Algorithms".
    let z = days + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    Moment {
        year: yoe + era * 400 + u64::from(month <= 2),
        month,
        day: doy - (153 * mp + 2) / 5 + 1,
        hour: rest / 3600,
        minute: rest / 60 % 60,
        second: rest % 60,
        micros: micros(fraction),
    }
}

/// A TIME: up to 838 hours, either way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) negative: bool,
    pub(crate) hours: u64,
    pub(crate) minutes: u64,
    pub(crate) seconds: u64,
    pub(crate) micros: u64,
}

/// TIME since 5.6: 3 bytes and the fraction, big-endian, moved up by half their range.
pub(crate) fn time2(bytes: &[u8]) -> Span {
    let fraction = bytes.len().saturating_sub(3);
    let middle = 0x80_0000_u64 << (8 * fraction);
    let packed = big(bytes);
    let (negative, size) = (packed < middle, packed.abs_diff(middle));
    let whole = size >> (8 * fraction);
    let part = size & ((1 << (8 * fraction)) - 1);
    Span {
        negative,
        hours: whole >> 12 & 0x3ff,
        minutes: whole >> 6 & 63,
        seconds: whole & 63,
        micros: scaled(part, fraction),
    }
}

/// TIME before 5.6: the digits hhmmss as a number of 3 bytes with a sign.
pub(crate) fn time1(number: u64) -> Span {
    let negative = number & 0x80_0000 != 0;
    let size = if negative { 0x100_0000 - number } else { number };
    let (hours, minutes, seconds) = (size / 10_000, size / 100 % 100, size % 100);
    Span { negative, hours, minutes, seconds, micros: 0 }
}

fn micros(fraction: &[u8]) -> u64 {
    scaled(big(fraction), fraction.len())
}

/// One byte holds hundredths, two ten-thousandths, three millionths.
fn scaled(number: u64, bytes: usize) -> u64 {
    number * [1, 10_000, 100, 1][bytes.min(3)]
}

/// Appends `YYYY-MM-DD`.
pub(crate) fn write_date(moment: &Moment, out: &mut Vec<u8>) {
    // Writing to a Vec does not fail.
    let _ok = write!(out, "{:04}-{:02}-{:02}", moment.year, moment.month, moment.day);
}

/// Appends `YYYY-MM-DDTHH:MM:SS` and so many digits of the second.
pub(crate) fn write_datetime(moment: &Moment, digits: u8, out: &mut Vec<u8>) {
    write_date(moment, out);
    let _ok = write!(out, "T{:02}:{:02}:{:02}", moment.hour, moment.minute, moment.second);
    write_fraction(moment.micros, digits, out);
}

/// Appends `HH:MM:SS`, with a sign and more than two digits of hours where they are there.
pub(crate) fn write_time(span: &Span, digits: u8, out: &mut Vec<u8>) {
    let sign = if span.negative { "-" } else { "" };
    let _ok = write!(out, "{sign}{:02}:{:02}:{:02}", span.hours, span.minutes, span.seconds);
    write_fraction(span.micros, digits, out);
}

fn write_fraction(micros: u64, digits: u8, out: &mut Vec<u8>) {
    if digits > 0 {
        let text = format!(".{micros:06}");
        out.extend_from_slice(&text.as_bytes()[..=usize::from(digits.min(6))]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(bytes: &[u8], digits: u8) -> String {
        let mut out = Vec::new();
        write_time(&time2(bytes), digits, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_negative_time_with_a_fraction_is_not_off_by_one() {
        // The table in MySQL's `my_time.cc`: -00:00:00.01 is 0x7FFFFFFF with two digits.
        assert_eq!(time(&[0x7f, 0xff, 0xff, 0xff], 2), "-00:00:00.01");
        assert_eq!(time(&[0x7f, 0xff, 0xfe, 0x00], 2), "-00:00:02.00");
        assert_eq!(time(&[0x80, 0x00, 0x00], 0), "00:00:00");
    }

    #[test]
    fn a_timestamp_is_the_moment_in_utc_and_0_is_no_moment() {
        let mut out = Vec::new();
        write_datetime(&timestamp(951_782_399, &[12]), 2, &mut out);
        out.push(b' ');
        write_datetime(&timestamp(0, &[]), 0, &mut out);
        assert_eq!(out, b"2000-02-28T23:59:59.12 0000-00-00T00:00:00");
    }
}
