//! INFORMATION_SCHEMA.

use super::{LONG, NAME, View, view};
use crate::error::Result;
use crate::session::Context;
use crate::value::{SqlType as T, Value};

pub(super) fn find(ctx: &Context, name: &str) -> Result<Option<View>> {
    let catalog = ctx.catalog()?;
    let database = ctx.core.database.borrow().clone();
    let tables: Vec<_> = catalog
        .tables
        .values()
        .filter(|t| !t.name.starts_with(['#', '@']) && ctx.allowed("SELECT", &t.schema, &t.name))
        .collect();
    Ok(Some(match name {
        "schemata" => view(
            &[("CATALOG_NAME", NAME), ("SCHEMA_NAME", NAME), ("SCHEMA_OWNER", NAME)],
            catalog
                .schemas
                .values()
                .map(|(_, s)| vec![Value::text(&database), Value::text(s), "dbo".into()])
                .collect(),
        ),
        "tables" => view(
            &[
                ("TABLE_CATALOG", NAME),
                ("TABLE_SCHEMA", NAME),
                ("TABLE_NAME", NAME),
                ("TABLE_TYPE", T::VarChar(crate::value::Len::Of(10))),
            ],
            tables
                .iter()
                .map(|t| {
                    vec![
                        Value::text(&database),
                        Value::text(&t.schema),
                        Value::text(&t.name),
                        "BASE TABLE".into(),
                    ]
                })
                .collect(),
        ),
        "columns" => {
            let columns = [
                ("TABLE_CATALOG", NAME),
                ("TABLE_SCHEMA", NAME),
                ("TABLE_NAME", NAME),
                ("COLUMN_NAME", NAME),
                ("ORDINAL_POSITION", T::Int),
                ("COLUMN_DEFAULT", LONG),
                ("IS_NULLABLE", T::VarChar(crate::value::Len::Of(3))),
                ("DATA_TYPE", NAME),
                ("CHARACTER_MAXIMUM_LENGTH", T::Int),
                ("CHARACTER_OCTET_LENGTH", T::Int),
                ("NUMERIC_PRECISION", T::TinyInt),
                ("NUMERIC_SCALE", T::Int),
                ("DATETIME_PRECISION", T::SmallInt),
                ("COLLATION_NAME", NAME),
            ];
            let rows = tables.iter().flat_map(|t| {
                t.columns.iter().enumerate().map(|(i, c)| {
                    let (bytes, precision, scale) = c.ty.sizes();
                    let chars =
                        i64::from(if c.ty.is_unicode() && bytes > 0 { bytes / 2 } else { bytes });
                    let sized = (c.ty.is_text() || c.ty.is_binary()) && c.ty != T::RowVersion;
                    vec![
                        Value::text(&database),
                        Value::text(&t.schema),
                        Value::text(&t.name),
                        Value::text(&c.name),
                        (i as i32 + 1).into(),
                        c.default.as_ref().map(|(_, e)| Value::Text(format!("({e})"))).into(),
                        (if c.nullable { "YES" } else { "NO" }).into(),
                        c.ty.name().into(),
                        sized.then_some(chars).into(),
                        sized.then_some(i64::from(bytes)).into(),
                        c.ty.is_number().then_some(i32::from(precision)).into(),
                        c.ty.is_number().then_some(i32::from(scale)).into(),
                        c.ty.is_time().then_some(i32::from(scale)).into(),
                        c.ty.is_text().then_some("SQL_Latin1_General_CP1_CI_AS").into(),
                    ]
                })
            });
            view(&columns, rows.collect())
        }
        "table_constraints" => {
            let columns = [
                ("CONSTRAINT_CATALOG", NAME),
                ("CONSTRAINT_SCHEMA", NAME),
                ("CONSTRAINT_NAME", NAME),
                ("TABLE_SCHEMA", NAME),
                ("TABLE_NAME", NAME),
                ("CONSTRAINT_TYPE", NAME),
            ];
            let rows = tables.iter().flat_map(|t| {
                t.indexes.iter().filter(|i| i.constraint).map(|i| {
                    vec![
                        Value::text(&database),
                        Value::text(&t.schema),
                        Value::text(&i.name),
                        Value::text(&t.schema),
                        Value::text(&t.name),
                        (if i.primary { "PRIMARY KEY" } else { "UNIQUE" }).into(),
                    ]
                })
            });
            view(&columns, rows.collect())
        }
        "key_column_usage" | "constraint_column_usage" => {
            let columns = [
                ("CONSTRAINT_SCHEMA", NAME),
                ("CONSTRAINT_NAME", NAME),
                ("TABLE_SCHEMA", NAME),
                ("TABLE_NAME", NAME),
                ("COLUMN_NAME", NAME),
                ("ORDINAL_POSITION", T::Int),
            ];
            let rows = tables.iter().flat_map(|t| {
                t.indexes.iter().filter(|i| i.constraint).flat_map(|i| {
                    i.columns.iter().enumerate().map(|(n, c)| {
                        vec![
                            Value::text(&t.schema),
                            Value::text(&i.name),
                            Value::text(&t.schema),
                            Value::text(&t.name),
                            Value::text(&t.columns[*c].name),
                            (n as i32 + 1).into(),
                        ]
                    })
                })
            });
            view(&columns, rows.collect())
        }
        _ => return Ok(None),
    }))
}
