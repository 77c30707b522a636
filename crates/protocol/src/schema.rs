//! The schema of a stream, as `@schema` carries it and `discover` lists it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The columns of one stream. Sent before its first envelope in every run, and when it changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamSchema {
    /// The stream's name, as `metadata.stream` has it: `dbo.orders`, `people`.
    pub stream: String,
    /// The columns of the key, in order; empty where there is none.
    #[serde(default)]
    pub key: Vec<String>,
    /// The columns, in order.
    pub fields: Vec<Field>,
    /// Whose type names the `source_type`s are: `postgresql`, `mysql`, `sqlserver`. An output of the
    /// same system can make a column of exactly that type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The input that it comes from, added by the host where a task has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// Whether it can be null; assumed where nothing is said.
    #[serde(default = "yes")]
    pub nullable: bool,
    /// What the source itself calls the type: `nvarchar(50)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_type: Option<String>,
}

fn yes() -> bool {
    true
}

impl Field {
    /// A nullable column.
    pub fn new(name: impl Into<String>, kind: FieldType) -> Self {
        Self { name: name.into(), kind, nullable: true, source_type: None }
    }
}

/// The type of a column. Says how to read the JSON value that stands for it:
/// exact decimals, and integers beyond 2^53, are strings; bytes are base64; times are RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum FieldType {
    Bool,
    Int16,
    Int32,
    Int64,
    Uint64,
    Float32,
    Float64,
    /// `decimal(precision,scale)`; both 0 where the source has no bound.
    Decimal(u16, u16),
    String,
    Bytes,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Uuid,
    Json,
    Array,
    Enum,
}

const PLAIN: [(&str, FieldType); 17] = [
    ("bool", FieldType::Bool),
    ("int16", FieldType::Int16),
    ("int32", FieldType::Int32),
    ("int64", FieldType::Int64),
    ("uint64", FieldType::Uint64),
    ("float32", FieldType::Float32),
    ("float64", FieldType::Float64),
    ("string", FieldType::String),
    ("bytes", FieldType::Bytes),
    ("date", FieldType::Date),
    ("time", FieldType::Time),
    ("timestamp", FieldType::Timestamp),
    ("timestamptz", FieldType::Timestamptz),
    ("uuid", FieldType::Uuid),
    ("json", FieldType::Json),
    ("array", FieldType::Array),
    ("enum", FieldType::Enum),
];

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decimal(0, 0) => f.write_str("decimal"),
            Self::Decimal(p, s) => write!(f, "decimal({p},{s})"),
            other => match PLAIN.iter().find(|(_, kind)| kind == other) {
                Some((name, _)) => f.write_str(name),
                None => Err(fmt::Error),
            },
        }
    }
}

/// A type's name that is not one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no column type; valid are bool, int16, int32, int64, uint64, float32, float64, decimal(precision,scale), string, bytes, date, time, timestamp, timestamptz, uuid, json, array, enum"
)]
pub struct UnknownType(pub String);

impl FromStr for FieldType {
    type Err = UnknownType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((_, kind)) = PLAIN.iter().find(|(name, _)| *name == text) {
            return Ok(*kind);
        }
        let unknown = || UnknownType(text.to_owned());
        let rest = text.strip_prefix("decimal").ok_or_else(unknown)?;
        if rest.is_empty() {
            return Ok(Self::Decimal(0, 0));
        }
        let inner = rest.strip_prefix('(').and_then(|r| r.strip_suffix(')')).ok_or_else(unknown)?;
        let (p, s) = inner.split_once(',').ok_or_else(unknown)?;
        let number = |t: &str| t.trim().parse::<u16>().map_err(|_| unknown());
        Ok(Self::Decimal(number(p)?, number(s)?))
    }
}

impl Serialize for FieldType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FieldType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_the_round_trip() {
        for (name, kind) in PLAIN {
            assert_eq!(kind.to_string(), name);
            assert_eq!(name.parse(), Ok(kind));
        }
        assert_eq!("decimal(18,4)".parse(), Ok(FieldType::Decimal(18, 4)));
        assert_eq!(FieldType::Decimal(18, 4).to_string(), "decimal(18,4)");
        assert_eq!("decimal".parse(), Ok(FieldType::Decimal(0, 0)));
    }

    #[test]
    fn an_unknown_type_is_named_in_the_error_with_the_valid_ones() {
        let error = "varchar".parse::<FieldType>().unwrap_err().to_string();
        assert!(error.contains("`varchar`") && error.contains("timestamptz"), "{error}");
    }
}
