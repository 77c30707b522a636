//! A CSV file's columns: names from the header, types from a sample of its rows.

use std::collections::{BTreeMap, HashSet};

use dstream_protocol::{Field as Column, FieldType};
use dstream_sdk::{Error, Result};

use crate::config::{Config, Rule, Types};
use crate::csv::infer::Guess;
use crate::csv::record::{self, Dialect, Field, Split};

/// What the head of a file says.
#[derive(Debug, PartialEq)]
pub(crate) struct Header {
    pub(crate) columns: Vec<Column>,
    /// Bytes and lines of the header row, which is no data.
    pub(crate) len: usize,
    pub(crate) lines: u64,
    /// No row was there to infer types from.
    pub(crate) unsampled: bool,
}

/// Reads the head of a file from its first bytes. `None`: there is not enough of it yet.
pub(crate) fn read(
    config: &Config,
    dialect: Dialect,
    known: &BTreeMap<String, FieldType>,
    head: &[u8],
    at_end: bool,
) -> Result<Option<Header>> {
    let mut fields = Vec::new();
    let (start, first, lines) = loop_blank(dialect, head, at_end, &mut fields)?;
    let Some(first) = first else { return Ok(None) };
    let (names, len, lines) = if config.header {
        (names(config, &first)?, start + first.len, lines)
    } else {
        (unnamed(config, &first)?, 0, 0)
    };
    let sample = Sample::read(config, dialect, &head[len..], at_end, names.len());
    if sample.rows == 0 && !at_end && config.follow {
        return Ok(None);
    }
    let columns = columns(config, known, names, &sample)?;
    Ok(Some(Header { columns, len, lines, unsampled: sample.rows == 0 }))
}

/// One record's texts and its length.
struct First {
    texts: Vec<String>,
    len: usize,
}

/// The first record that is not an empty line.
fn loop_blank(
    dialect: Dialect,
    head: &[u8],
    at_end: bool,
    fields: &mut Vec<Field>,
) -> Result<(usize, Option<First>, u64)> {
    let (mut start, mut before) = (0, 0);
    while start < head.len() {
        let rest = &head[start..];
        match record::split(dialect, rest, at_end, fields) {
            Split::Record { len, content: 0, .. } => {
                start += len;
                before += 1;
            }
            Split::Record { len, content, lines } => {
                let first = First { texts: texts(dialect, &rest[..content], fields)?, len };
                return Ok((start, Some(first), before + lines));
            }
            Split::Incomplete => break,
            Split::Malformed { why, .. } => {
                return Err(Error::permanent(format!("line {}: {why}", before + 1)));
            }
        }
    }
    Ok((start, None, before))
}

fn texts(dialect: Dialect, record: &[u8], fields: &[Field]) -> Result<Vec<String>> {
    let mut scratch = Vec::new();
    let text = |field: &Field| {
        let bytes = record::text(dialect, record, *field, &mut scratch).to_vec();
        String::from_utf8(bytes).map_err(|_| {
            Error::config("encoding", "the first row is not valid UTF-8: set `encoding` to what the file is written in, such as windows-1252")
        })
    };
    fields.iter().map(text).collect()
}

/// The header's names, or those of `columns` in their place.
fn names(config: &Config, first: &First) -> Result<Vec<String>> {
    let names = match &config.columns {
        Some(names) => counted(names, first.texts.len())?,
        None => {
            let name = |(at, text): (usize, &String)| match text.trim() {
                "" => format!("column_{}", at + 1),
                name => name.to_owned(),
            };
            first.texts.iter().enumerate().map(name).collect()
        }
    };
    unique(&names)?;
    Ok(names)
}

fn unnamed(config: &Config, first: &First) -> Result<Vec<String>> {
    match &config.columns {
        Some(names) => counted(names, first.texts.len()),
        None => Ok((1..=first.texts.len()).map(|at| format!("column_{at}")).collect()),
    }
}

fn counted(names: &[String], found: usize) -> Result<Vec<String>> {
    unique(names)?;
    if names.len() == found {
        return Ok(names.to_vec());
    }
    let message =
        format!("`columns` names {} columns, and the file's first row has {found}", names.len());
    Err(Error::config("columns", message))
}

fn unique(names: &[String]) -> Result<()> {
    let mut seen = HashSet::new();
    match names.iter().find(|name| !seen.insert(name.as_str())) {
        None => Ok(()),
        Some(twice) => Err(Error::config(
            "columns",
            format!("two columns are called `{twice}`: name every column in `columns`"),
        )),
    }
}

/// What the sample says of each column.
struct Sample {
    guesses: Vec<Guess>,
    rows: usize,
}

impl Sample {
    /// Rows that are malformed tell nothing.
    fn read(
        config: &Config,
        dialect: Dialect,
        mut rest: &[u8],
        at_end: bool,
        width: usize,
    ) -> Self {
        let nulls = config.nulls();
        let mut sample = Self { guesses: vec![Guess::default(); width], rows: 0 };
        let mut fields = Vec::new();
        while sample.rows < config.sample_rows.max(1) && !rest.is_empty() {
            let len = match record::split(dialect, rest, at_end, &mut fields) {
                Split::Record { len, content, .. } => {
                    if content > 0 && fields.len() == width {
                        sample.see(dialect, &rest[..content], &fields, &nulls);
                    }
                    len
                }
                Split::Malformed { len, .. } => len,
                Split::Incomplete => break,
            };
            rest = &rest[len..];
        }
        sample
    }

    fn see(&mut self, dialect: Dialect, record: &[u8], fields: &[Field], nulls: &[String]) {
        let mut scratch = Vec::new();
        self.rows += 1;
        for (at, field) in fields.iter().enumerate() {
            let bytes = record::text(dialect, record, *field, &mut scratch);
            let Ok(text) = std::str::from_utf8(bytes) else { continue };
            if !text.is_empty() && (field.quoted || !nulls.iter().any(|null| null == text)) {
                self.guesses[at].see(text);
            }
        }
    }
}

fn columns(
    config: &Config,
    known: &BTreeMap<String, FieldType>,
    names: Vec<String>,
    sample: &Sample,
) -> Result<Vec<Column>> {
    let given = config.types()?;
    if let Some(unknown) = given.keys().find(|name| !names.contains(name)) {
        let message = format!("there is no column `{unknown}`; there are {}", names.join(", "));
        return Err(Error::config(format!("types.{unknown}"), message));
    }
    if let Some(unknown) = config.key.iter().find(|name| !names.contains(name)) {
        let message = format!("there is no column `{unknown}`; there are {}", names.join(", "));
        return Err(Error::config("key", message));
    }
    let text_only = config.types == Types::Rule(Rule::Text);
    let kind = |at: usize, name: &String| match given.get(name).or_else(|| known.get(name)) {
        Some(kind) => *kind,
        None if text_only => FieldType::String,
        None => sample.guesses[at].kind(),
    };
    let column = |(at, name): (usize, String)| {
        let mut column = Column::new(name.clone(), kind(at, &name));
        column.nullable = !config.key.contains(&name);
        column
    };
    Ok(names.into_iter().enumerate().map(column).collect())
}
