//! Places in the binary log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A byte of a log file. Later files compare greater: by the number at the end of their names.
///
/// Written `binlog.000007:1234`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Position {
    pub(crate) file: String,
    pub(crate) offset: u64,
}

impl Position {
    pub(crate) fn new(file: impl Into<String>, offset: u64) -> Self {
        Self { file: file.into(), offset }
    }

    fn number(&self) -> u64 {
        self.file.rsplit('.').next().and_then(|n| n.parse().ok()).unwrap_or_default()
    }
}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.number(), self.offset, &self.file).cmp(&(other.number(), other.offset, &other.file))
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.offset)
    }
}

impl Serialize for Position {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read = text.rsplit_once(':').and_then(|(file, at)| Some((file, at.parse().ok()?)));
        let (file, offset) = read.ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is no place in a log: expected is FILE:OFFSET"
            ))
        })?;
        Ok(Self::new(file, offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_ordered_by_the_files_number_then_by_the_byte() {
        let at = |file: &str, offset| Position::new(file, offset);
        assert!(at("b.999999", 5) < at("b.1000000", 4));
        assert!(at("b.000002", 4) < at("b.000002", 10));
        let json = serde_json::to_string(&at("my:log.000002", 10)).unwrap();
        assert_eq!(json, "\"my:log.000002:10\"");
        assert_eq!(serde_json::from_str::<Position>(&json).unwrap(), at("my:log.000002", 10));
        assert!(serde_json::from_str::<Position>("\"nowhere\"").is_err());
    }
}
