//! The path with its placeholders, and the names that come of it.

use std::path::{Path, PathBuf};

use dstream_sdk::{Error, Result};

const VALID: [&str; 7] = ["stream", "task", "date", "year", "month", "day", "hour"];

/// A path that may differ by stream and time.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    parts: Vec<Part>,
    task: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(&'static str),
}

/// The hour that a path is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hour(pub(crate) jiff::civil::DateTime);

impl Hour {
    /// Now, in UTC.
    pub(crate) fn now() -> Self {
        let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).datetime();
        Self(now.date().at(now.hour(), 0, 0, 0))
    }
}

impl Template {
    pub(crate) fn parse(text: &str, task: &str) -> Result<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            parts.push(Part::Text(rest[..open].to_owned()));
            let Some(len) = rest[open..].find('}') else {
                return Err(Error::config("path", format!("`{text}`: a `{{` is never closed")));
            };
            let name = &rest[open + 1..open + len];
            let known = VALID.iter().find(|valid| **valid == name).ok_or_else(|| unknown(name))?;
            parts.push(Part::Name(known));
            rest = &rest[open + len + 1..];
        }
        parts.push(Part::Text(rest.to_owned()));
        if Path::new(text).file_name().is_none() || text.ends_with('/') {
            return Err(Error::config("path", format!("`{text}` names no file")));
        }
        Ok(Self { parts, task: task.to_owned() })
    }

    /// Whether rows of several streams go to different files.
    pub(crate) fn by_stream(&self) -> bool {
        self.parts.contains(&Part::Name("stream"))
    }

    /// Whether the path changes with time.
    pub(crate) fn by_time(&self) -> bool {
        let timeless =
            |part: &Part| matches!(part, Part::Text(_) | Part::Name("stream") | Part::Name("task"));
        !self.parts.iter().all(timeless)
    }

    /// The path for a row.
    pub(crate) fn render(&self, stream: &str, hour: Hour) -> String {
        let Hour(time) = hour;
        let mut path = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => path.push_str(text),
                Part::Name("stream") => path.push_str(&file_name(stream)),
                Part::Name("task") => path.push_str(&file_name(&self.task)),
                Part::Name("date") => path.push_str(&time.date().to_string()),
                Part::Name("year") => path.push_str(&format!("{:04}", time.year())),
                Part::Name("month") => path.push_str(&format!("{:02}", time.month())),
                Part::Name("day") => path.push_str(&format!("{:02}", time.day())),
                Part::Name(_) => path.push_str(&format!("{:02}", time.hour())),
            }
        }
        path
    }

    /// The folder that all files are in or below.
    pub(crate) fn root(&self) -> PathBuf {
        let fixed = match self.parts.first() {
            Some(Part::Text(text)) => text.as_str(),
            _ => "",
        };
        let folder = match self.parts.len() {
            1 => Path::new(fixed).parent().unwrap_or(Path::new("")),
            _ => Path::new(fixed.rfind('/').map_or("", |at| &fixed[..=at])),
        };
        if folder == Path::new("") { PathBuf::from(".") } else { folder.to_owned() }
    }
}

fn unknown(name: &str) -> Error {
    let valid: Vec<_> = VALID.iter().map(|v| format!("{{{v}}}")).collect();
    Error::config("path", format!("`{{{name}}}` is no placeholder; valid are {}", valid.join(", ")))
}

/// A stream's name as part of a file's name: it must not lead to another folder.
fn file_name(stream: &str) -> String {
    let safe = |c: char| if c.is_control() || "/\\:*?\"<>|".contains(c) { '_' } else { c };
    let name: String = stream.chars().map(safe).collect();
    match name.as_str() {
        "" => "stream".to_owned(),
        "." | ".." => name.replace('.', "_"),
        _ => name,
    }
}

/// The name with a number in front of its endings: `people-2.csv.gz`.
pub(crate) fn numbered(path: &str, number: u32) -> String {
    if number == 0 {
        return path.to_owned();
    }
    let name_at = path.rfind('/').map_or(0, |at| at + 1);
    let (folder, name) = path.split_at(name_at);
    let inner = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    let at = inner.rfind('.').filter(|at| *at > 0).unwrap_or(inner.len());
    format!("{folder}{}-{number}{}", &name[..at], &name[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_of_stream_and_time() {
        let hour = Hour(jiff::civil::date(2024, 5, 1).at(7, 0, 0, 0));
        let template =
            Template::parse("out/{year}/{month}/{stream}-{date}T{hour}.csv", "t").unwrap();
        assert_eq!(template.render("dbo.orders", hour), "out/2024/05/dbo.orders-2024-05-01T07.csv");
        assert!(template.by_stream() && template.by_time());
        assert_eq!(template.root(), Path::new("out/"));
        assert_eq!(Template::parse("a.csv", "t").unwrap().root(), Path::new("."));
        assert!(!Template::parse("{stream}.csv", "t").unwrap().by_time());
    }

    #[test]
    fn a_stream_cannot_lead_out_of_the_folder() {
        let template = Template::parse("out/{stream}/x.csv", "t").unwrap();
        assert_eq!(template.render("../../etc", Hour::now()), "out/.._.._etc/x.csv");
        assert_eq!(template.render("..", Hour::now()), "out/__/x.csv");
    }

    #[test]
    fn an_unknown_placeholder_is_refused_with_the_valid_ones() {
        let error = Template::parse("{table}.csv", "t").unwrap_err().to_string();
        assert!(error.contains("`{table}`") && error.contains("{stream}"), "{error}");
    }

    #[test]
    fn numbers_go_in_front_of_the_endings() {
        assert_eq!(numbered("a.b/people.csv.gz", 2), "a.b/people-2.csv.gz");
        assert_eq!(numbered("people.csv", 0), "people.csv");
        assert_eq!(numbered("d/people", 1), "d/people-1");
    }
}
