//! DELETE and TRUNCATE TABLE.

use super::{Output, Targets, target_name};
use crate::error::{Result, SqlError};
use crate::session::{Found, Session};
use crate::sql::syntax::{Delete, Name};
use crate::store::TableData;
use crate::value::Encoded;

impl Session {
    pub(crate) fn delete(&mut self, delete: &Delete) -> Result<()> {
        let name = target_name(&delete.table, &delete.from)?;
        let found = {
            let ctx = self.context()?;
            let found = ctx.table(&name)?;
            ctx.need_write("DELETE", &found)?;
            found
        };
        let top = self.top(delete.top.as_ref())?;
        let (count, output) = self.writing(|session| session.delete_rows(delete, &found, top))?;
        self.finish_dml(count, output)
    }

    fn delete_rows(
        &mut self,
        delete: &Delete,
        found: &Found,
        top: usize,
    ) -> Result<(u64, Option<Output>)> {
        self.lock_table(found)?;
        let ctx = self.context()?;
        let targets =
            Targets::bind(&ctx, found, &delete.table, &delete.from, delete.filter.as_ref())?;
        let mut output = Output::bind(&ctx, found, &delete.output)?;
        let touched = targets.find(&ctx, found, top)?;
        for target in &touched {
            self.check_conflict(found, &target.key)?;
            let values = Encoded { columns: &found.def.encoding, bytes: &target.row }.all();
            self.remove_row(found, &target.key, &values);
            if let Some(output) = &mut output {
                output.add(&ctx, found, None, Some(&target.row))?;
            }
            self.log(found, Some(target.row.clone()), None, false);
        }
        self.check_referenced(found, "DELETE")?;
        Ok((touched.len() as u64, output))
    }

    pub(crate) fn truncate(&mut self, name: &Name) -> Result<()> {
        let found = {
            let ctx = self.context()?;
            let found = ctx.table(name)?;
            ctx.need_write("ALTER", &found)?;
            if ctx.state()?.cdc.tracks(found.def.id) {
                return Err(SqlError::new(
                    4711,
                    format!(
                        "Cannot truncate table '{name}' because it is published for replication or enabled for Change Data Capture."
                    ),
                ));
            }
            found
        };
        self.writing(|session| {
            session.lock_table(&found)?;
            if let Some(data) = session.data_mut(found.def.id) {
                *data = TableData::with_uniques(found.def.uniques().count());
            }
            Ok(())
        })?;
        self.defined();
        Ok(())
    }
}
