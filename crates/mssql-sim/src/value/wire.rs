//! Types and values as bytes: TYPE_INFO and TYPE_VARBYTE of [MS-TDS] 2.2.5.4 to 2.2.5.6.
//! <https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-tds/>

use super::calendar::DAY7;
use super::types::{decimal_bytes, time_bytes};
use super::{Len, SqlType as T, Value};
use crate::error::{Result, SqlError};

/// How a column's values are encoded: NOT NULL types of fixed length have no length byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    pub ty: T,
    pub nullable: bool,
}

/// A row as its ROW token holds it, and where each column begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoded<'a> {
    pub columns: &'a [Column],
    pub bytes: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// The bytes of a column.
    pub(crate) fn slice(self, index: usize) -> &'a [u8] {
        let mut at = 0;
        for column in &self.columns[..index] {
            at += skip_value(*column, &self.bytes[at..]);
        }
        &self.bytes[at..at + skip_value(self.columns[index], &self.bytes[at..])]
    }

    pub(crate) fn get(self, index: usize) -> Value {
        read_value(self.columns[index], self.slice(index))
    }

    pub(crate) fn all(self) -> Vec<Value> {
        let mut at = 0;
        let mut values = Vec::with_capacity(self.columns.len());
        for column in self.columns {
            let len = skip_value(*column, &self.bytes[at..]);
            values.push(read_value(*column, &self.bytes[at..at + len]));
            at += len;
        }
        values
    }
}

/// `SQL_Latin1_General_CP1_CI_AS`.
const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];

/// The length of a type that is sent without a length byte when it is NOT NULL.
fn fixed(column: Column) -> Option<(u8, usize)> {
    if column.nullable {
        return None;
    }
    Some(match column.ty {
        T::Bit => (0x32, 1),
        T::TinyInt => (0x30, 1),
        T::SmallInt => (0x34, 2),
        T::Int => (0x38, 4),
        T::BigInt => (0x7F, 8),
        T::Real => (0x3B, 4),
        T::Float => (0x3E, 8),
        T::Money => (0x3C, 8),
        T::SmallMoney => (0x7A, 4),
        T::DateTime => (0x3D, 8),
        T::SmallDateTime => (0x3A, 4),
        _ => return None,
    })
}

pub(crate) fn write_type_info(out: &mut Vec<u8>, column: Column) {
    if let Some((token, _)) = fixed(column) {
        return out.push(token);
    }
    let sized = |out: &mut Vec<u8>, token: u8, len: Len, width: u16, text: bool| {
        out.push(token);
        out.extend(match len {
            Len::Of(n) => (n * width).to_le_bytes(),
            Len::Max => [0xFF, 0xFF],
        });
        if text {
            out.extend(COLLATION);
        }
    };
    match column.ty {
        T::Bit => out.extend([0x68, 1]),
        T::TinyInt => out.extend([0x26, 1]),
        T::SmallInt => out.extend([0x26, 2]),
        T::Int => out.extend([0x26, 4]),
        T::BigInt => out.extend([0x26, 8]),
        T::Real => out.extend([0x6D, 4]),
        T::Float => out.extend([0x6D, 8]),
        T::Money => out.extend([0x6E, 8]),
        T::SmallMoney => out.extend([0x6E, 4]),
        T::DateTime => out.extend([0x6F, 8]),
        T::SmallDateTime => out.extend([0x6F, 4]),
        T::Decimal(p, s) => out.extend([0x6A, decimal_bytes(p), p, s]),
        T::Numeric(p, s) => out.extend([0x6C, decimal_bytes(p), p, s]),
        T::Date => out.push(0x28),
        T::Time(s) => out.extend([0x29, s]),
        T::DateTime2(s) => out.extend([0x2A, s]),
        T::DateTimeOffset(s) => out.extend([0x2B, s]),
        T::UniqueIdentifier => out.extend([0x24, 16]),
        T::Xml => out.extend([0xF1, 0]),
        T::Char(n) => sized(out, 0xAF, Len::Of(n), 1, true),
        T::VarChar(n) => sized(out, 0xA7, n, 1, true),
        T::NChar(n) => sized(out, 0xEF, Len::Of(n), 2, true),
        T::NVarChar(n) => sized(out, 0xE7, n, 2, true),
        T::Binary(n) => sized(out, 0xAD, Len::Of(n), 1, false),
        T::RowVersion => sized(out, 0xAD, Len::Of(8), 1, false),
        T::VarBinary(n) => sized(out, 0xA5, n, 1, false),
    }
}

/// The bytes that a value takes, its length included.
pub(crate) fn skip_value(column: Column, bytes: &[u8]) -> usize {
    if let Some((_, len)) = fixed(column) {
        return len;
    }
    match column.ty {
        ty if ty.is_large() => {
            if bytes[..8] == [0xFF; 8] {
                return 8;
            }
            let mut at = 8;
            loop {
                let len = u32_at(bytes, at) as usize;
                at += 4 + len;
                if len == 0 {
                    return at;
                }
            }
        }
        ty if ty.is_text() || ty.is_binary() => match u16::from_le_bytes([bytes[0], bytes[1]]) {
            0xFFFF => 2,
            len => 2 + usize::from(len),
        },
        _ => 1 + usize::from(bytes[0]),
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Appends a value that was converted to the column's type.
pub(crate) fn write_value(out: &mut Vec<u8>, column: Column, value: &Value) {
    let ty = column.ty;
    if ty.is_large() {
        return write_large(out, ty, value);
    }
    if ty.is_text() || ty.is_binary() {
        if value.is_null() {
            return out.extend([0xFF, 0xFF]);
        }
        let at = out.len();
        out.extend([0, 0]);
        write_chars(out, ty, value);
        let len = (out.len() - at - 2) as u16;
        out[at..at + 2].copy_from_slice(&len.to_le_bytes());
        return;
    }
    if fixed(column).is_some() {
        return write_number(out, ty, value);
    }
    if value.is_null() {
        return out.push(0);
    }
    let at = out.len();
    out.push(0);
    write_number(out, ty, value);
    out[at] = (out.len() - at - 1) as u8;
}

fn write_large(out: &mut Vec<u8>, ty: T, value: &Value) {
    if value.is_null() {
        return out.extend([0xFF; 8]);
    }
    let at = out.len();
    out.extend([0; 12]);
    write_chars(out, ty, value);
    let len = out.len() - at - 12;
    out[at..at + 8].copy_from_slice(&(len as u64).to_le_bytes());
    if len == 0 {
        // No part at all: the four bytes already there are the end.
        return;
    }
    out[at + 8..at + 12].copy_from_slice(&(len as u32).to_le_bytes());
    out.extend([0; 4]);
}

fn write_chars(out: &mut Vec<u8>, ty: T, value: &Value) {
    match value {
        Value::Text(text) if ty.is_unicode() => {
            for unit in text.encode_utf16() {
                out.extend(unit.to_le_bytes());
            }
        }
        Value::Text(text) if text.is_ascii() => out.extend(text.as_bytes()),
        Value::Text(text) => {
            for c in text.chars() {
                let mut buffer = [0; 4];
                let (bytes, _, unmappable) =
                    encoding_rs::WINDOWS_1252.encode(c.encode_utf8(&mut buffer));
                if unmappable { out.push(b'?') } else { out.extend(bytes.iter()) }
            }
        }
        Value::Bytes(bytes) => out.extend(bytes),
        _ => {}
    }
}

fn write_number(out: &mut Vec<u8>, ty: T, value: &Value) {
    match (value, ty) {
        (Value::Bit(b), _) => out.push(u8::from(*b)),
        (Value::Int(n), T::TinyInt) => out.push(*n as u8),
        (Value::Int(n), T::SmallInt) => out.extend((*n as i16).to_le_bytes()),
        (Value::Int(n), T::Int) => out.extend((*n as i32).to_le_bytes()),
        (Value::Int(n), _) => out.extend(n.to_le_bytes()),
        (Value::Float(f), T::Real) => out.extend((*f as f32).to_le_bytes()),
        (Value::Float(f), _) => out.extend(f.to_le_bytes()),
        (Value::Decimal(n, _), T::SmallMoney) => out.extend((*n as i32).to_le_bytes()),
        (Value::Decimal(n, _), T::Money) => {
            let n = *n as i64;
            out.extend(((n >> 32) as i32).to_le_bytes());
            out.extend((n as u32).to_le_bytes());
        }
        (Value::Decimal(n, _), T::Decimal(p, _) | T::Numeric(p, _)) => {
            out.push(u8::from(*n >= 0));
            out.extend(&n.unsigned_abs().to_le_bytes()[..usize::from(decimal_bytes(p)) - 1]);
        }
        (Value::DateTime(day, thirds), T::SmallDateTime) => {
            out.extend((*day as u16).to_le_bytes());
            out.extend(((*thirds / 18_000) as u16).to_le_bytes());
        }
        (Value::DateTime(day, thirds), _) => {
            out.extend(day.to_le_bytes());
            out.extend(thirds.to_le_bytes());
        }
        (Value::Date(day), _) => write_day(out, *day),
        (Value::Time(ticks), T::Time(scale)) => write_ticks(out, *ticks, scale),
        (Value::DateTime2(day, ticks), T::DateTime2(scale)) => {
            write_ticks(out, *ticks, scale);
            write_day(out, *day);
        }
        (Value::Offset(day, ticks, offset), T::DateTimeOffset(scale)) => {
            write_ticks(out, *ticks, scale);
            write_day(out, *day);
            out.extend(offset.to_le_bytes());
        }
        (Value::Guid(bytes), _) => out.extend(bytes),
        _ => {}
    }
}

fn write_day(out: &mut Vec<u8>, day: i32) {
    out.extend(&day.to_le_bytes()[..3]);
}

fn write_ticks(out: &mut Vec<u8>, ticks: i64, scale: u8) {
    let units = ticks.clamp(0, DAY7 - 1) / 10_i64.pow(7 - u32::from(scale));
    out.extend(&units.to_le_bytes()[..usize::from(time_bytes(scale))]);
}

/// A value from exactly its bytes.
pub(crate) fn read_value(column: Column, bytes: &[u8]) -> Value {
    let ty = column.ty;
    if fixed(column).is_some() {
        return read_number(ty, bytes);
    }
    if ty.is_large() {
        if bytes[..8] == [0xFF; 8] {
            return Value::Null;
        }
        return read_chars(ty, &gather(bytes));
    }
    if ty.is_text() || ty.is_binary() {
        return if bytes[..2] == [0xFF, 0xFF] { Value::Null } else { read_chars(ty, &bytes[2..]) };
    }
    if bytes[0] == 0 { Value::Null } else { read_number(ty, &bytes[1..]) }
}

/// The parts of a large value, joined.
fn gather(bytes: &[u8]) -> Vec<u8> {
    let (mut at, mut all) = (8, Vec::new());
    loop {
        let len = u32_at(bytes, at) as usize;
        if len == 0 {
            return all;
        }
        all.extend(&bytes[at + 4..at + 4 + len]);
        at += 4 + len;
    }
}

/// UTF-16, little-endian.
pub(crate) fn utf16_text(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn read_chars(ty: T, bytes: &[u8]) -> Value {
    if ty.is_binary() {
        return Value::Bytes(bytes.to_vec());
    }
    if ty.is_unicode() {
        let text = utf16_text(bytes);
        return Value::Text(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text));
    }
    Value::Text(encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned())
}

fn little(bytes: &[u8]) -> i64 {
    bytes.iter().rev().fold(0, |n, byte| n << 8 | i64::from(*byte))
}

fn read_number(ty: T, b: &[u8]) -> Value {
    match ty {
        T::Bit => Value::Bit(b[0] != 0),
        T::TinyInt => Value::Int(i64::from(b[0])),
        T::SmallInt => Value::Int(i64::from(little(&b[..2]) as i16)),
        T::Int => Value::Int(i64::from(little(&b[..4]) as i32)),
        T::BigInt => Value::Int(little(&b[..8])),
        T::Real => Value::Float(f64::from(f32::from_bits(little(&b[..4]) as u32))),
        T::Float => Value::Float(f64::from_bits(little(&b[..8]) as u64)),
        T::SmallMoney => Value::Decimal(i128::from(little(&b[..4]) as i32), 4),
        T::Money => Value::Decimal(i128::from(little(&b[..4]) << 32 | little(&b[4..8])), 4),
        T::Decimal(_, s) | T::Numeric(_, s) => {
            let n = b[1..].iter().rev().fold(0_u128, |n, byte| n << 8 | u128::from(*byte)) as i128;
            Value::Decimal(if b[0] == 0 { -n } else { n }, s)
        }
        T::Date => Value::Date(little(&b[..3]) as i32),
        T::Time(s) => Value::Time(read_ticks(b, s)),
        T::DateTime2(s) => {
            let n = usize::from(time_bytes(s));
            Value::DateTime2(little(&b[n..n + 3]) as i32, read_ticks(b, s))
        }
        T::DateTimeOffset(s) => {
            let n = usize::from(time_bytes(s));
            Value::Offset(
                little(&b[n..n + 3]) as i32,
                read_ticks(b, s),
                little(&b[n + 3..n + 5]) as i16,
            )
        }
        T::DateTime => Value::DateTime(little(&b[..4]) as i32, little(&b[4..8]) as u32),
        T::SmallDateTime => {
            Value::DateTime(little(&b[..2]) as i32, little(&b[2..4]) as u32 * 18_000)
        }
        T::UniqueIdentifier => b[..16].try_into().map_or(Value::Null, Value::Guid),
        _ => Value::Null,
    }
}

fn read_ticks(b: &[u8], scale: u8) -> i64 {
    little(&b[..usize::from(time_bytes(scale))]) * 10_i64.pow(7 - u32::from(scale))
}

/// TYPE_INFO as clients send it, and the bytes that it takes.
pub(crate) fn read_type_info(b: &[u8]) -> Result<(Column, usize)> {
    let short = || {
        SqlError::new(8009, "The incoming tabular data stream (TDS) protocol stream is incorrect.")
    };
    let at = |i: usize| b.get(i).copied().ok_or_else(short);
    let token = at(0)?;
    let column = |ty, nullable, len| Ok((Column { ty, nullable }, len));
    let sized = |width: u16| -> Result<Len> {
        Ok(match u16::from_le_bytes([at(1)?, at(2)?]) {
            0xFFFF => Len::Max,
            n => Len::Of((n / width).max(1)),
        })
    };
    let fixed_len = |len: Len| if let Len::Of(n) = len { n } else { 8000 };
    match token {
        0x30 => column(T::TinyInt, false, 1),
        0x32 => column(T::Bit, false, 1),
        0x34 => column(T::SmallInt, false, 1),
        0x38 => column(T::Int, false, 1),
        0x7F => column(T::BigInt, false, 1),
        0x3B => column(T::Real, false, 1),
        0x3E => column(T::Float, false, 1),
        0x3C => column(T::Money, false, 1),
        0x7A => column(T::SmallMoney, false, 1),
        0x3D => column(T::DateTime, false, 1),
        0x3A => column(T::SmallDateTime, false, 1),
        0x68 => column(T::Bit, true, 2),
        0x26 => column(
            match at(1)? {
                1 => T::TinyInt,
                2 => T::SmallInt,
                4 => T::Int,
                _ => T::BigInt,
            },
            true,
            2,
        ),
        0x6D => column(if at(1)? == 4 { T::Real } else { T::Float }, true, 2),
        0x6E => column(if at(1)? == 4 { T::SmallMoney } else { T::Money }, true, 2),
        0x6F => column(if at(1)? == 4 { T::SmallDateTime } else { T::DateTime }, true, 2),
        0x6A => column(T::Decimal(at(2)?, at(3)?), true, 4),
        0x6C => column(T::Numeric(at(2)?, at(3)?), true, 4),
        0x28 => column(T::Date, true, 1),
        0x29 => column(T::Time(at(1)?), true, 2),
        0x2A => column(T::DateTime2(at(1)?), true, 2),
        0x2B => column(T::DateTimeOffset(at(1)?), true, 2),
        0x24 => column(T::UniqueIdentifier, true, 2),
        0xF1 => column(T::Xml, true, 2),
        0xAF => column(T::Char(fixed_len(sized(1)?)), true, 8),
        0xA7 => column(T::VarChar(sized(1)?), true, 8),
        0xEF => column(T::NChar(fixed_len(sized(2)?)), true, 8),
        0xE7 => column(T::NVarChar(sized(2)?), true, 8),
        0xAD => column(T::Binary(fixed_len(sized(1)?)), true, 3),
        0xA5 => column(T::VarBinary(sized(1)?), true, 3),
        other => Err(SqlError::unknown(format!("the TDS type 0x{other:02X}"))),
    }
}

/// A value that follows its TYPE_INFO, and the bytes that it takes.
pub(crate) fn read_typed(column: Column, bytes: &[u8]) -> Result<(Value, usize)> {
    let broken = || {
        SqlError::new(8009, "The incoming tabular data stream (TDS) protocol stream is incorrect.")
    };
    let need = match column.ty {
        ty if ty.is_large() => 8,
        ty if ty.is_text() || ty.is_binary() => 2,
        _ => 1,
    };
    if bytes.len() < need {
        return Err(broken());
    }
    if column.ty.is_large() && bytes[..8] != [0xFF; 8] {
        let mut at = 8;
        loop {
            if bytes.len() < at + 4 {
                return Err(broken());
            }
            let len = u32_at(bytes, at) as usize;
            at += 4 + len;
            if len == 0 {
                break;
            }
        }
    }
    let len = skip_value(column, bytes);
    let slice = bytes.get(..len).ok_or_else(broken)?;
    Ok((read_value(column, slice), len))
}

/// COLMETADATA's flags of a table's column: [MS-TDS] 2.2.7.4.
pub(crate) struct Flags7;

impl Flags7 {
    pub(crate) fn of(nullable: bool, identity: bool, computed: bool, ty: T) -> u16 {
        let read_only = identity || computed || ty == T::RowVersion;
        u16::from(nullable)
            | if ty == T::Xml { 0x02 } else { 0 }
            | if read_only { 0 } else { 0x08 }
            | if identity { 0x10 } else { 0 }
            | if computed { 0x20 } else { 0 }
    }
}
