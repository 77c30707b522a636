//! Durations as a person writes them: `5s`, `1m30s`.

use std::time::Duration;

/// A text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadDuration {
    #[error("not a duration, such as `500ms`, `5s`, `1m30s` or `2h`")]
    NoDuration,
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
pub(crate) fn parse(text: &str) -> Result<Duration, BadDuration> {
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(BadDuration::NoDuration);
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits =
            rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(BadDuration::NoDuration)?;
        let (number, after) = rest.split_at(digits);
        let (unit, nanos) = UNITS
            .iter()
            .find(|(unit, _)| after.starts_with(unit))
            .ok_or(BadDuration::NoDuration)?;
        let part = scale(number, *nanos).ok_or(BadDuration::NoDuration)?;
        total = part.and_then(|p| total.checked_add(p)).ok_or(BadDuration::TooLarge)?;
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
            assert_eq!(parse(text), Err(BadDuration::NoDuration), "{text}");
        }
        assert_eq!(parse("99999999999999h"), Err(BadDuration::TooLarge));
    }
}
