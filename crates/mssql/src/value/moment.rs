//! Dates and times as JSON strings, digit by digit: every row has some, and the standard library's
//! formatter takes several times as long.

use tiberius::time::{Date, DateTime, DateTime2, DateTimeOffset, SmallDateTime, Time};

/// From 0001-01-01 to 1900-01-01, where `datetime` begins.
const TO_1900: i64 = 693_595;

pub(super) fn date(out: &mut Vec<u8>, value: Date) {
    out.push(b'"');
    push_day(out, i64::from(value.days()));
    out.push(b'"');
}

pub(super) fn time(out: &mut Vec<u8>, value: Time) {
    out.push(b'"');
    push_time(out, value);
    out.push(b'"');
}

/// Three-hundredths of a second, to the millisecond, as the server shows it.
pub(super) fn datetime(out: &mut Vec<u8>, value: DateTime) {
    let fragments = u64::from(value.seconds_fragments());
    let (seconds, millis) = (fragments / 300, (fragments % 300 * 10 + 1) / 3);
    out.push(b'"');
    push_day(out, i64::from(value.days()) + TO_1900);
    out.push(b'T');
    push_clock(out, seconds);
    out.push(b'.');
    push_padded(out, millis, 3);
    out.push(b'"');
}

pub(super) fn small(out: &mut Vec<u8>, value: SmallDateTime) {
    out.push(b'"');
    push_day(out, i64::from(value.days()) + TO_1900);
    out.push(b'T');
    push_clock(out, u64::from(value.seconds_fragments()) * 60);
    out.push(b'"');
}

pub(super) fn datetime2(out: &mut Vec<u8>, value: DateTime2) {
    out.push(b'"');
    push_day(out, i64::from(value.date().days()));
    out.push(b'T');
    push_time(out, value.time());
    out.push(b'"');
}

/// On the wire it is UTC; shown is the local time, with its offset.
pub(super) fn offset(out: &mut Vec<u8>, value: DateTimeOffset) {
    let (utc, minutes) = (value.datetime2(), i64::from(value.offset()));
    let (scale, increments) = (utc.time().scale(), utc.time().increments() as i64);
    let unit = 10_i64.pow(u32::from(scale));
    let local = increments + minutes * 60 * unit;
    let days = i64::from(utc.date().days()) + local.div_euclid(86_400 * unit);
    let local = Time::new(local.rem_euclid(86_400 * unit).unsigned_abs(), scale);
    out.push(b'"');
    push_day(out, days);
    out.push(b'T');
    push_time(out, local);
    out.push(if minutes < 0 { b'-' } else { b'+' });
    let minutes = minutes.unsigned_abs();
    push_padded(out, minutes / 60, 2);
    out.push(b':');
    push_padded(out, minutes % 60, 2);
    out.push(b'"');
}

fn push_day(out: &mut Vec<u8>, days: i64) {
    let (year, month, day) = civil(days);
    let mut text = *b"0000-00-00";
    fill(&mut text[..4], year);
    fill(&mut text[5..7], month);
    fill(&mut text[8..], day);
    out.extend_from_slice(&text);
}

fn push_clock(out: &mut Vec<u8>, seconds: u64) {
    let mut text = *b"00:00:00";
    fill(&mut text[..2], seconds / 3600);
    fill(&mut text[3..5], seconds / 60 % 60);
    fill(&mut text[6..], seconds % 60);
    out.extend_from_slice(&text);
}

fn push_time(out: &mut Vec<u8>, value: Time) {
    let unit = 10_u64.pow(u32::from(value.scale()));
    push_clock(out, value.increments() / unit);
    if value.scale() > 0 {
        out.push(b'.');
        push_padded(out, value.increments() % unit, usize::from(value.scale()));
    }
}

/// With zeros in front up to the width.
fn push_padded(out: &mut Vec<u8>, number: u64, width: usize) {
    let mut text = [b'0'; 20];
    let text = &mut text[..width.min(20)];
    fill(text, number);
    out.extend_from_slice(text);
}

/// Writes the number's last digits.
fn fill(text: &mut [u8], mut number: u64) {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day of a day counted from 0001-01-01, in the proleptic Gregorian calendar.
fn civil(days: i64) -> (u64, u64, u64) {
    // Eras of 400 years that begin in March, so that a leap day is an era's last.
    let shifted = days + 306;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year.unsigned_abs(), month.unsigned_abs(), day.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let (mut year, mut month, mut day) = (1, 1, 1);
        for days in 0..=3_652_058 {
            let wanted = format!("\"{year:04}-{month:02}-{day:02}\"");
            assert_eq!(text(|out| date(out, Date::new(days))), wanted);
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = match month {
                2 => 28 + i32::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (year, month, day) = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (_, day) if day == last => (year, month + 1, 1),
                (_, day) => (year, month, day + 1),
            };
        }
    }

    #[test]
    fn every_second_has_its_digits_at_every_scale() {
        for second in 0..86_400_u64 {
            let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
            let scale = (second % 8) as u8;
            let unit = 10_u64.pow(u32::from(scale));
            let rest = second * 7 % unit;
            let wanted = match usize::from(scale) {
                0 => format!("\"{clock}\""),
                width => format!("\"{clock}.{rest:0width$}\""),
            };
            assert_eq!(text(|out| time(out, Time::new(second * unit + rest, scale))), wanted);
        }
    }
}
