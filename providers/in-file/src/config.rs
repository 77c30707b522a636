//! The `config` block.

use std::collections::BTreeMap;

use dstream_protocol::FieldType;
use dstream_sdk::{ByteSize, Error, Result, TimeSpan};
use encoding_rs::Encoding;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::csv::record::Dialect;
use crate::encodings;
use crate::format::{Compression, Format};

/// Which files, and how to read them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// A file, a glob (`data/*.csv`), or a folder: every file in it whose ending says its format.
    pub(crate) path: String,
    /// `csv` or `jsonl`. Default: by the file's ending (.csv, .tsv, .jsonl, .ndjson, before .gz and .zst).
    #[serde(default)]
    pub(crate) format: Option<Format>,
    /// `none`, `gzip` or `zstd`. Default: by the file's ending.
    #[serde(default)]
    pub(crate) compression: Option<Compression>,
    /// The stream that rows belong to. Default: the file's name without its endings.
    #[serde(default)]
    pub(crate) stream: Option<String>,
    /// The columns that identify a row, for outputs that upsert.
    #[serde(default)]
    pub(crate) key: Vec<String>,
    /// Keep reading what is added: to the files, and new files of a glob or folder.
    #[serde(default)]
    pub(crate) follow: bool,
    /// With `follow`: how often to look for additions.
    #[serde(default = "poll_interval")]
    pub(crate) poll_interval: TimeSpan,
    /// With `follow`: how long a file that was renamed or removed is still read, because its
    /// writer may not have noticed yet.
    #[serde(default = "rotate_wait")]
    pub(crate) rotate_wait: TimeSpan,
    /// CSV: the one ASCII character between fields. Default: a comma; a tab for .tsv.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^([\x00-\x09\x0B\x0C\x0E-\x7F]|\\t|tab)$", "patternMessage" = "must be one ASCII character; a tab is written \"\\t\""))]
    pub(crate) delimiter: Option<String>,
    /// CSV: the one ASCII character around fields; `""`: there is none.
    #[serde(default = "quote")]
    #[schemars(extend("pattern" = r"^([\x00-\x09\x0B\x0C\x0E-\x7F]|\\t|tab)?$", "patternMessage" = "must be one ASCII character, or empty"))]
    pub(crate) quote: String,
    /// CSV: whether the first row holds the columns' names.
    #[serde(default = "yes")]
    pub(crate) header: bool,
    /// CSV: the columns' names, in order. Takes the place of the names in the header.
    #[serde(default)]
    pub(crate) columns: Option<Vec<String>>,
    /// The text encoding, by its WHATWG name: `utf-8`, `utf-16le`, `windows-1252`, `iso-8859-1`.
    /// A byte-order mark at the beginning of a file wins.
    #[serde(default = "encoding")]
    #[schemars(extend("pattern" = encodings::pattern(), "patternMessage" = encodings::VALID))]
    pub(crate) encoding: String,
    /// CSV: unquoted texts that mean null. Default: nothing between two delimiters.
    #[serde(default)]
    pub(crate) null: Option<OneOrMany>,
    /// CSV: `"infer"`, `"text"`, or the type of each column that is not to be inferred.
    #[serde(default)]
    pub(crate) types: Types,
    /// CSV: how many rows of a file types are inferred from.
    #[serde(default = "sample_rows")]
    pub(crate) sample_rows: usize,
    /// JSONL: each line is an envelope, `{"data":…,"metadata":{…}}`, not a row.
    #[serde(default)]
    pub(crate) envelopes: bool,
    /// What to do with a malformed row: `reject` (a dead letter where the task keeps them, else the
    /// run fails) or `fail`.
    #[serde(default)]
    pub(crate) on_error: OnError,
    /// The longest row (`"16MiB"`); a longer one is malformed.
    #[serde(default = "max_row_bytes")]
    pub(crate) max_row_bytes: ByteSize,
}

/// One text or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// Where the columns' types come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Types {
    /// `infer` or `text`.
    Rule(Rule),
    /// Column to type: `int64`, `decimal(10,2)`, `date`, …; the others are inferred.
    Columns(#[schemars(schema_with = "column_types")] BTreeMap<String, String>),
}

fn column_types(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": {
            "type": "string",
            "pattern": r"^(bool|u?int64|int(16|32)|float(32|64)|decimal(\(\s*\+?\d+\s*,\s*\+?\d+\s*\))?|string|bytes|date|time|timestamp|timestamptz|uuid|json|array|enum)$",
            "patternMessage": "must be a type of a column: bool, int16, int32, int64, uint64, float32, float64, decimal, decimal(p,s), string, bytes, date, time, timestamp, timestamptz, uuid, json, array or enum"
        }
    })
}

impl Default for Types {
    fn default() -> Self {
        Self::Rule(Rule::Infer)
    }
}

/// One rule for all columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rule {
    /// From a sample of rows.
    Infer,
    /// Every column is a string.
    Text,
}

/// What becomes of a malformed row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnError {
    /// A dead letter; the run fails where the task keeps none.
    #[default]
    Reject,
    /// The run fails.
    Fail,
}

fn yes() -> bool {
    true
}

fn quote() -> String {
    "\"".into()
}

fn encoding() -> String {
    "utf-8".into()
}

fn sample_rows() -> usize {
    1000
}

fn poll_interval() -> TimeSpan {
    TimeSpan::from_millis(1000)
}

fn rotate_wait() -> TimeSpan {
    TimeSpan::from_millis(5000)
}

fn max_row_bytes() -> ByteSize {
    ByteSize(dstream_protocol::limits::MAX_LINE_BYTES as u64)
}

impl Config {
    /// The settings that have to make sense, seen before a file is opened.
    pub(crate) fn check(&self) -> Result<()> {
        self.dialect(false)?;
        self.encoding()?;
        self.types()?;
        if self.path.is_empty() {
            return Err(Error::config("path", "`path` is empty: give a file, a glob or a folder"));
        }
        if self.columns.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::config(
                "columns",
                "`columns` is an empty list: leave it out, or name every column",
            ));
        }
        Ok(())
    }

    /// Delimiter and quote; `tabs` when the file's ending says so.
    pub(crate) fn dialect(&self, tabs: bool) -> Result<Dialect> {
        let delimiter = match self.delimiter.as_deref() {
            None if tabs => b'\t',
            None => b',',
            Some(text) => one_ascii("delimiter", text)?,
        };
        let quote = match self.quote.as_str() {
            "" => None,
            text => Some(one_ascii("quote", text)?),
        };
        if quote == Some(delimiter) {
            return Err(Error::config("quote", "`quote` and `delimiter` are the same character"));
        }
        Ok(Dialect { delimiter, quote })
    }

    /// The encoding that files without a byte-order mark have.
    pub(crate) fn encoding(&self) -> Result<&'static Encoding> {
        Encoding::for_label(self.encoding.as_bytes()).ok_or_else(|| {
            Error::config("encoding", format!("`{}`: {}", self.encoding, encodings::VALID))
        })
    }

    /// The types that are given, by column.
    pub(crate) fn types(&self) -> Result<BTreeMap<String, FieldType>> {
        let Types::Columns(columns) = &self.types else { return Ok(BTreeMap::new()) };
        let parse = |(column, kind): (&String, &String)| {
            let path = format!("types.{column}");
            let kind = kind.parse().map_err(|e| Error::config(path, format!("{e}")))?;
            Ok((column.clone(), kind))
        };
        columns.iter().map(parse).collect()
    }

    /// The texts that mean null.
    pub(crate) fn nulls(&self) -> Vec<String> {
        match &self.null {
            None => vec![String::new()],
            Some(OneOrMany::One(text)) => vec![text.clone()],
            Some(OneOrMany::Many(texts)) => texts.clone(),
        }
    }
}

fn one_ascii(key: &str, text: &str) -> Result<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Ok(*byte),
        _ if text == "\\t" || text == "tab" => Ok(b'\t'),
        _ => {
            let message = format!("`{text}` is not one ASCII character; a tab is written \"\\t\"");
            Err(Error::config(key, message))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    /// What the schema lets through, before the provider is asked.
    fn fits(schema: &serde_json::Value, text: &str) -> bool {
        let pattern = schema["pattern"].as_str().unwrap();
        regex::Regex::new(pattern).unwrap().is_match(text)
    }

    fn schema() -> serde_json::Value {
        serde_json::to_value(schemars::schema_for!(Config)).unwrap()
    }

    #[test]
    fn the_schema_takes_the_types_of_columns_that_a_run_takes() {
        let schema = schema();
        let types = &schema["$defs"]["Types"]["anyOf"][1]["additionalProperties"];
        for text in [
            "bool",
            "int8",
            "int16",
            "int32",
            "int64",
            "uint8",
            "uint64",
            "float32",
            "float64",
            "decimal",
            "decimal(10,2)",
            "decimal( 10 , 2 )",
            "decimal(10)",
            "string",
            "text",
            "bytes",
            "date",
            "time",
            "timestamp",
            "timestamptz",
            "uuid",
            "json",
            "array",
            "enum",
            "integer",
            "Int64",
            "",
        ] {
            assert_eq!(fits(types, text), text.parse::<FieldType>().is_ok(), "{text}");
        }
    }

    #[test]
    fn the_schema_takes_the_characters_that_a_run_takes() {
        let schema = schema();
        for text in [",", ";;", "\t", "\\t", "tab", "", "\n", "\r", "é", "|"] {
            let taken = one_ascii("delimiter", text).is_ok();
            assert_eq!(fits(&schema["properties"]["delimiter"], text), taken, "{text:?}");
            let quoted = fits(&schema["properties"]["quote"], text);
            assert_eq!(quoted, taken || text.is_empty(), "{text:?}");
        }
    }
}
