//! CHECK and FOREIGN KEY, error 547. A bulk load passes over both, as without CHECK_CONSTRAINTS.
//! <https://learn.microsoft.com/en-us/sql/relational-databases/tables/unique-constraints-and-check-constraints>
//! <https://learn.microsoft.com/en-us/sql/relational-databases/tables/primary-and-foreign-key-constraints>

use std::collections::HashSet;
use std::sync::Arc;

use crate::error::{Result, SqlError};
use crate::session::{Context, Found, Session};
use crate::sql::bind::{Binder, Scope, columns_of};
use crate::sql::eval::eval;
use crate::sql::plan::{Env, RowRef};
use crate::store::{Row, RuleDef, RuleKind, TableDef};
use crate::value::{Encoded, Value, key_of};

impl Session {
    /// A condition that is not true for a row; one that is unknown is not violated.
    pub(super) fn check_row(&mut self, found: &Found, row: &Row, verb: &str) -> Result<()> {
        if found.def.rules.is_empty() {
            return Ok(());
        }
        let ctx = self.context()?;
        let values = Encoded { columns: &found.def.encoding, bytes: row }.all();
        for rule in &found.def.rules {
            let RuleKind::Check(condition) = &rule.what else { continue };
            let mut scope = Scope::default();
            scope.push(&found.def.name, None, columns_of(&found.def.columns));
            let typed = Binder::over(&ctx, scope).expr(condition)?;
            if eval(&ctx, &Env::of(RowRef::Values(&values), None), &typed)? == Value::Bit(false) {
                return Err(conflict(&ctx, rule, (verb, "CHECK"), &found.def));
            }
        }
        Ok(())
    }

    /// After a statement each of the table's rows has the rows that it refers to.
    pub(super) fn check_references(&mut self, found: &Found, verb: &str) -> Result<()> {
        if found.def.rules.is_empty() {
            return Ok(());
        }
        let ctx = self.context()?;
        for rule in &found.def.rules {
            if let Some(parent) = broken(&ctx, found.database, &found.def, rule)? {
                return Err(conflict(&ctx, rule, (verb, "FOREIGN KEY"), &parent));
            }
        }
        Ok(())
    }

    /// And no other table refers to one that is gone.
    pub(super) fn check_referenced(&mut self, found: &Found, verb: &str) -> Result<()> {
        let ctx = self.context()?;
        let catalog = ctx.catalog()?;
        for other in catalog.tables.values() {
            for rule in &other.rules {
                let RuleKind::References { schema, table, .. } = &rule.what else { continue };
                let same = schema.eq_ignore_ascii_case(&found.def.schema)
                    && table.eq_ignore_ascii_case(&found.def.name);
                if same && broken(&ctx, found.database, other, rule)?.is_some() {
                    return Err(conflict(&ctx, rule, (verb, "REFERENCE"), other));
                }
            }
        }
        Ok(())
    }
}

/// The table that a row refers to in vain.
fn broken(
    ctx: &Context,
    database: i32,
    def: &Arc<TableDef>,
    rule: &RuleDef,
) -> Result<Option<Arc<TableDef>>> {
    let RuleKind::References { columns, schema, table, keys } = &rule.what else { return Ok(None) };
    let Some(parent) = ctx.catalog()?.table(schema, table).cloned() else {
        return Err(SqlError::new(
            1767,
            format!("Foreign key '{}' references invalid table '{schema}.{table}'.", rule.name),
        ));
    };
    let places = |def: &TableDef, names: &[String]| -> Vec<usize> {
        names.iter().filter_map(|name| def.column(name)).collect()
    };
    let keys = if keys.is_empty() { parent.key().to_vec() } else { places(&parent, keys) };
    let columns = places(def, columns);
    let rows = |def: &Arc<TableDef>| ctx.rows_of(&Found { database, def: def.clone() });
    let key = |def: &TableDef, row: &Row, places: &[usize]| {
        let values = Encoded { columns: &def.encoding, bytes: row }.all();
        let full = places.iter().all(|at| !values[*at].is_null());
        full.then(|| key_of(places.iter().map(|at| &values[*at])))
    };
    let there: HashSet<_> =
        rows(&parent).rows.values().filter_map(|row| key(&parent, row, &keys)).collect();
    let lost = rows(def)
        .rows
        .values()
        .filter_map(|row| key(def, row, &columns))
        .any(|wanted| !there.contains(&wanted));
    Ok(lost.then_some(parent))
}

fn conflict(
    ctx: &Context,
    rule: &RuleDef,
    (verb, kind): (&str, &str),
    table: &TableDef,
) -> SqlError {
    let database = ctx.core.database.borrow();
    SqlError::new(
        547,
        format!(
            "The {verb} statement conflicted with the {kind} constraint \"{}\". The conflict occurred in database \"{database}\", table \"{}\".",
            rule.name,
            table.full_name()
        ),
    )
}
