//! The `config` block.

use std::path::Path;

use dstream_sdk::{ByteSize, Error, Result, TimeSpan};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::template::Template;

/// Which files, and what goes into them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the files go. May hold `{stream}`, `{task}`, `{date}`, `{year}`, `{month}`, `{day}`,
    /// `{hour}` (of UTC, when the row is written).
    #[schemars(extend(
        "pattern" = r"^([^{}]|\{(stream|task|date|year|month|day|hour)\})+$",
        "patternMessage" = "may hold {stream}, {task}, {date}, {year}, {month}, {day} and {hour}, and no other braces"
    ))]
    pub(crate) path: String,
    /// `csv` or `jsonl`. Default: by the path's ending (.csv, .tsv, .jsonl, .ndjson, before .gz and .zst).
    #[serde(default)]
    pub(crate) format: Option<Format>,
    /// `none`, `gzip` or `zstd`. Default: by the path's ending.
    #[serde(default)]
    pub(crate) compression: Option<Compression>,
    /// JSONL: the row alone (`data`), or the whole envelope.
    #[serde(default)]
    pub(crate) content: Content,
    /// Complete a file when it has this size (`"1GB"`), and begin another.
    #[serde(default)]
    pub(crate) rotate_bytes: Option<ByteSize>,
    /// Complete a file when it is this old, and begin another.
    #[serde(default)]
    pub(crate) rotate_every: Option<TimeSpan>,
    /// What to do when a file of that name is there already: `number` (people-1.csv), `fail`, or
    /// `overwrite` (put in its place when the new one is complete).
    #[serde(default)]
    pub(crate) existing: Existing,
    /// CSV: a column that the file's header does not have: `rotate` (to a file that has it) or `fail`.
    #[serde(default)]
    pub(crate) new_columns: NewColumns,
    /// CSV: the one ASCII character between fields. Default: a comma; a tab for .tsv.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^([\x00-\x09\x0B\x0C\x0E-\x21\x23-\x7F]|\\t)$", "patternMessage" = "must be one ASCII character, not a quote; a tab is written \"\\t\""))]
    pub(crate) delimiter: Option<String>,
    /// CSV: what ends a row: `crlf`, as RFC 4180 has it, or `lf`.
    #[serde(default)]
    pub(crate) line_end: LineEnd,
    /// CSV: write the columns' names first.
    #[serde(default = "yes")]
    pub(crate) header: bool,
    /// CSV: what stands for null. An empty text is written `""` where this is empty.
    #[serde(default)]
    pub(crate) null: String,
    /// Write `<file>.sha256` beside each complete file, as `sha256sum` reads it.
    #[serde(default)]
    pub(crate) sha256: bool,
}

/// How rows stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// RFC 4180.
    Csv,
    /// One JSON value a line.
    Jsonl,
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// What ends a CSV row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LineEnd {
    /// Carriage return and line feed.
    #[default]
    Crlf,
    /// Line feed.
    Lf,
}

/// What of an envelope is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Content {
    /// The row.
    #[default]
    Data,
    /// All of it.
    Envelope,
}

/// What becomes of a complete file of the same name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Existing {
    /// The new one gets a number.
    #[default]
    Number,
    /// The run fails.
    Fail,
    /// The new one takes its place.
    Overwrite,
}

/// What a column that comes late does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NewColumns {
    /// Begin another file.
    #[default]
    Rotate,
    /// Fail the run.
    Fail,
}

fn yes() -> bool {
    true
}

/// The config, with every default decided.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) template: Template,
    pub(crate) format: Format,
    pub(crate) compression: Compression,
    pub(crate) delimiter: u8,
    pub(crate) config: Config,
}

impl Settings {
    /// Decides, and refuses what makes no sense.
    pub(crate) fn new(config: Config, task: &str) -> Result<Self> {
        let template = Template::parse(&config.path, task)?;
        let ending = Ending::of(&config.path);
        let format = config.format.or(ending.format).ok_or_else(|| {
            let message = format!("`{}` does not end in .csv, .tsv, .jsonl or .ndjson: set `format` to \"csv\" or \"jsonl\"", config.path);
            Error::config("format", message)
        })?;
        if format == Format::Csv && config.content == Content::Envelope {
            return Err(Error::config(
                "content",
                "`content = \"envelope\"` is for jsonl: CSV has columns only",
            ));
        }
        if config.rotate_bytes == Some(ByteSize(0)) {
            return Err(Error::config(
                "rotate_bytes",
                "`rotate_bytes` is 0: leave it out to write one file",
            ));
        }
        let delimiter = delimiter(config.delimiter.as_deref(), ending.tabs)?;
        let compression = config.compression.unwrap_or(ending.compression);
        Ok(Self { template, format, compression, delimiter, config })
    }
}

fn delimiter(given: Option<&str>, tabs: bool) -> Result<u8> {
    match given.map(str::as_bytes) {
        None => Ok(if tabs { b'\t' } else { b',' }),
        Some(b"\\t") => Ok(b'\t'),
        Some([byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        Some(_) => {
            let message =
                "`delimiter` is one ASCII character, not a quote; a tab is written \"\\t\"";
            Err(Error::config("delimiter", message))
        }
    }
}

/// What the end of a name says.
struct Ending {
    format: Option<Format>,
    compression: Compression,
    tabs: bool,
}

impl Ending {
    fn of(path: &str) -> Self {
        let lower = path.to_ascii_lowercase();
        let (rest, compression) = if let Some(rest) = lower.strip_suffix(".gz") {
            (rest, Compression::Gzip)
        } else if let Some(rest) = lower.strip_suffix(".zst") {
            (rest, Compression::Zstd)
        } else {
            (lower.as_str(), Compression::None)
        };
        let extension = Path::new(rest).extension().and_then(|e| e.to_str()).unwrap_or_default();
        let format = match extension {
            "csv" | "tsv" => Some(Format::Csv),
            "jsonl" | "ndjson" => Some(Format::Jsonl),
            _ => None,
        };
        Self { format, compression, tabs: extension == "tsv" }
    }
}
