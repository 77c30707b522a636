//! A time in a config: `"5s"`, or a number of milliseconds.

use std::borrow::Cow;
use std::ops::Deref;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A [`Duration`] that is written as `"5s"`, `"1m 30s"`, `"250ms"`, or as a number of milliseconds.
///
/// ```
/// # use std::time::Duration;
/// let read = |json| serde_json::from_str::<dstream_sdk::TimeSpan>(json).map(Duration::from);
/// assert_eq!(read(r#""1m 30s""#).unwrap(), Duration::from_secs(90));
/// assert_eq!(read("1500").unwrap(), Duration::from_millis(1500));
/// assert!(read(r#""soon""#).unwrap_err().to_string().contains("such as \"5s\""));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeSpan(pub Duration);

impl TimeSpan {
    /// From milliseconds, for defaults.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }
}

impl From<TimeSpan> for Duration {
    fn from(span: TimeSpan) -> Self {
        span.0
    }
}

impl Deref for TimeSpan {
    type Target = Duration;

    fn deref(&self) -> &Duration {
        &self.0
    }
}

impl Serialize for TimeSpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.0))
    }
}

impl<'de> Deserialize<'de> for TimeSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = TimeSpan;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a time, such as \"5s\" or \"250ms\", or a number of milliseconds")
    }

    fn visit_u64<E: de::Error>(self, millis: u64) -> Result<TimeSpan, E> {
        Ok(TimeSpan(Duration::from_millis(millis)))
    }

    fn visit_i64<E: de::Error>(self, millis: i64) -> Result<TimeSpan, E> {
        match u64::try_from(millis) {
            Ok(millis) => self.visit_u64(millis),
            Err(_) => Err(E::invalid_value(de::Unexpected::Signed(millis), &self)),
        }
    }

    fn visit_f64<E: de::Error>(self, millis: f64) -> Result<TimeSpan, E> {
        // HCL numbers may come as floats: 1000.0.
        let seconds = Duration::try_from_secs_f64(millis / 1000.0);
        seconds.map(TimeSpan).map_err(|_| E::invalid_value(de::Unexpected::Float(millis), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<TimeSpan, E> {
        let parsed = humantime::parse_duration(text);
        parsed.map(TimeSpan).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

/// What `humantime` takes, so that a host can say before the start that it is wrong.
const PATTERN: &str = r"^\s*(0|(\d[\d.]*\s*(nanos|nsec|ns|micros|usec|us|µs|millis|msec|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|wks?|w|months?|M|years?|yrs?|y)\s*)+)\s*$";

impl JsonSchema for TimeSpan {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TimeSpan".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "a time such as \"5s\", or a number of milliseconds",
            "minimum": 0,
            "pattern": PATTERN,
            "patternMessage": "must be a time such as \"5s\", \"250ms\" or \"1m 30s\", or a number of milliseconds"
        })
    }
}
