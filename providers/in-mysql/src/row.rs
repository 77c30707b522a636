//! Rows of an event, as envelopes.

use dstream_cdc::{Change, Era, Verdict};
use dstream_sdk::{Batch, Error, Result};

use crate::binlog::bytes::{Bytes, Damaged, Read};
use crate::binlog::rows::{Cell, Kind, Rows, image};
use crate::followed::{Followed, damaged};
use crate::handoff::Handoff;
use crate::state::State;
use crate::transaction::Transaction;

/// An event, and how its transaction stands to the table's snapshot.
pub(crate) struct RowEvent<'a> {
    pub(crate) followed: &'a Followed,
    pub(crate) kind: Kind,
    pub(crate) head: Rows<'a>,
    pub(crate) era: Era,
}

/// Hands on the rows of an event.
pub(crate) fn hand_on(
    event: &RowEvent<'_>,
    bytes: &[u8],
    transaction: &mut Transaction,
    handoff: &Handoff,
    batch: &mut Batch<State>,
) -> Result<()> {
    let table = &event.followed.table;
    if event.head.width != table.columns.len() {
        return Err(damaged(Damaged("its rows have more or fewer columns than their table")));
    }
    let mut rest = Bytes(bytes);
    let (mut old, mut new) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        image(table, event.head.first, &mut rest, &mut old).map_err(damaged)?;
        if event.kind == Kind::Update {
            image(table, event.head.second, &mut rest, &mut new).map_err(damaged)?;
            complete(&mut new, &old);
        }
        let verdict = match event.era {
            Era::After => Verdict::Apply,
            Era::Before => Verdict::Drop,
            Era::Between => judge(event, &old, &new, transaction, handoff),
        };
        send(event, &old, &new, verdict, transaction, batch)?;
        transaction.rows += 1;
    }
    Ok(())
}

/// What the image after leaves out is as it was (`binlog_row_image=FULL_NODUP`).
fn complete<'a>(new: &mut [Cell<'a>], old: &[Cell<'a>]) {
    for (after, before) in new.iter_mut().zip(old) {
        if *after == Cell::Absent {
            *after = *before;
        }
    }
}

fn judge(
    event: &RowEvent<'_>,
    old: &[Cell<'_>],
    new: &[Cell<'_>],
    transaction: &Transaction,
    handoff: &Handoff,
) -> Verdict {
    let table = &event.followed.table;
    let key = |cells| table.key_of(cells).unwrap_or_else(|| dstream_cdc::Key(Vec::new()));
    let old = key(old);
    let judge = |change| handoff.judge(table.stream(), &transaction.start, change);
    match event.kind {
        Kind::Insert => judge(Change::Insert(&old)),
        Kind::Delete => judge(Change::Delete(&old)),
        Kind::Update => judge(Change::Update { old: &old, new: &key(new) }),
    }
}

fn send(
    event: &RowEvent<'_>,
    old: &[Cell<'_>],
    new: &[Cell<'_>],
    verdict: Verdict,
    transaction: &Transaction,
    batch: &mut Batch<State>,
) -> Result<()> {
    let kind = match (verdict, event.kind) {
        (Verdict::Drop | Verdict::Again, _) => return Ok(()),
        (Verdict::Apply, kind) => kind,
        (Verdict::Insert, _) => Kind::Insert,
        (Verdict::Delete, _) => Kind::Delete,
    };
    let row = match (kind, event.kind) {
        (Kind::Delete, _) | (_, Kind::Insert | Kind::Delete) => old,
        _ => new,
    };
    whole(event.followed, row)?;
    let before = (kind == Kind::Update).then_some(old);
    let mut rendered = Ok(());
    let sent = batch.line(|out| {
        rendered = envelope(event.followed, kind, row, before, transaction, out);
    });
    rendered.map_err(damaged)?;
    sent
}

/// Refuses a row that the log holds only in part.
fn whole(followed: &Followed, row: &[Cell<'_>]) -> Result<()> {
    let columns = followed.table.columns.iter().zip(row);
    let absent = columns.into_iter().find(|(c, cell)| **cell == Cell::Absent && !c.computed);
    let Some((column, _)) = absent else { return Ok(()) };
    Err(Error::permanent(format!(
        "the log holds a row of `{}` without its column `{}`: some session writes with \
         binlog_row_image other than FULL. Set FULL for it, and begin anew with a snapshot \
         (`dstream state rm`)",
        followed.table.stream(),
        column.name
    )))
}

fn envelope(
    followed: &Followed,
    kind: Kind,
    row: &[Cell<'_>],
    before: Option<&[Cell<'_>]>,
    transaction: &Transaction,
    out: &mut Vec<u8>,
) -> Read<()> {
    let table = &followed.table;
    out.extend_from_slice(br#"{"data":"#);
    table.render(row, None, out)?;
    if let Some(before) = before {
        out.extend_from_slice(br#","before":"#);
        table.render(before, None, out)?;
    }
    let op = match kind {
        Kind::Insert => "insert",
        Kind::Update => "update",
        Kind::Delete => "delete",
    };
    transaction.metadata(&followed.label, op, out);
    // The key where it is not that of the row, and of a row that is gone.
    let key = match (kind, before) {
        (Kind::Delete, _) => Some(row),
        (Kind::Update, Some(before)) if table.key.iter().any(|at| before[*at] != row[*at]) => {
            Some(before)
        }
        _ => None,
    };
    if let (Some(key), false) = (key, table.key.is_empty()) {
        out.extend_from_slice(br#","key":"#);
        table.render(key, Some(&table.key), out)?;
    }
    out.extend_from_slice(b"}}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_image_after_leaves_out_is_as_it_was_and_null_is_no_gap() {
        let old = [Cell::Value(b"1"), Cell::Value(b"2"), Cell::Null];
        let mut new = [Cell::Absent, Cell::Null, Cell::Absent];
        complete(&mut new, &old);
        assert_eq!(new, [Cell::Value(b"1"), Cell::Null, Cell::Null]);
    }
}
