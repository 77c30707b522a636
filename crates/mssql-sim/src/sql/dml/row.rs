//! One row: fitted to its table, checked, written, logged.

use std::sync::Arc;

use crate::error::{Result, SqlError};
use crate::session::{Context, Found, Session};
use crate::sql::bind::{Binder, Scope, columns_of};
use crate::sql::eval::{eval, shown};
use crate::sql::plan::{Env, RowRef};
use crate::store::{Change, IndexDef, Key, Row, TableData, TableDef};
use crate::value::{Len, SqlType as T, Value, convert, key_of, push_key, write_value};

/// A value as a column stores it. What does not fit is an error here, where CAST cuts it off.
pub(in crate::sql) fn assign(def: &TableDef, index: usize, value: Value, from: T) -> Result<Value> {
    let column = &def.columns[index];
    let ty = column.ty;
    if value.is_null() {
        return Ok(Value::Null);
    }
    if let (T::Binary(len) | T::VarBinary(Len::Of(len)), Value::Bytes(bytes)) = (ty, &value)
        && bytes.len() > usize::from(len)
    {
        return Err(truncated(def, index, &value, from));
    }
    let most = match ty {
        T::Char(n) | T::NChar(n) | T::VarChar(Len::Of(n)) | T::NVarChar(Len::Of(n)) => {
            Some(usize::from(n))
        }
        _ => None,
    };
    if let (Some(most), Value::Text(text)) = (most, &value) {
        // Blanks at the end may be lost.
        if text.trim_end_matches(' ').encode_utf16().count() > most {
            return Err(truncated(def, index, &value, from));
        }
    }
    if ty.is_binary() && from.is_text() {
        return Err(SqlError::new(
            257,
            format!(
                "Implicit conversion from data type {} to {} is not allowed. Use the CONVERT function to run this query.",
                from.name(),
                ty.name()
            ),
        ));
    }
    convert(value, from, ty)
}

fn truncated(def: &TableDef, index: usize, value: &Value, from: T) -> SqlError {
    let text: String = shown(value, from).chars().take(100).collect();
    SqlError::new(
        2628,
        format!(
            "String or binary data would be truncated in table '{}', column '{}'. Truncated value: '{text}'.",
            def.full_name(),
            def.columns[index].name
        ),
    )
}

impl Session {
    /// Fills in defaults, identity, rowversion and computed columns; `given` stands at `places`.
    pub(crate) fn insert_row(
        &mut self,
        found: &Found,
        places: &[usize],
        given: Vec<(Value, T)>,
        keep_identity: bool,
    ) -> Result<Row> {
        let def = &found.def;
        let mut values: Vec<Option<Value>> = vec![None; def.columns.len()];
        for (place, (value, ty)) in places.iter().zip(given) {
            values[*place] = Some(assign(def, *place, value, ty)?);
        }
        self.fill(found, &mut values, keep_identity)?;
        let values: Vec<Value> = values.into_iter().map(|v| v.unwrap_or(Value::Null)).collect();
        let row = self.encode(def, values.clone(), "INSERT")?;
        let key = self.put_row(found, None, &values, row.clone())?;
        self.check_conflict(found, &key)?;
        self.log(found, None, Some(row.clone()), false);
        Ok(row)
    }

    fn fill(
        &mut self,
        found: &Found,
        values: &mut [Option<Value>],
        keep_identity: bool,
    ) -> Result<()> {
        let def = found.def.clone();
        for (i, column) in def.columns.iter().enumerate() {
            if let Some((seed, step)) = column.identity {
                let explicit = values[i].clone().filter(|v| !v.is_null());
                if explicit.is_some() && !keep_identity && self.identity_insert() != Some(def.id) {
                    return Err(SqlError::new(
                        544,
                        format!(
                            "Cannot insert explicit value for identity column in table '{}' when IDENTITY_INSERT is set to OFF.",
                            def.name
                        ),
                    ));
                }
                let Some(data) = self.data_mut(def.id) else { continue };
                let value = match explicit.as_ref().and_then(Value::as_int) {
                    Some(n) => {
                        data.identity =
                            Some(data.identity.map_or(n, |last| {
                                if step > 0 { last.max(n) } else { last.min(n) }
                            }));
                        n
                    }
                    None => {
                        let n = data.identity.map_or(seed, |last| last + step);
                        data.identity = Some(n);
                        n
                    }
                };
                self.core.identity.set(Some(value));
                values[i] = Some(convert(Value::Int(value), T::BigInt, column.ty)?);
            } else if column.ty == T::RowVersion {
                values[i] = Some(self.row_version());
            } else if let (None, Some((_, default))) = (&values[i], &column.default) {
                let (value, ty) = self.value(default)?;
                values[i] = Some(assign(&def, i, value, ty)?);
            }
        }
        self.compute(found, values)
    }

    pub(super) fn row_version(&mut self) -> Value {
        Value::Bytes(self.core.server.world().next_row_version().to_be_bytes().to_vec())
    }

    /// Computed columns, from the others.
    pub(super) fn compute(&mut self, found: &Found, values: &mut [Option<Value>]) -> Result<()> {
        if found.def.columns.iter().all(|c| c.computed.is_none()) {
            return Ok(());
        }
        let ctx = self.context()?;
        for (i, column) in found.def.columns.iter().enumerate() {
            let Some(expr) = &column.computed else { continue };
            let mut scope = Scope::default();
            scope.push(&found.def.name, None, columns_of(&found.def.columns));
            let typed = Binder::over(&ctx, scope).expr_as(expr, column.ty)?;
            let row: Vec<Value> = values.iter().map(|v| v.clone().unwrap_or(Value::Null)).collect();
            values[i] = Some(eval(&ctx, &Env::of(RowRef::Values(&row), None), &typed)?);
        }
        Ok(())
    }

    /// The bytes of a row; NULL where none may stand is error 515.
    pub(super) fn encode(&self, def: &TableDef, values: Vec<Value>, verb: &str) -> Result<Row> {
        let mut bytes = Vec::with_capacity(values.len() * 12);
        for (column, value) in def.columns.iter().zip(&values) {
            if value.is_null() && !column.nullable {
                return Err(SqlError::new(
                    515,
                    format!(
                        "Cannot insert the value NULL into column '{}', table '{}'; column does not allow nulls. {verb} fails.",
                        column.name,
                        def.full_name()
                    ),
                ));
            }
            write_value(&mut bytes, column.column(), value);
        }
        Ok(Arc::from(bytes))
    }

    pub(super) fn data_mut(&mut self, table: i32) -> Option<&mut TableData> {
        self.transaction().and_then(|t| t.data.get_mut(&table))
    }

    /// Writes a row under its key; a heap's row keeps the key that it had.
    pub(super) fn put_row(
        &mut self,
        found: &Found,
        former: Option<&Key>,
        values: &[Value],
        row: Row,
    ) -> Result<Key> {
        let def = found.def.clone();
        let data =
            self.data_mut(def.id).ok_or_else(|| SqlError::new(8623, "The table is not locked."))?;
        let key: Key = if def.key().is_empty() {
            former.cloned().unwrap_or_else(|| data.heap_key())
        } else {
            Arc::from(key_of(def.key().iter().map(|i| &values[*i])))
        };
        if let (true, Some(index)) = (data.rows.contains_key(&key), def.primary()) {
            return Err(duplicate(&def, index, values));
        }
        for (position, index) in def.uniques().enumerate() {
            let unique: Key = Arc::from(key_of(index.columns.iter().map(|i| &values[*i])));
            if data.uniques[position].contains_key(&unique) {
                return Err(duplicate(&def, index, values));
            }
            data.uniques[position].insert_mut(unique, key.clone());
        }
        data.rows.insert_mut(key.clone(), row);
        Ok(key)
    }

    pub(super) fn remove_row(&mut self, found: &Found, key: &Key, values: &[Value]) {
        let def = found.def.clone();
        let Some(data) = self.data_mut(def.id) else { return };
        data.rows.remove_mut(key);
        for (position, index) in def.uniques().enumerate() {
            data.uniques[position]
                .remove_mut(key_of(index.columns.iter().map(|i| &values[*i])).as_slice());
        }
    }

    /// For the capture agent, if the table is tracked.
    pub(super) fn log(
        &mut self,
        found: &Found,
        before: Option<Row>,
        after: Option<Row>,
        deferred: bool,
    ) {
        let (tracked, lsns) = {
            let mut world = self.core.server.world();
            match world.by_id(found.database) {
                Some(database) => (database.state.cdc.tracks(found.def.id), database.lsns.clone()),
                None => return,
            }
        };
        if !tracked {
            return;
        }
        let table = found.def.clone();
        let home = found.database;
        let Some(transaction) = self.transaction() else { return };
        transaction.command += 1;
        let change = Change {
            table,
            before,
            after,
            deferred,
            seqval: lsns.record(),
            command: transaction.command,
        };
        transaction.changes.entry(home).or_default().push(change);
    }
}

/// Error 2627 of a constraint, 2601 of an index.
pub(in crate::sql) fn duplicate(def: &TableDef, index: &IndexDef, values: &[Value]) -> SqlError {
    let shown: Vec<String> = index
        .columns
        .iter()
        .map(|i| {
            if values[*i].is_null() {
                "<NULL>".to_owned()
            } else {
                shown(&values[*i], def.columns[*i].ty)
            }
        })
        .collect();
    let value = shown.join(", ");
    let kind = if index.primary { "PRIMARY KEY" } else { "UNIQUE KEY" };
    if index.constraint {
        SqlError::new(2627, format!("Violation of {kind} constraint '{}'. Cannot insert duplicate key in object '{}'. The duplicate key value is ({value}).", index.name, def.full_name())).class(14)
    } else {
        SqlError::new(2601, format!("Cannot insert duplicate key row in object '{}' with unique index '{}'. The duplicate key value is ({value}).", def.full_name(), index.name)).class(14)
    }
}

/// The unique index keys of a row, the primary one left out.
pub(super) fn unique_keys(def: &TableDef, values: &[Value]) -> Vec<u8> {
    let mut key = Vec::new();
    for index in def.uniques() {
        index.columns.iter().for_each(|i| push_key(&mut key, &values[*i]));
    }
    key
}

impl Context {
    /// Rights that a writing statement needs beside its own: reading what it reads.
    pub(super) fn need_write(&self, permission: &str, found: &Found) -> Result<()> {
        if found.def.shipped {
            return Err(SqlError::new(
                229,
                format!(
                    "The {permission} permission was denied on the object '{}'.",
                    found.def.name
                ),
            )
            .class(14));
        }
        self.need(permission, &found.def)
    }
}
