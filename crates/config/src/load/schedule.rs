//! `schedule { cron = "…" timezone = "…" }`.

use croner::parser::{CronParser, Seconds, Year};
use dstream_task::Schedule;
use hcl_edit::structure::Block;
use jiff::tz::TimeZone;

use super::fields::{Fields, Shape};
use super::header;
use super::reader::Reader;
use crate::diagnostic::Diagnostic;
use crate::eval::span;

const SCHEDULE: Shape = Shape { what: "`schedule`", settings: &["cron", "timezone"], blocks: &[] };

pub(super) fn load(block: &Block, reader: &mut Reader<'_, '_>) -> Option<Schedule> {
    let fields = Fields::read(&block.body, &SCHEDULE, &mut reader.errors);
    let attribute = fields.setting_of("cron");
    if attribute.is_none() {
        reader.errors.push(
            Diagnostic::error("a schedule needs `cron`")
                .at(header(block))
                .help("write `cron = \"0 3 * * *\"`: every day at 3:00"),
        );
    }
    let zone = fields.setting_of("timezone");
    let timezone = reader.text(zone).unwrap_or_else(|| "UTC".into());
    if let Some(zone) = zone
        && TimeZone::get(&timezone).is_err()
    {
        reader.refuse(zone, "an IANA time zone".into(), "there is no such time zone");
        reader.help("write such as `\"Europe/Berlin\"` or `\"UTC\"`");
    }
    let cron = reader.text(attribute)?;
    if let Err(why) = check(&cron)
        && let Some(attribute) = attribute
    {
        reader.errors.push(
            Diagnostic::error("this is no cron expression")
                .at(span(&attribute.value))
                .detail(why)
                .help("five fields: minute, hour, day of month, month, day of week")
                .help("such as `*/15 * * * *` (every 15 minutes), `0 3 * * MON-FRI` (weekdays at 3:00)"),
        );
        return None;
    }
    Some(Schedule { cron, timezone })
}

/// The message must not repeat the text: it may be a secret.
fn check(cron: &str) -> Result<(), String> {
    if cron.starts_with('@') {
        return Err("write the five fields".into());
    }
    let fields = cron.split_whitespace().count();
    if fields != 5 {
        return Err(format!("it has {fields} fields, not five"));
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    match parser.parse(cron) {
        Ok(_) => Ok(()),
        Err(_) => Err(which_field(cron, &parser)),
    }
}

/// The field that is at fault: the one that fails on its own.
fn which_field(cron: &str, parser: &CronParser) -> String {
    const NAMES: [&str; 5] = ["minute", "hour", "day of month", "month", "day of week"];
    const RANGES: [&str; 5] =
        ["0 to 59", "0 to 23", "1 to 31", "1 to 12 or JAN to DEC", "0 to 7 or SUN to SAT"];
    for (i, field) in cron.split_whitespace().enumerate().take(5) {
        let mut alone = ["*"; 5];
        alone[i] = field;
        if parser.parse(&alone.join(" ")).is_err() {
            return format!("the {} is wrong: it goes from {}", NAMES[i], RANGES[i]);
        }
    }
    "the fields do not go together".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_fields_are_a_cron_expression() {
        for cron in ["* * * * *", "*/15 0-6 1,15 * MON-FRI", "0 3 * * 0"] {
            assert_eq!(check(cron), Ok(()), "{cron}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_field() {
        assert_eq!(check("0 0 0 * * *"), Err("it has 6 fields, not five".into()));
        let why = check("0 25 * * *").unwrap_err();
        assert_eq!(why, "the hour is wrong: it goes from 0 to 23");
        assert_eq!(check("@daily"), Err("write the five fields".into()));
    }
}
