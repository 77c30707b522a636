//! Row events: inserts, updates, deletes of one table.

use super::bytes::{Bytes, Damaged, Read, bit};
use crate::table::Table;

/// What happened to the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Insert,
    Update,
    Delete,
}

/// The shape of a row event, by its number: what happened, whether the header is the longer one,
/// whether MariaDB has compressed the rows.
pub(crate) fn shape(code: u8) -> Option<(Kind, bool, bool)> {
    use Kind::{Delete, Insert, Update};
    Some(match code {
        23 => (Insert, false, false),
        24 => (Update, false, false),
        25 => (Delete, false, false),
        30 => (Insert, true, false),
        31 => (Update, true, false),
        32 => (Delete, true, false),
        166 => (Insert, false, true),
        167 => (Update, false, true),
        168 => (Delete, false, true),
        169 => (Insert, true, true),
        170 => (Update, true, true),
        171 => (Delete, true, true),
        _ => return None,
    })
}

/// A row event up to its rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) table_id: u64,
    pub(crate) width: usize,
    /// Which columns each image has: the only one, or that before.
    pub(crate) first: &'a [u8],
    /// Of an update: that after.
    pub(crate) second: &'a [u8],
    /// The rows, or what they were compressed to.
    pub(crate) rows: &'a [u8],
}

/// Reads the head.
pub(crate) fn head(body: &[u8], kind: Kind, long: bool) -> Read<Rows<'_>> {
    let mut bytes = Bytes(body);
    let table_id = bytes.uint(6)?;
    bytes.take(2)?;
    if long {
        let extra = bytes.uint(2)?;
        let extra = usize::try_from(extra).unwrap_or_default().checked_sub(2);
        bytes.take(extra.ok_or(Damaged("its header has no length"))?)?;
    }
    let width = bytes.packed_len()?;
    let first = bytes.take(width.div_ceil(8))?;
    let second = if kind == Kind::Update { bytes.take(width.div_ceil(8))? } else { first };
    Ok(Rows { table_id, width, first, second, rows: bytes.0 })
}

/// One value of a row image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    /// Not in the log.
    Absent,
    Null,
    Value(&'a [u8]),
}

/// Splits the next row image into its values.
pub(crate) fn image<'a>(
    table: &Table,
    present: &[u8],
    rows: &mut Bytes<'a>,
    cells: &mut Vec<Cell<'a>>,
) -> Read<()> {
    let count = (0..table.columns.len()).filter(|at| bit(present, *at)).count();
    let nulls = rows.take(count.div_ceil(8))?;
    cells.clear();
    let mut sent = 0;
    for (at, column) in table.columns.iter().enumerate() {
        if !bit(present, at) {
            cells.push(Cell::Absent);
            continue;
        }
        let null = bit(nulls, sent);
        sent += 1;
        cells.push(if null { Cell::Null } else { Cell::Value(column.wire.split(rows)?) });
    }
    Ok(())
}
