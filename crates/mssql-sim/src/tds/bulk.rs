//! The rows of a bulk load: COLMETADATA, ROW, …, DONE. [MS-TDS] 2.2.6.1.

use crate::error::{Result, SqlError};
use crate::value::{Column, SqlType, Value, read_type_info, read_typed, utf16_text};

fn broken() -> SqlError {
    SqlError::new(
        4002,
        "The incoming tabular data stream (TDS) protocol stream is incorrect. The stream ended unexpectedly.",
    )
}

/// Calls `row` with the types that the client declared and the values of each row.
pub(crate) fn read_bulk(
    body: &[u8],
    mut row: impl FnMut(&[(String, SqlType)], Vec<Value>) -> Result<()>,
) -> Result<u64> {
    let (columns, names, mut at) = metadata(body)?;
    let mut rows = 0;
    loop {
        match body.get(at).ok_or_else(broken)? {
            0xD1 => at += 1,
            0xFD => return Ok(rows),
            _ => return Err(broken()),
        }
        let mut values = Vec::with_capacity(columns.len());
        for column in &columns {
            let (value, len) = read_typed(*column, body.get(at..).ok_or_else(broken)?)?;
            values.push(value);
            at += len;
        }
        row(&names, values)?;
        rows += 1;
    }
}

type Metadata = (Vec<Column>, Vec<(String, SqlType)>, usize);

fn metadata(body: &[u8]) -> Result<Metadata> {
    if body.first() != Some(&0x81) {
        return Err(broken());
    }
    let byte = |at: usize| body.get(at).copied().ok_or_else(broken);
    let count = u16::from_le_bytes([byte(1)?, byte(2)?]);
    let (mut columns, mut names, mut at) = (Vec::new(), Vec::new(), 3);
    for _ in 0..count {
        at += 6;
        let (column, len) = read_type_info(body.get(at..).ok_or_else(broken)?)?;
        at += len;
        let len = usize::from(byte(at)?) * 2;
        let name = utf16_text(body.get(at + 1..at + 1 + len).ok_or_else(broken)?);
        at += 1 + len;
        columns.push(column);
        names.push((name, column.ty));
    }
    Ok((columns, names, at))
}
