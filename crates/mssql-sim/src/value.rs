//! Types and values of T-SQL: their text, their order, their conversions, their bytes on the wire.
//! A row at rest is the bytes of its ROW token, so that a plain column is sent by copying it.

mod calendar;
mod convert;
mod key;
mod parse;
mod text;
mod types;
mod wire;

pub(crate) use calendar::{Clock7, civil, days_from_civil};
pub(crate) use convert::{convert, convert_styled, parse_decimal, rescale, unhex};
pub(crate) use key::{compare, key_of, push_key};
pub(crate) use parse::parse_moment;
pub(crate) use text::{decimal_text, to_text};
pub(crate) use types::{Len, SqlType, common_type, digits};
pub(crate) use wire::{
    Column, Encoded, Flags7, read_type_info, read_typed, read_value, skip_value, utf16_text,
    write_type_info, write_value,
};

/// A value. Its type stands elsewhere, beside it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bit(bool),
    /// tinyint, smallint, int, bigint.
    Int(i64),
    /// real, float.
    Float(f64),
    /// decimal, numeric, money, smallmoney: the digits, and how many of them follow the point.
    Decimal(i128, u8),
    /// Days since 0001-01-01.
    Date(i32),
    /// Units of 100 ns since midnight.
    Time(i64),
    /// Days since 0001-01-01 and units of 100 ns.
    DateTime2(i32, i64),
    /// The same in UTC, and the offset in minutes.
    Offset(i32, i64, i16),
    /// datetime, smalldatetime: days since 1900-01-01 and 1/300 s.
    DateTime(i32, u32),
    Text(String),
    Bytes(Vec<u8>),
    /// The sixteen bytes as they travel.
    Guid([u8; 16]),
}

impl Value {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            Self::Bit(b) => Some(i64::from(*b)),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bit(b)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<i32> for Value {
    fn from(n: i32) -> Self {
        Self::Int(i64::from(n))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
