//! ALTER TABLE: the rows are rewritten at once.

use super::create::{add_index, add_rules, arranged, column_def};
use crate::error::{Result, SqlError};
use crate::session::{Found, Session};
use crate::sql::dml::assign;
use crate::sql::syntax::{Alter, Name};
use crate::store::{ColumnDef, TableDef};
use crate::value::{Encoded, Value, write_value};

impl Session {
    pub(super) fn alter_table(&mut self, name: &Name, what: &Alter) -> Result<()> {
        let ctx = self.context()?;
        let found = ctx.find_table(name)?.ok_or_else(|| SqlError::new(4902, format!("Cannot find the object \"{name}\" because it does not exist or you do not have permissions.")))?;
        ctx.need("ALTER", &found.def)?;
        let tracked = ctx.state()?.cdc.tracks(found.def.id);
        let mut def = (*found.def).clone();
        match what {
            Alter::Ignored => Ok(()),
            Alter::Add(body) => {
                let mut added = Vec::new();
                for column in &body.columns {
                    if def.column(&column.name).is_some() {
                        return Err(SqlError::new(
                            2705,
                            format!(
                                "Column names in each table must be unique. Column name '{}' in table '{name}' is specified more than once.",
                                column.name
                            ),
                        ));
                    }
                    let mut new = column_def(&ctx, &def.name, column, &def.columns)?;
                    new.id = def.next_column_id;
                    def.next_column_id += 1;
                    def.columns.push(new);
                    added.push(column.name.clone());
                }
                for (constraint, expr, column) in &body.defaults {
                    let at = def.column(column).ok_or_else(|| SqlError::no_column(column))?;
                    def.columns[at].default = Some((
                        constraint.clone().unwrap_or_else(|| format!("DF__{}__{column}", def.name)),
                        expr.clone(),
                    ));
                }
                def.refresh();
                for index in body.columns.iter().flat_map(|c| &c.constraints).chain(&body.indexes) {
                    if index.primary
                        && let Some(bad) = index.columns.iter().find(|c| {
                            found.def.column(c).is_some_and(|i| found.def.columns[i].nullable)
                        })
                    {
                        return Err(SqlError::new(
                            8111,
                            format!(
                                "Cannot define PRIMARY KEY constraint on nullable column in table '{}': {bad}.",
                                def.name
                            ),
                        ));
                    }
                    add_index(&mut def, index)?;
                }
                add_rules(&ctx, &mut def, body);
                drop(ctx);
                let fill = self.fillers(&def, found.def.columns.len())?;
                self.redefine(name, &found, def, |def, row| append(def, &row, &fill))
            }
            Alter::DropColumns { if_exists, names } => {
                drop(ctx);
                let mut keep: Vec<usize> = (0..def.columns.len()).collect();
                for column in names {
                    let Some(at) = def.column(column) else {
                        if *if_exists {
                            continue;
                        }
                        return Err(SqlError::new(
                            4924,
                            format!(
                                "ALTER TABLE DROP COLUMN failed because column '{column}' does not exist in table '{}'.",
                                def.name
                            ),
                        ));
                    };
                    if let Some(index) = def.indexes.iter().find(|i| i.columns.contains(&at)) {
                        return Err(SqlError::new(
                            5074,
                            format!(
                                "The object '{}' is dependent on column '{column}'.",
                                index.name
                            ),
                        ));
                    }
                    keep.retain(|i| *i != at);
                }
                let old = found.def.clone();
                def.columns = keep.iter().map(|i| old.columns[*i].clone()).collect();
                for index in &mut def.indexes {
                    index.columns = index
                        .columns
                        .iter()
                        .filter_map(|c| keep.iter().position(|k| k == c))
                        .collect();
                }
                def.refresh();
                self.redefine(name, &found, def, |_, row| {
                    let encoded = Encoded { columns: &old.encoding, bytes: &row };
                    Ok(keep
                        .iter()
                        .flat_map(|i| encoded.slice(*i).to_vec())
                        .collect::<Vec<u8>>()
                        .into())
                })
            }
            Alter::Column(column) => {
                let at = def.column(&column.name).ok_or_else(|| SqlError::new(4924, format!("ALTER TABLE ALTER COLUMN failed because column '{}' does not exist in table '{}'.", column.name, def.name)))?;
                let new = column_def(&ctx, &def.name, column, &[])?;
                drop(ctx);
                let old = found.def.clone();
                def.columns[at] = ColumnDef {
                    ty: new.ty,
                    collation: new.collation,
                    nullable: column.nullable.unwrap_or(true),
                    ..def.columns[at].clone()
                };
                def.refresh();
                self.redefine(name, &found, def, |def, row| {
                    let mut values = Encoded { columns: &old.encoding, bytes: &row }.all();
                    let value = std::mem::replace(&mut values[at], Value::Null);
                    values[at] = assign(def, at, value, old.columns[at].ty)?;
                    encode(def, &values)
                })
            }
            Alter::DropConstraint { if_exists, name: constraint } => {
                drop(ctx);
                let count = |def: &TableDef| {
                    let defaults = def.columns.iter().filter(|c| c.default.is_some()).count();
                    (def.indexes.len(), def.rules.len(), defaults)
                };
                let before = count(&def);
                if tracked && def.primary().is_some_and(|p| p.name.eq_ignore_ascii_case(constraint))
                {
                    return Err(SqlError::new(
                        4929,
                        format!(
                            "Cannot alter the table '{}' because it is being published for replication or enabled for Change Data Capture.",
                            def.name
                        ),
                    ));
                }
                def.indexes.retain(|i| !i.name.eq_ignore_ascii_case(constraint));
                def.rules.retain(|rule| !rule.name.eq_ignore_ascii_case(constraint));
                for column in &mut def.columns {
                    column.default =
                        column.default.take().filter(|(n, _)| !n.eq_ignore_ascii_case(constraint));
                }
                if before == count(&def) && !if_exists {
                    return Err(SqlError::new(
                        3728,
                        format!("'{constraint}' is not a constraint."),
                    ));
                }
                self.redefine(name, &found, def, |_, row| Ok(row))
            }
        }
    }

    /// What new columns hold in rows that are there already: the default where the column is NOT NULL.
    fn fillers(&mut self, def: &TableDef, from: usize) -> Result<Vec<Value>> {
        let mut fill = Vec::new();
        for (i, column) in def.columns.iter().enumerate().skip(from) {
            fill.push(match &column.default {
                Some((_, expr)) if !column.nullable => {
                    let (value, ty) = self.value(expr)?;
                    assign(def, i, value, ty)?
                }
                _ => Value::Null,
            });
        }
        Ok(fill)
    }

    /// Puts another definition in the place of a table's, and its rows through `rewrite`.
    pub(super) fn redefine(
        &mut self,
        name: &Name,
        found: &Found,
        mut def: TableDef,
        rewrite: impl Fn(&TableDef, crate::store::Row) -> Result<crate::store::Row>,
    ) -> Result<()> {
        let (database, ..) = self.context()?.place(name);
        def.refresh();
        self.writing(|session| {
            session.lock_table(found)?;
            let transaction =
                session.transaction().ok_or_else(|| SqlError::new(8623, "No transaction."))?;
            let former = transaction.data.get(&def.id).cloned().unwrap_or_default();
            let rows = former
                .rows
                .values()
                .map(|row| rewrite(&def, row.clone()))
                .collect::<Result<Vec<_>>>()?;
            let mut data = arranged(&def, rows.into_iter(), &former)?;
            data.next_row = data.next_row.max(former.next_row);
            if let Some(transaction) = session.transaction() {
                transaction.data.insert(def.id, data);
            }
            session.catalog_change(Some(&database), |catalog| {
                catalog.put(def);
                Ok(())
            })
        })
    }
}

fn append(def: &TableDef, row: &[u8], fill: &[Value]) -> Result<crate::store::Row> {
    let mut bytes = row.to_vec();
    let from = def.columns.len() - fill.len();
    for (column, value) in def.columns[from..].iter().zip(fill) {
        if value.is_null() && !column.nullable {
            return Err(SqlError::new(
                4901,
                format!(
                    "ALTER TABLE only allows columns to be added that can contain nulls, or have a DEFAULT definition specified, or the column being added is an identity or timestamp column. Column '{}' cannot be added to non-empty table '{}' because it does not satisfy these conditions.",
                    column.name, def.name
                ),
            ));
        }
        write_value(&mut bytes, column.column(), value);
    }
    Ok(bytes.into())
}

fn encode(def: &TableDef, values: &[Value]) -> Result<crate::store::Row> {
    let mut bytes = Vec::new();
    for (column, value) in def.columns.iter().zip(values) {
        if value.is_null() && !column.nullable {
            return Err(SqlError::new(
                515,
                format!(
                    "Cannot insert the value NULL into column '{}', table '{}'; column does not allow nulls. UPDATE fails.",
                    column.name,
                    def.full_name()
                ),
            ));
        }
        write_value(&mut bytes, column.column(), value);
    }
    Ok(bytes.into())
}
