//! Durations and sizes as a person writes them: `5s`, `1m30s`, `16MiB`.

use std::time::Duration;

/// A text is no duration or size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadQuantity {
    #[error("not a duration, such as `500ms`, `5s`, `1m30s` or `2h`")]
    Duration,
    #[error("not a size, such as `65536`, `64KiB` or `16MiB`")]
    Size,
    #[error("too large")]
    TooLarge,
}

/// In nanoseconds; longer names first, so that `ms` is not read as `m`.
const UNITS: [(&str, u64); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

/// Reads numbers with units, one after the other: `1h30m`, `1.5s`. `0` needs no unit.
pub(crate) fn parse(text: &str) -> Result<Duration, BadQuantity> {
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(BadQuantity::Duration);
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits =
            rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(BadQuantity::Duration)?;
        let (number, after) = rest.split_at(digits);
        let (unit, nanos) =
            UNITS.iter().find(|(unit, _)| after.starts_with(unit)).ok_or(BadQuantity::Duration)?;
        let part = scale(number, *nanos).ok_or(BadQuantity::Duration)?;
        total = part.and_then(|p| total.checked_add(p)).ok_or(BadQuantity::TooLarge)?;
        rest = &after[unit.len()..];
    }
    Ok(Duration::from_nanos(total))
}

/// A decimal number times a unit. The outer None: no number; the inner: too large.
fn scale(number: &str, unit: u64) -> Option<Option<u64>> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let fraction = &fraction[..fraction.len().min(9)];
    let part = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()? };
    let part = part * u128::from(unit) / 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let whole = if whole.is_empty() { Some(0) } else { whole.parse::<u64>().ok() };
    let whole = whole.and_then(|w| w.checked_mul(unit));
    Some(whole.and_then(|w| w.checked_add(u64::try_from(part).ok()?)))
}

const SIZES: [(&str, u64); 8] = [
    ("", 1),
    ("B", 1),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Reads a number of bytes.
pub(crate) fn parse_size(text: &str) -> Result<u64, BadQuantity> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale = SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()));
    let (_, scale) = scale.filter(|_| !number.is_empty()).ok_or(BadQuantity::Size)?;
    let number: u64 = number.parse().map_err(|_| BadQuantity::TooLarge)?;
    number.checked_mul(*scale).ok_or(BadQuantity::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_a_person_writes_them() {
        for (text, millis) in [
            ("500ms", 500),
            ("5s", 5_000),
            ("1m30s", 90_000),
            ("1.5s", 1_500),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "5", "s", "5 s", "5x", "-5s", "1.2.3s", ".s", "5s5"] {
            assert_eq!(parse(text), Err(BadQuantity::Duration), "{text}");
        }
        assert_eq!(parse("99999999999999h"), Err(BadQuantity::TooLarge));
    }

    #[test]
    fn sizes_are_read_with_and_without_a_unit() {
        assert_eq!(parse_size("16MiB"), Ok(16 << 20));
        assert_eq!(parse_size("64 kb"), Ok(64_000));
        assert_eq!(parse_size("1024"), Ok(1024));
        assert_eq!(parse_size("1x"), Err(BadQuantity::Size));
        assert_eq!(parse_size("MiB"), Err(BadQuantity::Size));
        assert_eq!(parse_size("99999999999GiB"), Err(BadQuantity::TooLarge));
    }
}
