//! INSERT.

use super::Output;
use crate::error::{Result, SqlError};
use crate::session::{Found, Session};
use crate::sql::bind::Binder;
use crate::sql::query::collect;
use crate::sql::syntax::{Insert, InsertSource, Kind, Statement};
use crate::store::TableDef;
use crate::value::{SqlType as T, Value};

impl Session {
    pub(crate) fn insert(&mut self, insert: &Insert) -> Result<()> {
        let found = {
            let ctx = self.context()?;
            let found = ctx.table(&insert.table)?;
            ctx.need_write("INSERT", &found)?;
            found
        };
        let (count, output) = self.writing(|session| session.insert_rows(insert, &found))?;
        self.finish_dml(count, output)
    }

    fn insert_rows(&mut self, insert: &Insert, found: &Found) -> Result<(u64, Option<Output>)> {
        self.lock_table(found)?;
        let places =
            places(&found.def, &insert.columns, self.identity_insert() == Some(found.def.id))?;
        let rows = self.source_rows(insert, &places)?;
        let ctx = self.context()?;
        let mut output = Output::bind(&ctx, found, &insert.output)?;
        let count = rows.len() as u64;
        for row in rows {
            let inserted =
                self.insert_row(found, if row.is_empty() { &[] } else { &places }, row, false)?;
            self.check_row(found, &inserted, "INSERT")?;
            if let Some(output) = &mut output {
                output.add(&ctx, found, Some(&inserted), None)?;
            }
        }
        drop(ctx);
        self.check_references(found, "INSERT")?;
        Ok((count, output))
    }

    fn source_rows(&mut self, insert: &Insert, places: &[usize]) -> Result<Vec<Vec<(Value, T)>>> {
        match &insert.source {
            InsertSource::Defaults => Ok(vec![Vec::new()]),
            InsertSource::Exec(statement) => self.rows_of_call(statement),
            InsertSource::Query(query) => {
                let ctx = self.context()?;
                let rows = match values_of(query) {
                    // Each value keeps the type that it has; DEFAULT is none.
                    Some(rows) => {
                        let mut all = Vec::new();
                        for row in rows {
                            let mut values = Vec::new();
                            for expr in row {
                                let typed = Binder::new(&ctx).expr(expr)?;
                                values.push((
                                    crate::sql::eval::eval(
                                        &ctx,
                                        &crate::sql::plan::Env::EMPTY,
                                        &typed,
                                    )?,
                                    typed.ty,
                                ));
                            }
                            all.push(values);
                        }
                        all
                    }
                    None => {
                        let plan = Binder::new(&ctx).query(query)?;
                        let types: Vec<T> = plan.columns().iter().map(|c| c.column.ty).collect();
                        let rows = collect(&ctx, None, &plan)?;
                        rows.into_iter()
                            .map(|row| row.into_iter().zip(types.iter().copied()).collect())
                            .collect()
                    }
                };
                let given = rows.first().map_or(places.len(), Vec::len);
                match given.cmp(&places.len()) {
                    std::cmp::Ordering::Equal => Ok(rows),
                    _ if insert.columns.is_empty() => Err(SqlError::new(213, "Column name or number of supplied values does not match table definition.")),
                    std::cmp::Ordering::Less => Err(SqlError::new(120, "The select list for the INSERT statement contains fewer items than the insert list. The number of SELECT values must match the number of INSERT columns.").class(15)),
                    std::cmp::Ordering::Greater => Err(SqlError::new(121, "The select list for the INSERT statement contains more items than the insert list. The number of SELECT values must match the number of INSERT columns.").class(15)),
                }
            }
        }
    }

    /// INSERT … EXEC: what the call would have sent.
    fn rows_of_call(&mut self, statement: &Statement) -> Result<Vec<Vec<(Value, T)>>> {
        let Kind::Exec { name, arguments, .. } = &statement.kind else {
            return Err(SqlError::unknown("INSERT … EXEC (text)"));
        };
        let rows = self.captured(|session| session.exec_for_rows(name, arguments))?;
        Ok(rows
            .into_iter()
            .map(|row| row.into_iter().map(|(ty, value)| (value, ty)).collect())
            .collect())
    }
}

fn values_of(query: &sqlparser::ast::Query) -> Option<Vec<&Vec<sqlparser::ast::Expr>>> {
    match &*query.body {
        sqlparser::ast::SetExpr::Values(values) => {
            Some(values.rows.iter().map(|row| &row.content).collect())
        }
        _ => None,
    }
}

/// The columns that are given, by the list or all that can be given.
fn places(def: &TableDef, names: &[String], identity: bool) -> Result<Vec<usize>> {
    if names.is_empty() {
        let free = |i: &usize| {
            let column = &def.columns[*i];
            (column.identity.is_none() || identity)
                && column.computed.is_none()
                && column.ty != T::RowVersion
        };
        return Ok((0..def.columns.len()).filter(free).collect());
    }
    let mut places = Vec::new();
    for name in names {
        let place = def.column(name).ok_or_else(|| SqlError::no_column(name))?;
        if def.columns[place].ty == T::RowVersion {
            return Err(SqlError::new(
                273,
                "Cannot insert an explicit value into a timestamp column. Use INSERT with a column list to exclude the timestamp column, or insert a DEFAULT into the timestamp column.",
            ));
        }
        if def.columns[place].computed.is_some() {
            return Err(SqlError::new(
                271,
                format!(
                    "The column \"{name}\" cannot be modified because it is either a computed column or is the result of a UNION operator."
                ),
            ));
        }
        if places.contains(&place) {
            return Err(SqlError::new(
                264,
                format!(
                    "The column name '{name}' is specified more than once in the SET clause or column list of an INSERT."
                ),
            ));
        }
        places.push(place);
    }
    Ok(places)
}
