//! `sys.tables`, `sys.columns`, `sys.indexes` and their neighbours.

use super::{LONG, NAME, TYPES, View, type_id, view};
use crate::error::Result;
use crate::session::Context;
use crate::store::{ColumnDef, TableDef};
use crate::value::{Clock7, SqlType as T, Value};

pub(super) fn find(ctx: &Context, name: &str) -> Result<Option<View>> {
    let (catalog, state) = (ctx.catalog()?, ctx.state()?);
    // Who may do nothing with a table does not see it.
    let visible = |t: &&std::sync::Arc<TableDef>| {
        t.name.starts_with(['#', '@'])
            || ["SELECT", "INSERT", "UPDATE", "DELETE", "VIEW DEFINITION"]
                .iter()
                .any(|p| ctx.allowed(p, &t.schema, &t.name))
    };
    let tables: Vec<_> = catalog.tables.values().filter(visible).collect();
    let schema_id =
        |schema: &str| catalog.schemas.get(&schema.to_lowercase()).map_or(1, |(id, _)| *id);
    Ok(Some(match name {
        "schemas" => view(
            &[("name", NAME), ("schema_id", T::Int), ("principal_id", T::Int)],
            catalog
                .schemas
                .values()
                .map(|(id, name)| vec![Value::text(name), (*id).into(), 1.into()])
                .collect(),
        ),
        "tables" | "objects" | "all_objects" => {
            let columns = [
                ("name", NAME),
                ("object_id", T::Int),
                ("principal_id", T::Int),
                ("schema_id", T::Int),
                ("parent_object_id", T::Int),
                ("type", T::Char(2)),
                ("type_desc", NAME),
                ("create_date", T::DateTime),
                ("modify_date", T::DateTime),
                ("is_ms_shipped", T::Bit),
                ("is_tracked_by_cdc", T::Bit),
                ("temporal_type", T::TinyInt),
                ("is_memory_optimized", T::Bit),
                ("is_external", T::Bit),
                ("is_replicated", T::Bit),
            ];
            let rows = tables.iter().map(|t| {
                vec![
                    Value::text(&t.name),
                    t.id.into(),
                    Value::Null,
                    schema_id(&t.schema).into(),
                    0.into(),
                    "U ".into(),
                    "USER_TABLE".into(),
                    datetime(t.created),
                    datetime(t.created),
                    t.shipped.into(),
                    state.cdc.tracks(t.id).into(),
                    0.into(),
                    false.into(),
                    false.into(),
                    false.into(),
                ]
            });
            view(&columns, rows.collect())
        }
        "columns" | "all_columns" => {
            let columns = [
                ("object_id", T::Int),
                ("name", NAME),
                ("column_id", T::Int),
                ("system_type_id", T::TinyInt),
                ("user_type_id", T::Int),
                ("max_length", T::SmallInt),
                ("precision", T::TinyInt),
                ("scale", T::TinyInt),
                ("collation_name", NAME),
                ("is_nullable", T::Bit),
                ("is_rowguidcol", T::Bit),
                ("is_identity", T::Bit),
                ("is_computed", T::Bit),
                ("is_hidden", T::Bit),
                ("generated_always_type", T::TinyInt),
                ("default_object_id", T::Int),
            ];
            let rows = tables.iter().flat_map(|t| {
                t.columns.iter().map(|c| {
                    let (length, precision, scale) = c.ty.sizes();
                    vec![
                        t.id.into(),
                        Value::text(&c.name),
                        c.id.into(),
                        type_id(c.ty).into(),
                        type_id(c.ty).into(),
                        i64::from(length).into(),
                        i32::from(precision).into(),
                        i32::from(scale).into(),
                        collation(c),
                        c.nullable.into(),
                        false.into(),
                        c.identity.is_some().into(),
                        c.computed.is_some().into(),
                        false.into(),
                        0.into(),
                        i32::from(c.default.is_some()).into(),
                    ]
                })
            });
            view(&columns, rows.collect())
        }
        "types" => {
            let columns = [
                ("name", NAME),
                ("system_type_id", T::TinyInt),
                ("user_type_id", T::Int),
                ("schema_id", T::Int),
                ("max_length", T::SmallInt),
                ("is_user_defined", T::Bit),
                ("is_nullable", T::Bit),
            ];
            let mut rows: Vec<Vec<Value>> = TYPES
                .iter()
                .map(|(name, system, user)| {
                    vec![
                        (*name).into(),
                        (*system).into(),
                        (*user).into(),
                        4.into(),
                        0.into(),
                        false.into(),
                        true.into(),
                    ]
                })
                .collect();
            rows.push(vec![
                "sysname".into(),
                231.into(),
                256.into(),
                4.into(),
                256.into(),
                false.into(),
                false.into(),
            ]);
            view(&columns, rows)
        }
        "indexes" => {
            let columns = [
                ("object_id", T::Int),
                ("name", NAME),
                ("index_id", T::Int),
                ("type", T::TinyInt),
                ("type_desc", NAME),
                ("is_unique", T::Bit),
                ("is_primary_key", T::Bit),
                ("is_unique_constraint", T::Bit),
                ("is_disabled", T::Bit),
                ("has_filter", T::Bit),
                ("is_hypothetical", T::Bit),
            ];
            let mut rows = Vec::new();
            for t in &tables {
                if t.primary().is_none() && !t.shipped {
                    rows.push(vec![
                        t.id.into(),
                        Value::Null,
                        0.into(),
                        0.into(),
                        "HEAP".into(),
                        false.into(),
                        false.into(),
                        false.into(),
                        false.into(),
                        false.into(),
                        false.into(),
                    ]);
                }
                for (id, index) in numbered(t) {
                    rows.push(vec![
                        t.id.into(),
                        Value::text(&index.name),
                        id.into(),
                        i32::from(if index.primary { 1_u8 } else { 2 }).into(),
                        (if index.primary { "CLUSTERED" } else { "NONCLUSTERED" }).into(),
                        index.unique.into(),
                        index.primary.into(),
                        (index.constraint && !index.primary).into(),
                        false.into(),
                        false.into(),
                        false.into(),
                    ]);
                }
            }
            view(&columns, rows)
        }
        "index_columns" => {
            let columns = [
                ("object_id", T::Int),
                ("index_id", T::Int),
                ("index_column_id", T::Int),
                ("column_id", T::Int),
                ("key_ordinal", T::TinyInt),
                ("partition_ordinal", T::TinyInt),
                ("is_descending_key", T::Bit),
                ("is_included_column", T::Bit),
            ];
            let mut rows = Vec::new();
            for t in &tables {
                for (id, index) in numbered(t) {
                    for (i, column) in index.columns.iter().enumerate() {
                        let n = i as i32 + 1;
                        rows.push(vec![
                            t.id.into(),
                            id.into(),
                            n.into(),
                            t.columns[*column].id.into(),
                            n.into(),
                            0.into(),
                            false.into(),
                            false.into(),
                        ]);
                    }
                }
            }
            view(&columns, rows)
        }
        "key_constraints" => {
            let columns = [
                ("name", NAME),
                ("object_id", T::Int),
                ("schema_id", T::Int),
                ("parent_object_id", T::Int),
                ("type", T::Char(2)),
                ("type_desc", NAME),
                ("unique_index_id", T::Int),
            ];
            let rows = tables.iter().flat_map(|t| {
                numbered(t).into_iter().filter(|(_, i)| i.constraint).map(|(id, index)| {
                    vec![
                        Value::text(&index.name),
                        (t.id + id).into(),
                        schema_id(&t.schema).into(),
                        t.id.into(),
                        (if index.primary { "PK" } else { "UQ" }).into(),
                        (if index.primary {
                            "PRIMARY_KEY_CONSTRAINT"
                        } else {
                            "UNIQUE_CONSTRAINT"
                        })
                        .into(),
                        id.into(),
                    ]
                })
            });
            view(&columns, rows.collect())
        }
        "identity_columns" => {
            let columns = [
                ("object_id", T::Int),
                ("name", NAME),
                ("column_id", T::Int),
                ("seed_value", T::BigInt),
                ("increment_value", T::BigInt),
            ];
            let rows = tables.iter().flat_map(|t| {
                t.columns.iter().filter_map(|c| {
                    let (seed, step) = c.identity?;
                    Some(vec![
                        t.id.into(),
                        Value::text(&c.name),
                        c.id.into(),
                        seed.into(),
                        step.into(),
                    ])
                })
            });
            view(&columns, rows.collect())
        }
        "computed_columns" => {
            let columns = [
                ("object_id", T::Int),
                ("name", NAME),
                ("column_id", T::Int),
                ("definition", LONG),
                ("is_persisted", T::Bit),
            ];
            let rows = tables.iter().flat_map(|t| {
                t.columns.iter().filter_map(|c| {
                    let expr = c.computed.as_ref()?;
                    Some(vec![
                        t.id.into(),
                        Value::text(&c.name),
                        c.id.into(),
                        Value::Text(format!("({expr})")),
                        false.into(),
                    ])
                })
            });
            view(&columns, rows.collect())
        }
        "default_constraints" => {
            let columns = [
                ("name", NAME),
                ("object_id", T::Int),
                ("parent_object_id", T::Int),
                ("parent_column_id", T::Int),
                ("definition", LONG),
            ];
            let rows = tables.iter().flat_map(|t| {
                t.columns.iter().filter_map(|c| {
                    let (name, expr) = c.default.as_ref()?;
                    Some(vec![
                        Value::text(name),
                        (t.id + 1000 + c.id).into(),
                        t.id.into(),
                        c.id.into(),
                        Value::Text(format!("({expr})")),
                    ])
                })
            });
            view(&columns, rows.collect())
        }
        "partitions" | "dm_db_partition_stats" => {
            let columns = [
                ("object_id", T::Int),
                ("index_id", T::Int),
                ("partition_number", T::Int),
                ("rows", T::BigInt),
                ("row_count", T::BigInt),
            ];
            let count = |t: &TableDef| {
                state
                    .cdc
                    .instances
                    .iter()
                    .find(|i| i.table.id == t.id)
                    .map(|i| i.changes.len() as i64)
                    .or_else(|| state.data.get(&t.id).map(|d| d.rows.size() as i64))
                    .unwrap_or(0)
            };
            let rows = tables.iter().map(|t| {
                vec![
                    t.id.into(),
                    i32::from(t.primary().is_some()).into(),
                    1.into(),
                    count(t).into(),
                    count(t).into(),
                ]
            });
            view(&columns, rows.collect())
        }
        _ => return Ok(None),
    }))
}

/// The column's own, or the database's.
fn collation(column: &ColumnDef) -> Value {
    let own =
        column.collation.as_deref().filter(|one| !one.eq_ignore_ascii_case("database_default"));
    column.ty.is_text().then(|| own.unwrap_or("SQL_Latin1_General_CP1_CI_AS")).into()
}

pub(super) fn datetime(at: Clock7) -> Value {
    let (day, thirds) = at.to_datetime();
    Value::DateTime(day, thirds)
}

/// Indexes with their ids: the primary key is 1, the others follow.
fn numbered(table: &TableDef) -> Vec<(i32, &crate::store::IndexDef)> {
    let mut next = 1;
    table
        .indexes
        .iter()
        .map(|index| {
            if index.primary {
                return (1, index);
            }
            next += 1;
            (next, index)
        })
        .collect()
}
