//! Bulk load: INSERT BULK announces it, the rows come as the next request.

use super::{Halt, PendingBulk, Session};
use crate::error::{Result, SqlError};
use crate::sql::syntax::Name;
use crate::tds::read_bulk;

impl Session {
    pub(super) fn announce_bulk(
        &mut self,
        table: &Name,
        columns: &[String],
        keep_identity: bool,
    ) -> Result<()> {
        let ctx = self.context()?;
        let found = ctx.table(table)?;
        ctx.need("INSERT", &found.def)?;
        if let Some(missing) = columns.iter().find(|c| found.def.column(c).is_none()) {
            return Err(SqlError::no_column(missing));
        }
        self.bulk =
            Some(PendingBulk { table: table.clone(), columns: columns.to_vec(), keep_identity });
        self.tokens.statement_done(None, false, false);
        Ok(())
    }

    pub(super) fn bulk_rows(&mut self, body: &[u8]) -> std::result::Result<(), Halt> {
        let Some(bulk) = self.bulk.take() else {
            return Err(SqlError::new(4002, "A bulk load was not announced by INSERT BULK.").into());
        };
        let found = self.context()?.table(&bulk.table)?;
        let rows = self.writing(|session| {
            session.lock_table(&found)?;
            let places: Vec<usize> = bulk.columns.iter().filter_map(|c| found.def.column(c)).collect();
            read_bulk(body, |types, values| {
                if values.len() != places.len() {
                    return Err(SqlError::new(4819, "Cannot bulk load. The bulk data stream was incorrectly specified as sorted or the number of columns differs."));
                }
                let values = values.into_iter().zip(types).map(|(value, (_, ty))| (value, *ty)).collect();
                session.insert_row(&found, &places, values, bulk.keep_identity).map(drop)
            })
        });
        match rows {
            Ok(rows) => {
                self.counted(rows);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}
