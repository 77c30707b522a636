//! Statements of many rows, in pieces.

use dstream_sdk::Error;
use futures_util::future::join;

use super::Rows;
use super::sql::Form;
use crate::{DbResult, Failure};

/// A statement is sent when it has this size: the next one is made while the server works on it.
const PIECE_BYTES: usize = 256 << 10;

/// A row's own part of a statement.
type Part<'p> = dyn Fn(usize, &mut Vec<u8>) -> DbResult<()> + 'p;

/// Statements of as many parts as go into a piece; each is made while the one before is on its way.
pub(super) async fn send<D: Rows>(
    db: &mut D,
    mut rest: &[usize],
    form: Form<'_>,
    part: &Part<'_>,
) -> DbResult<()> {
    let most = PIECE_BYTES.min(db.longest().0 / 2);
    let mut make = || -> DbResult<Vec<u8>> {
        let mut sql = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 8);
        let mut rows = 0;
        while let Some((row, others)) = rest.split_first() {
            let start = if sql.is_empty() { form.head } else { form.between };
            sql.extend_from_slice(start.as_bytes());
            part(*row, &mut sql)?;
            rest = others;
            rows += 1;
            if sql.len() >= most || rows == D::ROWS {
                break;
            }
        }
        if !sql.is_empty() {
            sql.extend_from_slice(form.tail.as_bytes());
        }
        Ok(sql)
    };
    let mut sql = make()?;
    while !sql.is_empty() {
        let (sent, next) = join(send_one(db, &sql), async { make() }).await;
        sent?;
        sql = next?;
    }
    Ok(())
}

/// Most servers close the connection for a statement that is too long, and would so each time again.
pub(super) async fn send_one<D: Rows>(db: &mut D, sql: &[u8]) -> DbResult<u64> {
    let (limit, help) = db.longest();
    if sql.len() >= limit {
        let bytes = sql.len();
        return Err(Failure::Row(Error::permanent(format!(
            "the row takes a statement of {bytes} bytes, and the server takes {limit}: {help}"
        ))));
    }
    db.send(sql).await
}
