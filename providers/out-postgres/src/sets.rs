//! Sets of rows as parameters: one array of texts a column. So a statement of any number of rows
//! is one round trip, prepared once, and needs no temporary table.

use std::error::Error as StdError;

use bytes::{BufMut as _, BytesMut};
use dstream_postgres::Result;
use dstream_postgres::tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use dstream_sdk::row::Cell;

use crate::encoding::{Encoding, WrongValue};
use crate::failure::failure;
use crate::session::Session;
use dstream_sql::DbResult;

/// Values by column.
pub(crate) struct Sets {
    columns: Vec<Array>,
    rows: i32,
}

/// An array of `text` in binary form: a header, then each element with its length.
#[derive(Debug)]
struct Array(Vec<u8>);

/// Dimensions, whether there are nulls, the elements' type, their number, the first one's index.
const HEADER_BYTES: usize = 20;
const COUNT_AT: usize = 12;

impl Sets {
    pub(crate) fn new(columns: usize) -> Self {
        let mut header = Vec::with_capacity(HEADER_BYTES);
        for number in [1, 1, Type::TEXT.oid() as i32, 0, 1] {
            header.extend_from_slice(&number.to_be_bytes());
        }
        Self { columns: (0..columns).map(|_| Array(header.clone())).collect(), rows: 0 }
    }

    /// Adds a value to a column.
    pub(crate) fn push(
        &mut self,
        column: usize,
        encoding: &Encoding,
        cell: Option<Cell<'_>>,
    ) -> Result<(), WrongValue> {
        const NULL: i32 = -1;
        let out = &mut self.columns[column].0;
        let start = out.len();
        out.extend_from_slice(&NULL.to_be_bytes());
        let Some(cell) = cell else { return Ok(()) };
        if encoding.write(cell, out)? {
            let length = (out.len() - start - size_of::<i32>()) as i32;
            out[start..start + size_of::<i32>()].copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    /// A row is complete.
    pub(crate) fn end_row(&mut self) {
        self.rows += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Executes a statement whose parameters are the columns; how many rows it concerned.
    pub(crate) async fn execute(&mut self, session: &mut Session, sql: &str) -> DbResult<u64> {
        for Array(bytes) in &mut self.columns {
            bytes[COUNT_AT..COUNT_AT + size_of::<i32>()].copy_from_slice(&self.rows.to_be_bytes());
        }
        let types = vec![Type::TEXT_ARRAY; self.columns.len()];
        let statement = session.prepare(sql, &types).await.map_err(failure)?;
        session.client.execute_raw(&statement, &self.columns).await.map_err(failure)
    }
}

impl ToSql for Array {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        out.put_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TEXT_ARRAY
    }

    to_sql_checked!();
}
