//! What a file is, told by the end of its name.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

/// How rows stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Comma-separated values, RFC 4180.
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
    /// gzip, of one member or several.
    Gzip,
    /// Zstandard, of one frame or several.
    Zstd,
}

/// What the end of a name says; `None` where it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) format: Option<Format>,
    pub(crate) compression: Compression,
    pub(crate) tabs: bool,
}

/// `people.csv.gz` is gzip with CSV in it.
pub(crate) fn ending(path: &Path) -> Ending {
    let name = name(path);
    let lower = name.to_ascii_lowercase();
    let (rest, compression) = if let Some(rest) = lower.strip_suffix(".gz") {
        (rest, Compression::Gzip)
    } else if let Some(rest) = lower.strip_suffix(".zst") {
        (rest, Compression::Zstd)
    } else {
        (lower.as_str(), Compression::None)
    };
    let tabs = rest.ends_with(".tsv");
    let format = if tabs || rest.ends_with(".csv") {
        Some(Format::Csv)
    } else if rest.ends_with(".jsonl") || rest.ends_with(".ndjson") {
        Some(Format::Jsonl)
    } else {
        None
    };
    Ending { format, compression, tabs }
}

/// The name without folder and endings: the default stream.
pub(crate) fn stem(path: &Path) -> String {
    let name = name(path);
    let cut = |name: &str, ends: &[&str]| {
        let lower = name.to_ascii_lowercase();
        ends.iter()
            .find(|end| lower.ends_with(**end))
            .map(|end| name[..name.len() - end.len()].to_owned())
    };
    let name = cut(&name, &[".gz", ".zst"]).unwrap_or(name);
    cut(&name, &[".csv", ".tsv", ".jsonl", ".ndjson"]).unwrap_or(name)
}

fn name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_tells_format_compression_and_delimiter() {
        let of = |name: &str| ending(Path::new(name));
        assert_eq!(of("a/People.CSV.GZ").format, Some(Format::Csv));
        assert_eq!(of("a/People.CSV.GZ").compression, Compression::Gzip);
        assert!(of("x.tsv.zst").tabs);
        assert_eq!(of("x.ndjson").format, Some(Format::Jsonl));
        assert_eq!(of("x.gz").format, None);
    }

    #[test]
    fn the_default_stream_is_the_name_without_its_endings() {
        for name in ["d/people.csv", "people.csv.gz", "people.jsonl", "people"] {
            assert_eq!(stem(Path::new(name)), "people");
        }
        assert_eq!(stem(Path::new("app.log")), "app.log");
    }
}
