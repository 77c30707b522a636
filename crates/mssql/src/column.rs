//! A column that JSON values are written to: which types take what, exactly. The other direction is
//! in `value.rs`.

mod moment;
mod number;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tiberius::{ColumnData, Uuid};

/// What a column takes. A value that the server would round, cut off or take for another one is
/// refused here, before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// `bit`
    Bit,
    /// `tinyint`
    TinyInt,
    /// `smallint`
    SmallInt,
    /// `int`
    Int,
    /// `bigint`
    BigInt,
    /// `real`
    Real,
    /// `float`
    Float,
    /// `decimal`, `numeric`, `money` and `smallmoney`: digits in all, and behind the point.
    Decimal(u8, u8),
    /// `date`
    Date,
    /// `time`
    Time,
    /// `datetime2`
    DateTime2,
    /// `datetime`, which begins in 1753.
    DateTime,
    /// `smalldatetime`, from 1900 to June 2079.
    SmallDateTime,
    /// `datetimeoffset`
    DateTimeOffset,
    /// `uniqueidentifier`
    Guid,
    /// `binary`, `varbinary`, `image`
    Bytes,
    /// Text, and all that is read from text.
    Text,
}

/// Why a value is not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}` is no {wanted}")]
pub struct WrongValue {
    shown: String,
    wanted: String,
}

impl Column {
    /// By the type's name in `sys.types`, and `sys.columns`' precision and scale.
    pub fn of(name: &str, precision: u8, scale: u8) -> Self {
        match name {
            "bit" => Self::Bit,
            "tinyint" => Self::TinyInt,
            "smallint" => Self::SmallInt,
            "int" => Self::Int,
            "bigint" => Self::BigInt,
            "real" => Self::Real,
            "float" => Self::Float,
            "decimal" | "numeric" | "money" | "smallmoney" => Self::Decimal(precision, scale),
            "date" => Self::Date,
            "time" => Self::Time,
            "datetime2" => Self::DateTime2,
            "datetime" => Self::DateTime,
            "smalldatetime" => Self::SmallDateTime,
            "datetimeoffset" => Self::DateTimeOffset,
            "uniqueidentifier" => Self::Guid,
            "binary" | "varbinary" | "image" => Self::Bytes,
            _ => Self::Text,
        }
    }

    /// A type that holds each of its values without loss.
    pub fn sql(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Bit => "bit",
            Self::TinyInt => "tinyint",
            Self::SmallInt => "smallint",
            Self::Int => "int",
            Self::BigInt => "bigint",
            Self::Real => "real",
            Self::Float => "float",
            Self::Decimal(p, s) => return Cow::Owned(format!("decimal({p},{s})")),
            Self::Date => "date",
            Self::Time => "time(7)",
            Self::DateTime2 | Self::DateTime | Self::SmallDateTime => "datetime2(7)",
            Self::DateTimeOffset => "datetimeoffset(7)",
            Self::Guid => "uniqueidentifier",
            Self::Bytes => "varbinary(max)",
            Self::Text => "nvarchar(max)",
        })
    }

    /// What people call it.
    fn title(self) -> Cow<'static, str> {
        match self {
            Self::DateTime => "datetime (1753 to 9999)".into(),
            Self::SmallDateTime => "smalldatetime (1900 to 2079)".into(),
            Self::DateTime2 => "datetime2".into(),
            Self::DateTimeOffset => "datetimeoffset".into(),
            Self::Time => "time of day".into(),
            Self::Bytes => "base64".into(),
            other => other.sql(),
        }
    }

    /// A null of this type.
    pub fn null(self) -> ColumnData<'static> {
        match self {
            Self::Bit => ColumnData::Bit(None),
            Self::TinyInt => ColumnData::U8(None),
            Self::SmallInt => ColumnData::I16(None),
            Self::Int => ColumnData::I32(None),
            Self::BigInt => ColumnData::I64(None),
            Self::Real => ColumnData::F32(None),
            Self::Float => ColumnData::F64(None),
            Self::Decimal(..) => ColumnData::Numeric(None),
            Self::Date => ColumnData::Date(None),
            Self::Time => ColumnData::Time(None),
            Self::DateTime2 | Self::DateTime | Self::SmallDateTime => ColumnData::DateTime2(None),
            Self::DateTimeOffset => ColumnData::DateTimeOffset(None),
            Self::Guid => ColumnData::Guid(None),
            Self::Bytes => ColumnData::Binary(None),
            Self::Text => ColumnData::String(None),
        }
    }

    /// Reads a value: a string's text, or the JSON of everything else.
    ///
    /// # Errors
    /// Where the column has no such value.
    pub fn read(self, text: Cow<'_, str>) -> Result<ColumnData<'_>, WrongValue> {
        let read = match self {
            Self::Text => return Ok(ColumnData::String(Some(text))),
            Self::Bit => number::integer(&text, 0, 1).map(|n| ColumnData::Bit(Some(n == 1))),
            Self::TinyInt => {
                number::integer(&text, 0, u8::MAX.into()).map(|n| ColumnData::U8(Some(n as u8)))
            }
            Self::SmallInt => number::integer(&text, i16::MIN.into(), i16::MAX.into())
                .map(|n| ColumnData::I16(Some(n as i16))),
            Self::Int => number::integer(&text, i32::MIN.into(), i32::MAX.into())
                .map(|n| ColumnData::I32(Some(n as i32))),
            Self::BigInt => {
                number::integer(&text, i64::MIN, i64::MAX).map(|n| ColumnData::I64(Some(n)))
            }
            Self::Real => number::real(&text).map(|n| ColumnData::F32(Some(n))),
            Self::Float => number::float(&text).map(|n| ColumnData::F64(Some(n))),
            Self::Decimal(p, s) => {
                number::decimal(&text, p, s).map(|n| ColumnData::Numeric(Some(n)))
            }
            Self::Date => moment::date(&text).map(|day| ColumnData::Date(Some(day))),
            Self::Time => moment::time(&text).map(|time| ColumnData::Time(Some(time))),
            Self::DateTime2 | Self::DateTime | Self::SmallDateTime => {
                moment::datetime(&text, self).map(|at| ColumnData::DateTime2(Some(at)))
            }
            Self::DateTimeOffset => {
                moment::offset(&text).map(|at| ColumnData::DateTimeOffset(Some(at)))
            }
            Self::Guid => Uuid::parse_str(&text).ok().map(|id| ColumnData::Guid(Some(id))),
            Self::Bytes => STANDARD.decode(&*text).ok().map(|b| ColumnData::Binary(Some(b.into()))),
        };
        read.ok_or_else(|| self.wrong(&text))
    }

    #[cold]
    fn wrong(self, text: &str) -> WrongValue {
        const SHOWN: usize = 60;
        let mut shown: String = text.chars().take(SHOWN).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        WrongValue { shown, wanted: self.title().into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read is written back by the other direction.
    fn back(column: Column, text: &str) -> Result<String, String> {
        let value = column.read(text.into()).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        crate::write_json(&value, &mut out);
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_value_is_the_same_when_it_is_read_again() {
        use Column as C;
        for (column, text, json) in [
            (C::Bit, "true", "true"),
            (C::Bit, "0", "false"),
            (C::TinyInt, "255", "255"),
            (C::SmallInt, "-32768", "-32768"),
            (C::Int, "2147483647", "2147483647"),
            (C::BigInt, "-9223372036854775808", "\"-9223372036854775808\""),
            (C::Real, "0.1", "0.1"),
            (C::Float, "1e-7", "1e-7"),
            (C::Decimal(5, 2), "-1.50", "\"-1.50\""),
            (C::Decimal(5, 2), "1.5000", "\"1.50\""),
            (C::Decimal(5, 0), "1.2e3", "\"1200\""),
            (C::Decimal(19, 4), "922337203685477.5807", "\"922337203685477.5807\""),
            (
                C::Decimal(38, 0),
                "99999999999999999999999999999999999999",
                "\"99999999999999999999999999999999999999\"",
            ),
            (C::Date, "0001-01-01", "\"0001-01-01\""),
            (C::Date, "9999-12-31", "\"9999-12-31\""),
            (C::Time, "23:59:59.1234567", "\"23:59:59.1234567\""),
            (C::Time, "12:30", "\"12:30:00.0000000\""),
            (C::DateTime2, "2026-03-01T12:30:00.5", "\"2026-03-01T12:30:00.5000000\""),
            (C::DateTime2, "2026-03-01 12:30:00Z", "\"2026-03-01T12:30:00.0000000\""),
            (C::DateTime2, "2026-03-01T00:30:00+02:00", "\"2026-02-28T22:30:00.0000000\""),
            (
                C::DateTimeOffset,
                "2026-03-01T00:30:00.25+02:00",
                "\"2026-03-01T00:30:00.2500000+02:00\"",
            ),
            (C::DateTimeOffset, "2026-03-01T00:30:00Z", "\"2026-03-01T00:30:00.0000000+00:00\""),
            (
                C::DateTimeOffset,
                "2023-12-31T22:30:00-01:30",
                "\"2023-12-31T22:30:00.0000000-01:30\"",
            ),
            (
                C::Guid,
                "5E0A1C0E-6f0f-4d57-9f43-0f6f2f4f9b11",
                "\"5e0a1c0e-6f0f-4d57-9f43-0f6f2f4f9b11\"",
            ),
            (C::Bytes, "AP8=", "\"AP8=\""),
            (C::Text, "it's", "\"it's\""),
        ] {
            assert_eq!(back(column, text).as_deref(), Ok(json), "{column:?} {text}");
        }
    }

    #[test]
    fn what_the_server_would_round_or_take_for_another_value_is_refused() {
        use Column as C;
        for (column, text) in [
            (C::Bit, "2"),
            (C::TinyInt, "-1"),
            (C::Int, "1.5"),
            (C::Int, ""),
            (C::Int, "+1"),
            (C::Int, "2147483648"),
            (C::BigInt, "9223372036854775808"),
            (C::Real, "1e39"),
            (C::Float, "NaN"),
            (C::Float, "Infinity"),
            (C::Float, "1e999"),
            (C::Decimal(5, 2), "1.555"),
            (C::Decimal(5, 2), "1234.5"),
            (C::Decimal(5, 2), "NaN"),
            (C::Decimal(5, 2), "."),
            (C::Decimal(5, 2), "1e400"),
            (C::Date, "2026-02-30"),
            (C::Date, "0000-01-01"),
            (C::Date, "infinity"),
            (C::Date, "10000-01-01"),
            (C::Time, "24:00:00"),
            (C::Time, "-01:00:00"),
            (C::DateTime2, "2026-03-01T12:30:60"),
            (C::DateTime2, "9999-12-31T23:30:00-02:00"),
            (C::DateTime, "1752-12-31T00:00:00"),
            (C::SmallDateTime, "2080-01-01T00:00:00"),
            (C::DateTimeOffset, "2026-03-01T12:30:00+15:00"),
            (C::Guid, "x"),
            (C::Bytes, "%"),
        ] {
            let error = back(column, text).expect_err(text);
            assert!(error.contains(&format!("`{text}` is no ")), "{error}");
        }
    }
}
