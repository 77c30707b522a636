//! Dates and times, in RFC 3339.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::Offset;

use super::{Call, Function};
use crate::diagnostic::Result;
use crate::duration;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("timestamp", &[], "now, in UTC", |c| {
        Ok(Value::string(c.evaluator.inputs.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()))
    }),
    Function::new(
        "formatdate",
        &["spec", "time"],
        "the time as the spec writes it: `YYYY-MM-DD hh:mm:ss`, `EEE, D MMM YYYY`, `'text'`",
        formatdate,
    ),
    Function::new(
        "timeadd",
        &["time", "duration"],
        "the time, later by `\"1h30m\"` or earlier by `\"-5s\"`",
        timeadd,
    ),
];

/// A time with its offset from UTC.
struct Time {
    civil: DateTime,
    offset: Offset,
}

fn time(c: &Call<'_, '_>, i: usize) -> Result<Time> {
    let text = c.text(i)?;
    let wrong = || c.refuse(i, "not a time in RFC 3339, such as `2026-01-31T12:00:00Z`");
    let pieces = DateTimeParser::new().parse_pieces(&text).map_err(|_| wrong())?;
    let offset = pieces.to_numeric_offset().ok_or_else(wrong)?;
    let time = pieces.time().ok_or_else(wrong)?;
    Ok(Time { civil: pieces.date().to_datetime(time), offset })
}

fn timeadd(c: &Call<'_, '_>) -> Result<Value> {
    let Time { civil, offset } = time(c, 0)?;
    let text = c.text(1)?;
    let (sign, text) = text.strip_prefix('-').map_or((1, text.as_str()), |t| (-1, t));
    let length = duration::parse(text).map_err(|e| c.refuse(1, e.to_string()))?;
    let length = SignedDuration::try_from(length).map_err(|_| c.refuse(1, "too long"))? * sign;
    let later = civil.checked_add(length).map_err(|_| c.refuse(1, "the time is out of range"))?;
    let zone = zone(offset, true);
    Ok(Value::string(format!("{}{zone}", later.strftime("%Y-%m-%dT%H:%M:%S"))))
}

/// `Z`, `+02:00` or `+0200`.
fn zone(offset: Offset, colon: bool) -> String {
    let seconds = offset.seconds();
    if seconds == 0 {
        return "Z".into();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{:02}{}{:02}", minutes / 60, if colon { ":" } else { "" }, minutes % 60)
}

fn formatdate(c: &Call<'_, '_>) -> Result<Value> {
    let spec: Vec<char> = c.text(0)?.chars().collect();
    let time = time(c, 1)?;
    let mut out = String::new();
    let mut at = 0;
    while let Some(&letter) = spec.get(at) {
        if letter == '\'' {
            let Some(length) = spec[at + 1..].iter().position(|c| *c == '\'') else {
                return Err(c.refuse(0, "a `'` is not closed"));
            };
            out.extend(&spec[at + 1..at + 1 + length]);
            if length == 0 {
                out.push('\'');
            }
            at += length + 2;
            continue;
        }
        let run = spec[at..].iter().take_while(|c| **c == letter).count();
        at += run;
        if letter.is_ascii_alphabetic() {
            let text = field(&time, letter, run);
            let unknown = || {
                let field = letter.to_string().repeat(run.min(8));
                c.refuse(0, format!("`{field}` is not a known field; text stands in `'…'`"))
            };
            out += &text.ok_or_else(unknown)?;
        } else {
            out.extend(std::iter::repeat_n(letter, run));
        }
    }
    Ok(Value::string(out))
}

fn field(time: &Time, letter: char, run: usize) -> Option<String> {
    let t = &time.civil;
    let hour12 = if t.hour() % 12 == 0 { 12 } else { t.hour() % 12 };
    Some(match (letter, run) {
        ('Y', 4) => format!("{:04}", t.year()),
        ('Y', 2) => format!("{:02}", t.year().rem_euclid(100)),
        ('M', 4) => t.strftime("%B").to_string(),
        ('M', 3) => t.strftime("%b").to_string(),
        ('M', 2) => format!("{:02}", t.month()),
        ('M', 1) => t.month().to_string(),
        ('D', 2) => format!("{:02}", t.day()),
        ('D', 1) => t.day().to_string(),
        ('E', 4) => t.strftime("%A").to_string(),
        ('E', 3) => t.strftime("%a").to_string(),
        ('h', 2) => format!("{:02}", t.hour()),
        ('h', 1) => t.hour().to_string(),
        ('H', 2) => format!("{hour12:02}"),
        ('H', 1) => hour12.to_string(),
        ('A', 2) => (if t.hour() < 12 { "AM" } else { "PM" }).into(),
        ('a', 2) => (if t.hour() < 12 { "am" } else { "pm" }).into(),
        ('m', 2) => format!("{:02}", t.minute()),
        ('m', 1) => t.minute().to_string(),
        ('s', 2) => format!("{:02}", t.second()),
        ('s', 1) => t.second().to_string(),
        ('Z', 1) => zone(time.offset, true),
        ('Z', 3) if time.offset.seconds() == 0 => "UTC".into(),
        ('Z', 3 | 4) => zone(time.offset, false).replace('Z', "+0000"),
        ('Z', 5) => zone(time.offset, true).replace('Z', "+00:00"),
        _ => return None,
    })
}
