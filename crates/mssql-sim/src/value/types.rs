//! The types: their names in T-SQL, and which of two wins when they meet.

use std::fmt;

use crate::error::{Result, SqlError};

/// A declared length, or `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Len {
    Of(u16),
    Max,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SqlType {
    Bit,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Real,
    Float,
    Decimal(u8, u8),
    Numeric(u8, u8),
    Money,
    SmallMoney,
    Date,
    Time(u8),
    DateTime,
    SmallDateTime,
    DateTime2(u8),
    DateTimeOffset(u8),
    Char(u16),
    VarChar(Len),
    NChar(u16),
    NVarChar(Len),
    Binary(u16),
    VarBinary(Len),
    UniqueIdentifier,
    Xml,
    RowVersion,
}

use SqlType as T;

impl SqlType {
    /// From the text of a declaration: `nvarchar(50)`, `decimal(19, 4)`, `INTEGER`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let (name, args) = match lower.split_once('(') {
            Some((name, rest)) => (name.trim(), rest.trim_end_matches(')')),
            None => (lower.as_str(), ""),
        };
        let name = name.trim_start_matches("sys.").trim_matches(['[', ']']);
        let args: Vec<&str> = args.split(',').map(str::trim).filter(|a| !a.is_empty()).collect();
        let number = |i: usize, default: u8| -> Result<u8> {
            args.get(i).map_or(Ok(default), |a| a.parse().map_err(|_| SqlError::syntax(text)))
        };
        let len = |default: u16, most: u16| -> Result<Len> {
            match args.first() {
                None => Ok(Len::Of(default)),
                Some(&"max") => Ok(Len::Max),
                Some(n) => match n.parse::<u16>() {
                    Ok(n) if (1..=most).contains(&n) => Ok(Len::Of(n)),
                    _ => Err(SqlError::new(
                        131,
                        format!(
                            "The size ({n}) given to the type '{name}' exceeds the maximum allowed for any data type ({most})."
                        ),
                    )),
                },
            }
        };
        let fixed = |most: u16| match len(1, most)? {
            Len::Of(n) => Ok(n),
            Len::Max => Err(SqlError::syntax(text)),
        };
        Ok(match name {
            "bit" => T::Bit,
            "tinyint" => T::TinyInt,
            "smallint" => T::SmallInt,
            "int" | "integer" => T::Int,
            "bigint" => T::BigInt,
            "real" => T::Real,
            "float" => {
                if number(0, 53)? <= 24 {
                    T::Real
                } else {
                    T::Float
                }
            }
            "double precision" => T::Float,
            "decimal" | "dec" => T::Decimal(number(0, 18)?, number(1, 0)?),
            "numeric" => T::Numeric(number(0, 18)?, number(1, 0)?),
            "money" => T::Money,
            "smallmoney" => T::SmallMoney,
            "date" => T::Date,
            "time" => T::Time(number(0, 7)?),
            "datetime" => T::DateTime,
            "smalldatetime" => T::SmallDateTime,
            "datetime2" => T::DateTime2(number(0, 7)?),
            "datetimeoffset" => T::DateTimeOffset(number(0, 7)?),
            "char" | "character" => T::Char(fixed(8000)?),
            "varchar" | "character varying" | "char varying" => T::VarChar(len(1, 8000)?),
            "nchar" => T::NChar(fixed(4000)?),
            "nvarchar" => T::NVarChar(len(1, 4000)?),
            "sysname" => T::NVarChar(Len::Of(128)),
            "binary" => T::Binary(fixed(8000)?),
            "varbinary" => T::VarBinary(len(1, 8000)?),
            "uniqueidentifier" => T::UniqueIdentifier,
            "xml" => T::Xml,
            "rowversion" | "timestamp" => T::RowVersion,
            _ => return Err(SqlError::new(2715, format!("Cannot find data type {name}."))),
        })
    }

    /// In a CAST the length that is left out is 30.
    pub(crate) fn parse_cast(text: &str) -> Result<Self> {
        let ty = Self::parse(text)?;
        if text.contains('(') || text.trim().eq_ignore_ascii_case("sysname") {
            return Ok(ty);
        }
        Ok(match ty {
            T::Char(_) => T::Char(30),
            T::VarChar(_) => T::VarChar(Len::Of(30)),
            T::NChar(_) => T::NChar(30),
            T::NVarChar(_) => T::NVarChar(Len::Of(30)),
            T::Binary(_) => T::Binary(30),
            T::VarBinary(_) => T::VarBinary(Len::Of(30)),
            other => other,
        })
    }

    /// The name without length, as in `sys.types` and `cdc.captured_columns`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            T::Bit => "bit",
            T::TinyInt => "tinyint",
            T::SmallInt => "smallint",
            T::Int => "int",
            T::BigInt => "bigint",
            T::Real => "real",
            T::Float => "float",
            T::Decimal(..) => "decimal",
            T::Numeric(..) => "numeric",
            T::Money => "money",
            T::SmallMoney => "smallmoney",
            T::Date => "date",
            T::Time(_) => "time",
            T::DateTime => "datetime",
            T::SmallDateTime => "smalldatetime",
            T::DateTime2(_) => "datetime2",
            T::DateTimeOffset(_) => "datetimeoffset",
            T::Char(_) => "char",
            T::VarChar(_) => "varchar",
            T::NChar(_) => "nchar",
            T::NVarChar(_) => "nvarchar",
            T::Binary(_) => "binary",
            T::VarBinary(_) => "varbinary",
            T::UniqueIdentifier => "uniqueidentifier",
            T::Xml => "xml",
            T::RowVersion => "timestamp",
        }
    }

    pub(crate) fn is_text(self) -> bool {
        matches!(self, T::Char(_) | T::VarChar(_) | T::NChar(_) | T::NVarChar(_) | T::Xml)
    }

    pub(crate) fn is_unicode(self) -> bool {
        matches!(self, T::NChar(_) | T::NVarChar(_) | T::Xml)
    }

    pub(crate) fn is_binary(self) -> bool {
        matches!(self, T::Binary(_) | T::VarBinary(_) | T::RowVersion)
    }

    pub(crate) fn is_number(self) -> bool {
        self.rank() >= 6 && self.rank() <= 15
    }

    pub(crate) fn is_time(self) -> bool {
        self.rank() > 15 && self.rank() < 25
    }

    /// `(max)` and xml: stored outside of the row, and sent in parts.
    pub(crate) fn is_large(self) -> bool {
        matches!(
            self,
            T::VarChar(Len::Max) | T::NVarChar(Len::Max) | T::VarBinary(Len::Max) | T::Xml
        )
    }

    /// Precedence: of two types the higher one is what both are converted to.
    /// <https://learn.microsoft.com/en-us/sql/t-sql/data-types/data-type-precedence-transact-sql>
    pub(crate) fn rank(self) -> u8 {
        match self {
            T::Binary(_) => 0,
            T::VarBinary(_) => 1,
            T::Char(_) => 2,
            T::VarChar(_) => 3,
            T::NChar(_) => 4,
            T::NVarChar(_) => 5,
            T::Bit => 7,
            T::TinyInt => 8,
            T::SmallInt => 9,
            T::Int => 10,
            T::BigInt => 11,
            T::SmallMoney => 12,
            T::Money => 13,
            T::Decimal(..) | T::Numeric(..) => 14,
            T::Real | T::Float => 15,
            T::Time(_) => 16,
            T::Date => 17,
            T::SmallDateTime => 18,
            T::DateTime => 19,
            T::DateTime2(_) => 20,
            T::DateTimeOffset(_) => 21,
            T::RowVersion => 6,
            T::UniqueIdentifier => 30,
            T::Xml => 31,
        }
    }

    /// What `sys.columns` and `INFORMATION_SCHEMA` show: bytes, precision, scale.
    pub(crate) fn sizes(self) -> (i16, u8, u8) {
        let len = |len: Len, width: i16| match len {
            Len::Of(n) => n as i16 * width,
            Len::Max => -1,
        };
        match self {
            T::Bit => (1, 1, 0),
            T::TinyInt => (1, 3, 0),
            T::SmallInt => (2, 5, 0),
            T::Int => (4, 10, 0),
            T::BigInt => (8, 19, 0),
            T::Real => (4, 24, 0),
            T::Float => (8, 53, 0),
            T::Decimal(p, s) | T::Numeric(p, s) => (i16::from(decimal_bytes(p)), p, s),
            T::Money => (8, 19, 4),
            T::SmallMoney => (4, 10, 4),
            T::Date => (3, 10, 0),
            T::Time(s) => (i16::from(time_bytes(s)), 8 + s + u8::from(s > 0), s),
            T::DateTime => (8, 23, 3),
            T::SmallDateTime => (4, 16, 0),
            T::DateTime2(s) => (i16::from(time_bytes(s)) + 3, 19 + s + u8::from(s > 0), s),
            T::DateTimeOffset(s) => (i16::from(time_bytes(s)) + 5, 26 + s + u8::from(s > 0), s),
            T::Char(n) | T::Binary(n) => (n as i16, 0, 0),
            T::NChar(n) => (n as i16 * 2, 0, 0),
            T::VarChar(n) | T::VarBinary(n) => (len(n, 1), 0, 0),
            T::NVarChar(n) => (len(n, 2), 0, 0),
            T::UniqueIdentifier => (16, 0, 0),
            T::Xml => (-1, 0, 0),
            T::RowVersion => (8, 0, 0),
        }
    }
}

/// Bytes of a decimal's value on the wire, its sign included.
pub(super) fn decimal_bytes(precision: u8) -> u8 {
    match precision {
        0..=9 => 5,
        10..=19 => 9,
        20..=28 => 13,
        _ => 17,
    }
}

/// Bytes of a time of day with so many digits.
pub(super) fn time_bytes(scale: u8) -> u8 {
    match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            T::Decimal(p, s) | T::Numeric(p, s) => write!(f, "({p},{s})"),
            T::Time(s) | T::DateTime2(s) | T::DateTimeOffset(s) => write!(f, "({s})"),
            T::Char(n) | T::NChar(n) | T::Binary(n) => write!(f, "({n})"),
            T::VarChar(Len::Of(n)) | T::NVarChar(Len::Of(n)) | T::VarBinary(Len::Of(n)) => {
                write!(f, "({n})")
            }
            T::VarChar(Len::Max) | T::NVarChar(Len::Max) | T::VarBinary(Len::Max) => {
                f.write_str("(max)")
            }
            _ => Ok(()),
        }
    }
}

/// The type in which two values can be compared, joined by CASE or united.
pub(crate) fn common_type(a: SqlType, b: SqlType) -> SqlType {
    if a == b {
        return a;
    }
    let (low, high) = if a.rank() <= b.rank() { (a, b) } else { (b, a) };
    match (low, high) {
        (l, h) if h.is_text() && h.rank() < 6 && l.is_text() => widest_text(l, h),
        (l, h) if l.is_binary() && h.is_binary() => match (byte_len(l), byte_len(h)) {
            (Len::Of(x), Len::Of(y)) => T::VarBinary(Len::Of(x.max(y))),
            _ => T::VarBinary(Len::Max),
        },
        (l, h) if matches!(h, T::Decimal(..) | T::Numeric(..)) => {
            let ((p1, s1), (p2, s2)) = (digits(l), digits(h));
            let scale = s1.max(s2);
            let whole = (p1 - s1.min(p1)).max(p2 - s2);
            T::Decimal((whole + scale).min(38), scale)
        }
        (T::Real | T::Float, T::Real | T::Float) => T::Float,
        (T::Time(x), T::Time(y)) => T::Time(x.max(y)),
        (T::DateTime2(x), T::DateTime2(y)) => T::DateTime2(x.max(y)),
        (T::DateTimeOffset(x), T::DateTimeOffset(y)) => T::DateTimeOffset(x.max(y)),
        (_, h) => h,
    }
}

fn widest_text(l: SqlType, h: SqlType) -> SqlType {
    let unicode = l.is_unicode() || h.is_unicode();
    let len = char_len(l).max(char_len(h));
    match (unicode, len) {
        (true, Len::Of(n)) if n > 4000 => T::NVarChar(Len::Max),
        (true, len) => T::NVarChar(len),
        (false, len) => T::VarChar(len),
    }
}

/// The declared length of a text type, in characters.
pub(super) fn char_len(ty: SqlType) -> Len {
    match ty {
        T::Char(n) | T::NChar(n) => Len::Of(n),
        T::VarChar(len) | T::NVarChar(len) => len,
        _ => Len::Max,
    }
}

fn byte_len(ty: SqlType) -> Len {
    match ty {
        T::Binary(n) => Len::Of(n),
        T::RowVersion => Len::Of(8),
        T::VarBinary(len) => len,
        _ => Len::Max,
    }
}

/// Precision and scale of a number when it meets a decimal.
pub(crate) fn digits(ty: SqlType) -> (u8, u8) {
    match ty {
        T::Decimal(p, s) | T::Numeric(p, s) => (p, s),
        T::Bit => (1, 0),
        T::TinyInt => (3, 0),
        T::SmallInt => (5, 0),
        T::Int => (10, 0),
        T::BigInt => (19, 0),
        T::Money => (19, 4),
        T::SmallMoney => (10, 4),
        _ => (18, 0),
    }
}
