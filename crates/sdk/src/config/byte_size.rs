//! A size in a config: `"16MiB"`, or a number of bytes.

use std::borrow::Cow;
use std::fmt;

use dstream_protocol::byte_size;
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

/// What [`ByteSize`] takes, so that a host can say before the start that it is wrong.
const PATTERN: &str = r"^\s*\d+\s*([kKmMgG]([iI])?[bB]|[bB])?\s*$";

impl From<ByteSize> for u64 {
    fn from(size: ByteSize) -> Self {
        size.0
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, scale): &&(&str, u64)| self.0 >= *scale && self.0.is_multiple_of(*scale);
        match byte_size::UNITS[2..].iter().filter(whole).max_by_key(|(_, scale)| *scale) {
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
        let size = byte_size::parse(text).map(ByteSize);
        size.map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
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
    fn a_size_is_shown_in_the_largest_unit_that_is_exact() {
        for (bytes, shown) in
            [(0, "0"), (1000, "1KB"), (1024, "1KiB"), (16 << 20, "16MiB"), (1_500_000, "1500KB")]
        {
            assert_eq!(ByteSize(bytes).to_string(), shown);
        }
    }
}
