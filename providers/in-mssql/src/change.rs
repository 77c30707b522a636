//! A row of a change table, as a page's query gives it.

use dstream_mssql::tiberius::{ColumnData, Row};
use dstream_mssql::write_json;

use crate::catalog::cell;
use crate::instance::{Column, Instance};
use crate::lsn::Lsn;

/// The place of a change within its table: commit, statement, record, operation. Unique, but for
/// what nobody has seen yet; records alone are not, as an update of a unique column writes a delete
/// and an insert under one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) commit: Lsn,
    pub(crate) command: i32,
    pub(crate) seq: Lsn,
    pub(crate) operation: i32,
}

pub(crate) const DELETE: i32 = 1;
pub(crate) const INSERT: i32 = 2;
pub(crate) const BEFORE: i32 = 3;
pub(crate) const AFTER: i32 = 4;

/// Columns of a page's rows that stand before the table's own. Behind those stands the mask of what
/// an update changed, where it is asked for.
pub(crate) const FIXED: usize = 4;

/// A change table's row.
pub(crate) struct ChangeRow {
    row: Row,
    pub(crate) place: Place,
}

impl ChangeRow {
    pub(crate) fn new(row: Row) -> Self {
        let lsn = |at| cell(&row, at).and_then(Lsn::of).unwrap_or_default();
        let int = |at| match cell(&row, at) {
            Some(ColumnData::I32(Some(value))) => *value,
            _ => 0,
        };
        let place = Place { commit: lsn(0), command: int(1), seq: lsn(2), operation: int(3) };
        Self { row, place }
    }

    /// The values of the table's own columns.
    pub(crate) fn values(&self) -> impl Iterator<Item = &ColumnData<'static>> {
        self.row.cells().skip(FIXED).map(|(_, value)| value)
    }

    /// Whether the row does not hold the column's value: it is large, was not changed, and null
    /// stands for it.
    pub(crate) fn lacks(&self, instance: &Instance, at: usize) -> bool {
        let column = &instance.columns[at];
        column.is_large
            && !self.is_changed(instance, column)
            && cell(&self.row, FIXED + at).is_none_or(is_null)
    }

    /// Whether an update changed the column.
    fn is_changed(&self, instance: &Instance, column: &Column) -> bool {
        let mask = cell(&self.row, FIXED + instance.columns.len());
        let Some(ColumnData::Binary(Some(mask))) = mask else { return true };
        let bit = column.ordinal.saturating_sub(1);
        let byte = mask.len().checked_sub(bit / 8 + 1).and_then(|at| mask.get(at));
        byte.is_none_or(|byte| byte >> (bit % 8) & 1 == 1)
    }
}

fn is_null(value: &ColumnData<'_>) -> bool {
    let mut text = Vec::new();
    match value {
        ColumnData::String(v) => v.is_none(),
        ColumnData::Binary(v) => v.is_none(),
        ColumnData::Xml(v) => v.is_none(),
        other => {
            write_json(other, &mut text);
            text == b"null"
        }
    }
}
