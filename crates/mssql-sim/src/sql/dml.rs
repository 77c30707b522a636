//! INSERT, UPDATE, DELETE: rows are worked out first, then written, and what was written is logged.

mod delete;
mod insert;
mod row;
mod rules;
mod update;

pub(super) use row::{assign, duplicate};

use sqlparser::ast::SelectItem;

use super::bind::{Binder, Scope, columns_of};
use super::plan::{Env, From, GO_ON, RowRef, Scan, Seek, Typed};
use super::query::from_each;
use super::syntax::Name;
use crate::error::{Result, SqlError};
use crate::session::{Context, Found, Session};
use crate::store::{Key, Row};
use crate::tds::Named;
use crate::value::{Encoded, Value, key_of};

/// A row that an UPDATE or DELETE is going to touch, and the joined row that found it.
pub(super) struct Target {
    pub key: Key,
    pub row: Row,
    pub joined: Vec<Value>,
}

/// OUTPUT: over the columns `inserted.…` and `deleted.…`.
pub(super) struct Output {
    pub columns: Vec<Named>,
    exprs: Vec<Typed>,
    pub rows: Vec<Vec<Value>>,
}

impl Output {
    pub(super) fn bind(ctx: &Context, found: &Found, items: &[SelectItem]) -> Result<Option<Self>> {
        if items.is_empty() {
            return Ok(None);
        }
        let mut scope = Scope::default();
        scope.push("inserted", None, columns_of(&found.def.columns));
        scope.push("deleted", None, columns_of(&found.def.columns));
        let (columns, exprs) = Binder::over(ctx, scope).projection(items)?;
        Ok(Some(Self { columns, exprs, rows: Vec::new() }))
    }

    pub(super) fn add(
        &mut self,
        ctx: &Context,
        found: &Found,
        inserted: Option<&Row>,
        deleted: Option<&Row>,
    ) -> Result<()> {
        let values = |row: Option<&Row>| match row {
            Some(row) => Encoded { columns: &found.def.encoding, bytes: row }.all(),
            None => vec![Value::Null; found.def.columns.len()],
        };
        let both = [values(inserted), values(deleted)].concat();
        let env = Env::of(RowRef::Values(&both), None);
        self.rows.push(
            self.exprs.iter().map(|e| super::eval::eval(ctx, &env, e)).collect::<Result<_>>()?,
        );
        Ok(())
    }
}

/// The table that a statement means: by name, or by its alias in FROM.
pub(super) fn target_name(name: &Name, from: &[sqlparser::ast::TableWithJoins]) -> Result<Name> {
    use sqlparser::ast::TableFactor;
    let factors = from
        .iter()
        .flat_map(|t| std::iter::once(&t.relation).chain(t.joins.iter().map(|j| &j.relation)));
    for factor in factors {
        if let TableFactor::Table { name: table, alias: Some(alias), .. } = factor
            && name.schema.is_none()
            && alias.name.value.eq_ignore_ascii_case(&name.name)
        {
            return Name::of(table);
        }
    }
    Ok(name.clone())
}

/// What UPDATE and DELETE share: their table, FROM, WHERE, and the rows that these lead to.
pub(super) struct Targets<'c> {
    pub binder: Binder<'c>,
    from: Option<From>,
    filter: Option<Typed>,
    /// Where the table's own columns begin in the joined row.
    offset: usize,
}

impl<'c> Targets<'c> {
    pub(super) fn bind(
        ctx: &'c Context,
        found: &Found,
        name: &Name,
        tables: &[sqlparser::ast::TableWithJoins],
        filter: Option<&sqlparser::ast::Expr>,
    ) -> Result<Self> {
        let mut binder = Binder::new(ctx);
        let (from, scope, offset) = if tables.is_empty() {
            let mut scope = Scope::default();
            scope.push(&name.name, name.schema.as_deref(), columns_of(&found.def.columns));
            (None, scope, 0)
        } else {
            let (from, scope) = binder.from(tables)?;
            let wanted = |alias: &str| {
                alias.eq_ignore_ascii_case(&name.name)
                    || alias.eq_ignore_ascii_case(&found.def.name)
            };
            let offset = scope.tables.iter().find(|t| wanted(&t.alias)).map(|t| t.offset);
            (
                Some(from),
                scope,
                offset.ok_or_else(|| {
                    SqlError::unknown("an UPDATE or DELETE whose FROM does not name its table")
                })?,
            )
        };
        binder.scopes.push(scope);
        let filter = filter.map(|f| binder.expr(f)).transpose()?;
        Ok(Self { binder, from, filter, offset })
    }

    /// The rows, at most `top` of them, each one once.
    pub(super) fn find(&self, ctx: &Context, found: &Found, top: usize) -> Result<Vec<Target>> {
        let mut targets = Vec::new();
        let width = found.def.columns.len();
        let Some(from) = &self.from else {
            let mut scan = Scan {
                stored: ctx.stored(found),
                physical: (0..width).collect(),
                def: found.def.clone(),
                seek: Seek::default(),
                changes: None,
            };
            scan.narrow(self.filter.as_ref());
            let physical = scan.physical.clone();
            scan.each_keyed(ctx, |key, row| {
                let encoded = Encoded { columns: &found.def.encoding, bytes: row };
                let env = Env::of(RowRef::Encoded(encoded, &physical), None);
                if targets.len() < top && super::eval::is_true(ctx, &env, self.filter.as_ref())? {
                    targets.push(Target {
                        key: key.clone(),
                        row: row.clone(),
                        joined: encoded.all(),
                    });
                }
                Ok(())
            })?;
            return Ok(targets);
        };
        if found.def.key().is_empty() {
            return Err(SqlError::unknown(
                "UPDATE and DELETE with FROM on a table without primary key",
            ));
        }
        let rows = ctx.rows_of(found);
        let mut seen = std::collections::HashSet::new();
        let all = self.binder.scopes.last().map_or(0, Scope::width);
        from_each(ctx, None, from, &mut |row| {
            if !super::eval::is_true(ctx, &Env::of(row, None), self.filter.as_ref())? {
                return Ok(GO_ON);
            }
            let joined = row.values(all);
            let key = key_of(found.def.key().iter().map(|i| &joined[self.offset + i]));
            if let Some((key, row)) = rows.rows.get_key_value(key.as_slice())
                && seen.insert(key.clone())
                && targets.len() < top
            {
                targets.push(Target { key: key.clone(), row: row.clone(), joined });
            }
            Ok(GO_ON)
        })?;
        Ok(targets)
    }
}

impl Session {
    /// TOP (n) of UPDATE and DELETE.
    pub(super) fn top(&mut self, top: Option<&sqlparser::ast::Expr>) -> Result<usize> {
        match top {
            None => Ok(usize::MAX),
            Some(top) => {
                Ok(self.value_as(top, crate::value::SqlType::BigInt)?.as_int().unwrap_or(0).max(0)
                    as usize)
            }
        }
    }

    /// The end of DML: the OUTPUT rows, or the count.
    pub(super) fn finish_dml(&mut self, rows: u64, output: Option<Output>) -> Result<()> {
        match output {
            Some(output) => self.send_rows(output.columns, output.rows)?,
            None => self.counted(rows),
        }
        Ok(())
    }
}
