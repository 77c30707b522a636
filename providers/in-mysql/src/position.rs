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

    /// The place in the same file whose lowest 32 bits an event holds, which has no room for more: a
    /// log with a huge transaction is longer than 4 GiB.
    pub(crate) fn on_to(&self, low_bits: u32) -> Self {
        let mut offset = (self.offset & !0xffff_ffff) | u64::from(low_bits);
        if offset + 0x8000_0000 < self.offset {
            offset += 1 << 32;
        }
        Self::new(self.file.as_str(), offset)
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
    fn a_file_may_be_longer_than_the_places_in_its_events() {
        let behind = |offset: u64, low: u32| Position::new("b.000001", offset).on_to(low).offset;
        assert_eq!(behind(100, 200), 200);
        assert_eq!(behind(0xffff_fff0, 16), 0x1_0000_0010);
        assert_eq!(behind(0x2_ffff_fff0, 16), 0x3_0000_0010);
        // After a start by GTID the server begins a little before the place.
        assert_eq!(behind(0x1_0000_0200, 0x100), 0x1_0000_0100);
    }

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
