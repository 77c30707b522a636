//! CREATE TABLE and CREATE INDEX.

use crate::error::{Result, SqlError};
use crate::session::{Context, Session};
use crate::sql::bind::{Binder, Scope, view_column};
use crate::sql::dml::duplicate;
use crate::sql::syntax::{Name, NewColumn, NewIndex, NewRuleKind, TableBody};
use crate::store::{ColumnDef, IndexDef, RuleDef, RuleKind, TableData, TableDef};
use crate::value::{Encoded, SqlType as T, key_of};

impl Session {
    pub(super) fn create_table(&mut self, name: &Name, body: &TableBody) -> Result<()> {
        let ctx = self.context()?;
        let (database, schema, table) = ctx.place(name);
        if ctx.find_table(name)?.is_some() {
            return Err(SqlError::new(
                2714,
                format!("There is already an object named '{}' in the database.", name.name),
            ));
        }
        if database.eq_ignore_ascii_case(&ctx.core.database.borrow())
            && !ctx.is_owner()
            && !ctx.allowed("CREATE TABLE", "", "")
        {
            return Err(SqlError::new(
                262,
                format!("CREATE TABLE permission denied in database '{database}'."),
            )
            .class(14));
        }
        let mut defs = Vec::new();
        for column in &body.columns {
            let defined = column_def(&ctx, &table, column, &defs)?;
            if defs.iter().any(|c: &ColumnDef| c.name.eq_ignore_ascii_case(&column.name)) {
                return Err(SqlError::new(
                    2705,
                    format!(
                        "Column names in each table must be unique. Column name '{}' in table '{}' is specified more than once.",
                        column.name, name.name
                    ),
                ));
            }
            defs.push(defined);
        }
        let id = self.core.server.world().next_object();
        let now = self.core.server.clock.now();
        let mut def = TableDef::new(id, &schema, &table, defs, now);
        for index in body.columns.iter().flat_map(|c| &c.constraints).chain(&body.indexes) {
            add_index(&mut def, index)?;
        }
        add_rules(&ctx, &mut def, body);
        self.catalog_change(Some(&database), |catalog| {
            let Some((_, stored)) = catalog.schemas.get(&schema.to_lowercase()).cloned() else {
                return Err(SqlError::new(2760, format!("The specified schema name \"{schema}\" either does not exist or you do not have permission to use it.")));
            };
            def.schema = stored;
            catalog.put(def);
            Ok(())
        })
    }

    pub(super) fn create_index(&mut self, table: &Name, index: &NewIndex) -> Result<()> {
        let found = self.context()?.table(table)?;
        let mut def = (*found.def).clone();
        add_index(&mut def, index)?;
        self.redefine(table, &found, def, |_, row| Ok(row))
    }

    pub(super) fn drop_index(&mut self, table: &Name, name: &str, if_exists: bool) -> Result<()> {
        let found = self.context()?.table(table)?;
        let mut def = (*found.def).clone();
        let before = def.indexes.len();
        def.indexes.retain(|i| i.constraint || !i.name.eq_ignore_ascii_case(name));
        if before == def.indexes.len() {
            return if if_exists {
                Ok(())
            } else {
                Err(SqlError::new(3701, format!("Cannot drop the index '{table}.{name}', because it does not exist or you do not have permission.")).class(11))
            };
        }
        self.redefine(table, &found, def, |_, row| Ok(row))
    }
}

/// A declared column as a definition.
pub(super) fn column_def(
    ctx: &Context,
    table: &str,
    column: &NewColumn,
    before: &[ColumnDef],
) -> Result<ColumnDef> {
    let key = column.constraints.iter().any(|c| c.primary);
    let ty = match (&column.ty, &column.computed) {
        (Some(ty), _) => *ty,
        (None, Some(expr)) => {
            let mut scope = Scope::default();
            scope.push(table, None, before.iter().map(|c| view_column(&c.name, c.ty)).collect());
            Binder::over(ctx, scope).expr(expr)?.ty
        }
        (None, None) => return Err(SqlError::syntax(&column.name)),
    };
    let nullable =
        column.nullable.unwrap_or(!key && column.identity.is_none() && ty != T::RowVersion);
    Ok(ColumnDef {
        nullable,
        identity: column.identity,
        default: column.default.clone().map(|(name, expr)| {
            (name.unwrap_or_else(|| format!("DF__{table}__{}", column.name)), expr)
        }),
        computed: column.computed.clone(),
        collation: column.collation.clone(),
        ..ColumnDef::plain(&column.name, ty, nullable)
    })
}

/// Adds CHECK and FOREIGN KEY; those that have no name get one.
pub(super) fn add_rules(ctx: &Context, def: &mut TableDef, body: &TableBody) {
    for rule in body.columns.iter().flat_map(|c| &c.rules).chain(&body.rules) {
        let number = def.rules.len() + 1;
        let (kind, what) = match &rule.what {
            NewRuleKind::Check(condition) => ("CK", RuleKind::Check(condition.clone())),
            NewRuleKind::References { columns, table, keys } => {
                let (_, schema, table) = ctx.place(table);
                let (columns, keys) = (columns.clone(), keys.clone());
                ("FK", RuleKind::References { columns, schema, table, keys })
            }
        };
        let made = || format!("{kind}__{}__{:08X}{number:08X}", def.name, def.id);
        let name = rule.name.clone().unwrap_or_else(made);
        def.rules.push(RuleDef { name, what });
    }
}

/// Adds an index to a definition; the columns of a primary key become NOT NULL.
pub(super) fn add_index(def: &mut TableDef, index: &NewIndex) -> Result<()> {
    let mut columns = Vec::new();
    for name in &index.columns {
        columns.push(def.column(name).ok_or_else(|| {
            SqlError::new(
                1911,
                format!("Column name '{name}' does not exist in the target table or view."),
            )
        })?);
    }
    if index.primary {
        if def.primary().is_some() {
            return Err(SqlError::new(
                1779,
                format!("Table '{}' already has a primary key defined on it.", def.name),
            ));
        }
        columns.iter().for_each(|i| def.columns[*i].nullable = false);
        def.refresh();
    }
    let plain = def.name.split('\u{1}').next().unwrap_or_default();
    let kind = if index.primary { "PK" } else { "UQ" };
    let name = index
        .name
        .clone()
        .unwrap_or_else(|| format!("{kind}__{plain}__{:08X}{:08X}", def.id, def.indexes.len() + 1));
    if def.indexes.iter().any(|i| i.name.eq_ignore_ascii_case(&name)) {
        return Err(SqlError::new(
            1913,
            format!(
                "The operation failed because an index or statistics with name '{name}' already exists on table '{}'.",
                def.full_name()
            ),
        ));
    }
    def.indexes.push(IndexDef {
        name,
        columns,
        unique: index.unique,
        primary: index.primary,
        constraint: index.constraint,
    });
    Ok(())
}

/// The rows of a table, arranged for a definition.
pub(super) fn arranged(
    def: &TableDef,
    rows: impl Iterator<Item = crate::store::Row>,
    former: &TableData,
) -> Result<TableData> {
    let mut data =
        TableData { identity: former.identity, ..TableData::with_uniques(def.uniques().count()) };
    for row in rows {
        let values = Encoded { columns: &def.encoding, bytes: &row }.all();
        let key: crate::store::Key = if def.key().is_empty() {
            data.heap_key()
        } else {
            key_of(def.key().iter().map(|i| &values[*i])).into()
        };
        if let (true, Some(index)) = (data.rows.contains_key(&key), def.primary()) {
            return Err(SqlError { number: 1505, ..duplicate(def, index, &values) });
        }
        for (position, index) in def.uniques().enumerate() {
            let unique = key_of(index.columns.iter().map(|i| &values[*i]));
            if data.uniques[position].contains_key(unique.as_slice()) {
                return Err(SqlError { number: 1505, ..duplicate(def, index, &values) });
            }
            data.uniques[position].insert_mut(unique.into(), key.clone());
        }
        data.rows.insert_mut(key, row);
    }
    Ok(data)
}
