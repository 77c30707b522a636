//! Dates and times read from text: ISO 8601 and its relatives, as clients and scripts write them.

use super::calendar::{days_from_civil, days_in_month};

/// What was found: the day, 100 ns since midnight, the offset in minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Moment {
    pub day: Option<i32>,
    pub ticks: i64,
    pub offset: Option<i16>,
}

/// `None`: the text is no date or time.
pub(crate) fn parse_moment(text: &str) -> Option<Moment> {
    let text = text.trim();
    if text.is_empty() {
        return Some(Moment { day: Some(days_from_civil(1900, 1, 1)), ..Moment::default() });
    }
    let mut found = Moment::default();
    let rest = match date(text) {
        Some((day, rest)) => {
            found.day = Some(day);
            rest.strip_prefix(['T', 't']).unwrap_or(rest).trim_start()
        }
        None => text,
    };
    let (rest, offset) = split_offset(rest)?;
    found.offset = offset;
    let rest = rest.trim();
    if !rest.is_empty() {
        found.ticks = time(rest)?;
    } else if found.day.is_none() {
        return None;
    }
    Some(found)
}

fn date(text: &str) -> Option<(i32, &str)> {
    let bytes = text.as_bytes();
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 8 {
        return Some((day(&text[..4], &text[4..6], &text[6..8])?, &text[8..]));
    }
    let end = text.find([' ', 'T', 't']).unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    let parts: Vec<&str> = head.split(['-', '/', '.']).collect();
    match parts[..] {
        [y, m, d] if y.len() == 4 => Some((day(y, m, d)?, rest)),
        [m, d, y] if y.len() == 4 && !head.contains(':') => Some((day(y, m, d)?, rest)),
        _ => None,
    }
}

fn day(y: &str, m: &str, d: &str) -> Option<i32> {
    let (y, m, d): (i32, u32, u32) = (y.parse().ok()?, m.parse().ok()?, d.parse().ok()?);
    ((1..=9999).contains(&y) && (1..=12).contains(&m) && d >= 1 && d <= days_in_month(y, m))
        .then(|| days_from_civil(y, m, d))
}

fn split_offset(text: &str) -> Option<(&str, Option<i16>)> {
    if let Some(head) = text.strip_suffix(['Z', 'z']) {
        return Some((head, Some(0)));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, None)) };
    let (head, zone) = text.split_at(at);
    let (hours, minutes) = zone[1..].split_once(':')?;
    let minutes = hours.parse::<i16>().ok()? * 60 + minutes.parse::<i16>().ok()?;
    (minutes <= 14 * 60)
        .then_some((head, Some(if zone.starts_with('-') { -minutes } else { minutes })))
}

fn time(text: &str) -> Option<i64> {
    let upper = text.to_ascii_uppercase();
    let (text, half) = match (upper.strip_suffix("AM"), upper.strip_suffix("PM")) {
        (Some(t), _) => (t.trim(), Some(false)),
        (_, Some(t)) => (t.trim(), Some(true)),
        _ => (upper.as_str(), None),
    };
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':').map(|p| p.parse::<i64>().ok());
    let mut hour = parts.next()??;
    let minute = match parts.next() {
        Some(m) => m?,
        None if half.is_some() => 0,
        None => return None,
    };
    let second = parts.next().unwrap_or(Some(0))?;
    match half {
        Some(true) if hour < 12 => hour += 12,
        Some(false) if hour == 12 => hour = 0,
        _ => {}
    }
    if hour > 23 || minute > 59 || second > 59 || fraction.len() > 9 || parts.next().is_some() {
        return None;
    }
    let digits = format!("{fraction:0<9}");
    let nanos: i64 = digits.parse().ok()?;
    Some((hour * 3600 + minute * 60 + second) * 10_000_000 + (nanos + 50) / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_texts_are_read_to_the_hundred_nanoseconds() {
        let found = parse_moment("2024-02-29T12:34:56.1234567+02:30").unwrap();
        assert_eq!(found.day, Some(days_from_civil(2024, 2, 29)));
        assert_eq!(found.ticks, (12 * 3600 + 34 * 60 + 56) * 10_000_000 + 1_234_567);
        assert_eq!(found.offset, Some(150));
        assert_eq!(parse_moment("20240229").unwrap().day, found.day);
        assert_eq!(parse_moment("2023-02-29"), None);
        assert_eq!(parse_moment("13:00").unwrap().ticks, 13 * 3600 * 10_000_000);
        assert_eq!(parse_moment("pancake"), None);
    }
}
