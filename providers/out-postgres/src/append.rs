//! New rows: by COPY, whose text is made while the server works on the piece before.

use std::pin::pin;

use bytes::Bytes;
use dstream_sdk::Result;
use dstream_sql::{Batch, DbResult, Target};
use futures_util::SinkExt as _;

use crate::database::Prepared;
use crate::failure::{failure, fatal};
use crate::session::Session;

/// A piece of COPY's text.
const PIECE_BYTES: usize = 64 << 10;

/// Writes the rows of a batch that has nothing else.
pub(crate) async fn copy(
    session: &mut Session,
    target: &Target<Prepared>,
    batch: &Batch<'_>,
    rows: usize,
) -> DbResult<()> {
    let statement = session.prepare(&target.own.copy, &[]).await.map_err(fatal)?;
    let sink = session.client.copy_in::<_, Bytes>(&statement).await.map_err(failure)?;
    let mut sink = pin!(sink);
    let mut piece = Vec::with_capacity(PIECE_BYTES + (PIECE_BYTES >> 2));
    for row in 0..rows {
        // Dropped without `finish`, the COPY is given up.
        write_row(target, batch, row, &mut piece)?;
        if piece.len() >= PIECE_BYTES {
            let next = Vec::with_capacity(piece.capacity());
            let full = std::mem::replace(&mut piece, next);
            sink.send(Bytes::from(full)).await.map_err(failure)?;
        }
    }
    if !piece.is_empty() {
        sink.send(Bytes::from(piece)).await.map_err(failure)?;
    }
    sink.finish().await.map_err(failure)?;
    Ok(())
}

/// One line: <https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS>.
#[inline]
fn write_row(
    target: &Target<Prepared>,
    batch: &Batch<'_>,
    row: usize,
    out: &mut Vec<u8>,
) -> DbResult<()> {
    for (at, (cell, encoding)) in batch.row(row).iter().zip(&target.own.types.encodings).enumerate()
    {
        if at > 0 {
            out.push(b'\t');
        }
        let start = out.len();
        let there = match cell {
            Some(cell) => {
                encoding.write(*cell, out).map_err(|error| target.wrong_value(at, error))?
            }
            None => false,
        };
        match cell {
            Some(cell) if there && !encoding.is_clean(*cell) => escape(out, start),
            _ if there => {}
            _ => out.extend_from_slice(b"\\N"),
        }
    }
    out.push(b'\n');
    Ok(())
}

/// Escapes what stands from `start`, where it has to be.
fn escape(out: &mut Vec<u8>, start: usize) {
    let special = |b: &u8| matches!(b, b'\\' | b'\n' | b'\r' | b'\t');
    let Some(first) = out[start..].iter().position(special) else { return };
    let rest = out.split_off(start + first);
    for byte in rest {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            byte => out.push(byte),
        }
    }
}

/// Rows of a table without columns.
pub(crate) async fn empty_rows(session: &mut Session, sql: &str, rows: usize) -> Result<()> {
    for _ in 0..rows {
        session.execute(sql, &[]).await.map_err(fatal)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_field_is_escaped() {
        let mut out = b"\\kept\n".to_vec();
        out.extend_from_slice(b"a\\b\tc\r\nd");
        escape(&mut out, 6);
        assert_eq!(out, b"\\kept\na\\\\b\\tc\\r\\nd");
    }
}
