//! Dates and times as CSV files have them, checked, and written the way of RFC 3339.

/// `2024-02-29`, a day that there is.
pub(crate) fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return false;
    }
    match (number(&bytes[..4]), number(&bytes[5..7]), number(&bytes[8..])) {
        (Some(year), Some(month), Some(day)) => day >= 1 && day <= days_in(year, month),
        _ => false,
    }
}

fn days_in(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        1..=12 => 31,
        _ => 0,
    }
}

/// `23:59`, `23:59:59`, `23:59:59.123456`.
pub(crate) fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(hour), Some(minute)) = (part(bytes, 0, None), part(bytes, 3, Some(b':'))) else {
        return false;
    };
    if hour > 23 || minute > 59 {
        return false;
    }
    match bytes.len() {
        5 => true,
        6 | 7 => false,
        _ => part(bytes, 6, Some(b':')).is_some_and(|s| s <= 60) && is_fraction(&bytes[8..]),
    }
}

fn is_fraction(bytes: &[u8]) -> bool {
    match bytes {
        [] => true,
        [b'.', digits @ ..] => {
            (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

/// Two digits at `at`, with `before` in front of them.
fn part(bytes: &[u8], at: usize, before: Option<u8>) -> Option<u32> {
    if before.is_some_and(|b| bytes.get(at - 1) != Some(&b)) {
        return None;
    }
    number(bytes.get(at..at + 2)?)
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
}

/// A date, `T` or a blank, a time, and with `zone` an offset (`Z`, `+02:00`, `+0200`, `+02`).
pub(crate) fn write_timestamp(text: &str, zone: bool, out: &mut Vec<u8>) -> bool {
    let Some((date, time, offset)) = split(text, zone) else { return false };
    out.push(b'"');
    out.extend_from_slice(date.as_bytes());
    out.push(b'T');
    out.extend_from_slice(time.as_bytes());
    if time.len() == 5 {
        out.extend_from_slice(b":00");
    }
    if zone {
        write_offset(offset, out);
    }
    out.push(b'"');
    true
}

/// Whether `text` is a timestamp, with or without a zone.
pub(crate) fn is_timestamp(text: &str, zone: bool) -> bool {
    split(text, zone).is_some()
}

fn split(text: &str, zone: bool) -> Option<(&str, &str, &str)> {
    let (date, rest) = text.split_at_checked(10)?;
    if !is_date(date) || !rest.starts_with(['T', 't', ' ']) {
        return None;
    }
    let rest = &rest[1..];
    let at = if zone { rest.find(['Z', 'z', '+', '-'])? } else { rest.len() };
    let (time, offset) = rest.split_at(at);
    let time = time.trim_end();
    (is_time(time) && (!zone || is_offset(offset))).then_some((date, time, offset))
}

fn is_offset(text: &str) -> bool {
    let bytes = text.as_bytes();
    if matches!(bytes, b"Z" | b"z") {
        return true;
    }
    let hours = part(bytes, 1, None).is_some_and(|h| h <= 23);
    let minutes = match bytes.len() {
        3 => true,
        5 => number(&bytes[3..]).is_some_and(|m| m <= 59),
        6 => part(bytes, 4, Some(b':')).is_some_and(|m| m <= 59),
        _ => false,
    };
    hours && minutes
}

fn write_offset(offset: &str, out: &mut Vec<u8>) {
    match offset.len() {
        1 => out.push(b'Z'),
        3 => out.extend_from_slice(format!("{offset}:00").as_bytes()),
        5 => out.extend_from_slice(format!("{}:{}", &offset[..3], &offset[3..]).as_bytes()),
        _ => out.extend_from_slice(offset.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str, zone: bool) -> Option<String> {
        let mut out = Vec::new();
        write_timestamp(text, zone, &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn only_days_that_there_are_count_as_dates() {
        assert!(is_date("2024-02-29") && is_date("2000-02-29") && is_date("2024-12-31"));
        for wrong in
            ["2023-02-29", "1900-02-29", "2024-13-01", "2024-00-10", "2024-1-01", "24-01-01"]
        {
            assert!(!is_date(wrong), "{wrong}");
        }
    }

    #[test]
    fn times_are_checked_to_the_fraction() {
        assert!(is_time("00:00") && is_time("23:59:60") && is_time("12:00:00.123456789"));
        for wrong in ["24:00", "12:60", "12:00:", "12:00:1", "12:00:00.", "1:00", "12-00", ""] {
            assert!(!is_time(wrong), "{wrong}");
        }
    }

    #[test]
    fn timestamps_are_written_as_rfc_3339() {
        assert_eq!(stamp("2024-05-01 10:20", false).unwrap(), "\"2024-05-01T10:20:00\"");
        assert_eq!(stamp("2024-05-01T10:20:30.5Z", true).unwrap(), "\"2024-05-01T10:20:30.5Z\"");
        assert_eq!(
            stamp("2024-05-01 10:20:30 +0200", true).unwrap(),
            "\"2024-05-01T10:20:30+02:00\""
        );
        assert_eq!(stamp("2024-05-01 10:20:30-07", true).unwrap(), "\"2024-05-01T10:20:30-07:00\"");
        assert_eq!(stamp("2024-05-01T10:20:30Z", false), None);
        assert_eq!(stamp("2024-05-01T10:20:30", true), None);
        assert_eq!(stamp("2024-05-0é10:20", false), None);
    }
}
