//! UPDATE.

use super::row::{assign, unique_keys};
use super::{Output, Targets, target_name};
use crate::cdc;
use crate::error::{Result, SqlError};
use crate::session::{Found, Session};
use crate::sql::eval::eval;
use crate::sql::plan::{Env, RowRef, Typed};
use crate::sql::syntax::{Target, Update};
use crate::value::{Encoded, SqlType as T, Value};

impl Session {
    pub(crate) fn update(&mut self, update: &Update) -> Result<()> {
        let name = target_name(&update.table, &update.from)?;
        let found = {
            let ctx = self.context()?;
            let found = ctx.table(&name)?;
            ctx.need_write("UPDATE", &found)?;
            found
        };
        let top = self.top(update.top.as_ref())?;
        let (count, output) = self.writing(|session| session.update_rows(update, &found, top))?;
        self.finish_dml(count, output)
    }

    fn update_rows(
        &mut self,
        update: &Update,
        found: &Found,
        top: usize,
    ) -> Result<(u64, Option<Output>)> {
        self.lock_table(found)?;
        let ctx = self.context()?;
        let mut targets =
            Targets::bind(&ctx, found, &update.table, &update.from, update.filter.as_ref())?;
        let mut columns: Vec<(usize, Typed)> = Vec::new();
        let mut variables: Vec<(String, Typed)> = Vec::new();
        for (target, value) in &update.set {
            match target {
                Target::Column(name) => {
                    let place = found.def.column(name).ok_or_else(|| SqlError::no_column(name))?;
                    settable(found, place)?;
                    columns.push((place, targets.binder.expr(value)?));
                }
                Target::Variable(name) => {
                    variables.push((name.clone(), targets.binder.expr(value)?))
                }
            }
        }
        let mut output = Output::bind(&ctx, found, &update.output)?;
        let touched = targets.find(&ctx, found, top)?;
        // New values first, all from the rows as they were.
        let mut updated = Vec::with_capacity(touched.len());
        for target in &touched {
            self.check_conflict(found, &target.key)?;
            let env = Env::of(RowRef::Values(&target.joined), None);
            let before = Encoded { columns: &found.def.encoding, bytes: &target.row }.all();
            let mut after: Vec<Option<Value>> = before.iter().cloned().map(Some).collect();
            for (place, typed) in &columns {
                after[*place] =
                    Some(assign(&found.def, *place, eval(&ctx, &env, typed)?, typed.ty)?);
            }
            for (name, typed) in &variables {
                let (ty, _) = self.core.variable(name).ok_or_else(|| {
                    SqlError::new(137, format!("Must declare the scalar variable \"{name}\"."))
                        .class(15)
                })?;
                let value = crate::value::convert(eval(&ctx, &env, typed)?, typed.ty, ty)?;
                self.core.variables.borrow_mut().insert(name.to_lowercase(), (ty, value));
            }
            if let Some(version) = found.def.columns.iter().position(|c| c.ty == T::RowVersion) {
                after[version] = Some(self.row_version());
            }
            self.compute(found, &mut after)?;
            let after: Vec<Value> = after.into_iter().map(|v| v.unwrap_or(Value::Null)).collect();
            updated.push((before, after));
        }
        for (target, (before, _)) in touched.iter().zip(&updated) {
            self.remove_row(found, &target.key, before);
        }
        let mut rows = Vec::with_capacity(touched.len());
        for (target, (before, after)) in touched.iter().zip(updated) {
            let row = self.encode(&found.def, after.clone(), "UPDATE")?;
            self.check_row(found, &row, "UPDATE")?;
            let new_key = self.put_row(found, Some(&target.key), &after, row.clone())?;
            if let Some(output) = &mut output {
                output.add(&ctx, found, Some(&row), Some(&target.row))?;
            }
            let unique_changed =
                unique_keys(&found.def, &before) != unique_keys(&found.def, &after);
            rows.push(cdc::Updated {
                old_key: target.key.clone(),
                new_key,
                before: target.row.clone(),
                after: row,
                unique_changed,
            });
        }
        for logged in cdc::record_deferred(&rows) {
            self.log(found, logged.before, logged.after, logged.deferred);
        }
        let count = touched.len() as u64;
        self.check_references(found, "UPDATE")?;
        self.check_referenced(found, "UPDATE")?;
        Ok((count, output))
    }
}

fn settable(found: &Found, place: usize) -> Result<()> {
    let column = &found.def.columns[place];
    if column.identity.is_some() {
        return Err(SqlError::new(
            8102,
            format!("Cannot update identity column '{}'.", column.name),
        ));
    }
    if column.ty == T::RowVersion {
        return Err(SqlError::new(272, "Cannot update a timestamp column."));
    }
    if column.computed.is_some() {
        return Err(SqlError::new(
            271,
            format!(
                "The column \"{}\" cannot be modified because it is either a computed column or is the result of a UNION operator.",
                column.name
            ),
        ));
    }
    Ok(())
}
