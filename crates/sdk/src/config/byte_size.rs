//! A size in a config: `"16MiB"`, or a number of bytes.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number of bytes that is written as `"16MiB"`, `"10 MB"`, `"512"`, or as a number; the same as
/// `max_line_bytes` of a task.
///
/// ```
/// let read = |json| serde_json::from_str::<dstream_sdk::ByteSize>(json).map(u64::from);
/// assert_eq!(read(r#""16MiB""#).unwrap(), 16 << 20);
/// assert_eq!(read(r#""10 mb""#).unwrap(), 10_000_000);
/// assert_eq!(read("4096").unwrap(), 4096);
/// assert!(read(r#""much""#).unwrap_err().to_string().contains("such as \"64KiB\""));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u64); 8] = [
    ("", 1),
    ("B", 1),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// What [`ByteSize`] takes, so that a host can say before the start that it is wrong.
const PATTERN: &str = r"^\s*\d+\s*([kKmMgG]([iI])?[bB]|[bB])?\s*$";

impl ByteSize {
    /// `None`: no size, or one beyond 2^64.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim();
        let (_, scale) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
        number.parse::<u64>().ok()?.checked_mul(*scale).map(Self)
    }
}

impl From<ByteSize> for u64 {
    fn from(size: ByteSize) -> Self {
        size.0
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, scale): &&(&str, u64)| self.0 >= *scale && self.0.is_multiple_of(*scale);
        match UNITS[2..].iter().filter(whole).max_by_key(|(_, scale)| *scale) {
            Some((unit, scale)) => write!(f, "{}{unit}", self.0 / scale),
            None => write!(f, "{}", self.0),
        }
    }
}

/// As a number of bytes.
impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size, such as \"64KiB\" or \"16MiB\", or a number of bytes")
    }

    fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<ByteSize, E> {
        Ok(ByteSize(bytes))
    }

    fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<ByteSize, E> {
        let size = u64::try_from(bytes).map(ByteSize);
        size.map_err(|_| E::invalid_value(de::Unexpected::Signed(bytes), &self))
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    fn visit_f64<E: de::Error>(self, bytes: f64) -> Result<ByteSize, E> {
        // HCL numbers may come as floats: 1000.0.
        if bytes.fract() == 0.0 && (0.0..u64::MAX as f64).contains(&bytes) {
            return Ok(ByteSize(bytes as u64));
        }
        Err(E::invalid_value(de::Unexpected::Float(bytes), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
        let size = ByteSize::parse(text);
        size.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

impl JsonSchema for ByteSize {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "a size such as \"16MiB\", or a number of bytes",
            "minimum": 0,
            "pattern": PATTERN,
            "patternMessage": "must be a size such as \"64KiB\", \"16MiB\" or \"10MB\", or a number of bytes"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_the_units_of_the_task_file_in_any_case() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("512b", 512),
            (" 64 kb ", 64_000),
            ("16MiB", 16 << 20),
            ("10MB", 10_000_000),
            ("2gib", 2 << 30),
            ("3GB", 3_000_000_000),
            ("1kib", 1024),
        ] {
            assert_eq!(ByteSize::parse(text), Some(ByteSize(bytes)), "{text}");
        }
        for text in ["", "MiB", "1x", "-1", "1.5MiB", "1 M", "99999999999GiB", "1ib"] {
            assert_eq!(ByteSize::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_size_is_shown_in_the_largest_unit_that_is_exact() {
        for (bytes, shown) in
            [(0, "0"), (1000, "1KB"), (1024, "1KiB"), (16 << 20, "16MiB"), (1_500_000, "1500KB")]
        {
            assert_eq!(ByteSize(bytes).to_string(), shown);
        }
    }
}
