//! The tables of CDC's own.
//! <https://learn.microsoft.com/en-us/sql/relational-databases/system-tables/change-data-capture-tables-transact-sql>

use super::objects::datetime;
use super::{LONG, NAME, View, view};
use crate::error::{Result, SqlError};
use crate::session::Context;
use crate::store::Lsn;
use crate::value::{SqlType as T, Value};

pub(super) fn find(ctx: &Context, database: &str, name: &str) -> Result<Option<View>> {
    let state = ctx.state_named(database)?;
    if !state.cdc.enabled {
        return Ok(None);
    }
    let lsn = |lsn: Lsn| Value::Bytes(lsn.0.to_vec());
    let cdc = &state.cdc;
    let found = match name {
        "change_tables" => {
            let columns = [
                ("object_id", T::Int),
                ("version", T::Int),
                ("source_object_id", T::Int),
                ("capture_instance", NAME),
                ("start_lsn", T::Binary(10)),
                ("end_lsn", T::Binary(10)),
                ("supports_net_changes", T::Bit),
                ("has_drop_pending", T::Bit),
                ("role_name", NAME),
                ("index_name", NAME),
                ("filegroup_name", NAME),
                ("create_date", T::DateTime),
                ("partition_switch", T::Bit),
            ];
            let rows = cdc.instances.iter().map(|i| {
                vec![
                    i.table.id.into(),
                    0.into(),
                    i.source.id.into(),
                    Value::text(&i.name),
                    i.start_lsn.map(lsn).into(),
                    Value::Null,
                    i.supports_net_changes.into(),
                    Value::Null,
                    i.role.as_deref().into(),
                    i.index_name.as_deref().into(),
                    Value::Null,
                    datetime(i.created),
                    false.into(),
                ]
            });
            view(&columns, rows.collect())
        }
        "captured_columns" => {
            let columns = [
                ("object_id", T::Int),
                ("column_name", NAME),
                ("column_id", T::Int),
                ("column_type", NAME),
                ("column_ordinal", T::Int),
                ("is_computed", T::Bit),
                ("masking_function", LONG),
            ];
            let rows = cdc.instances.iter().flat_map(|i| {
                i.columns.iter().enumerate().map(|(n, c)| {
                    vec![
                        i.table.id.into(),
                        Value::text(&c.name),
                        c.id.into(),
                        c.ty.name().into(),
                        (n as i32 + 1).into(),
                        c.computed.is_some().into(),
                        Value::Null,
                    ]
                })
            });
            view(&columns, rows.collect())
        }
        "index_columns" => {
            let columns = [
                ("object_id", T::Int),
                ("column_name", NAME),
                ("index_ordinal", T::TinyInt),
                ("column_id", T::Int),
            ];
            let rows = cdc.instances.iter().flat_map(|i| {
                i.index_columns.iter().enumerate().map(|(n, name)| {
                    vec![
                        i.table.id.into(),
                        Value::text(name),
                        (n as i32 + 1).into(),
                        i.source.column(name).map(|c| i.source.columns[c].id).into(),
                    ]
                })
            });
            view(&columns, rows.collect())
        }
        "lsn_time_mapping" => {
            let columns = [
                ("start_lsn", T::Binary(10)),
                ("tran_begin_time", T::DateTime),
                ("tran_end_time", T::DateTime),
                ("tran_id", T::VarBinary(crate::value::Len::Of(10))),
                ("tran_begin_lsn", T::Binary(10)),
            ];
            let id = |n: u64| if n == 0 { vec![0] } else { n.to_be_bytes()[2..].to_vec() };
            let rows = cdc.mapping.iter().map(|m| {
                vec![
                    lsn(m.lsn),
                    datetime(m.begin),
                    datetime(m.end),
                    Value::Bytes(id(m.transaction)),
                    Value::Null,
                ]
            });
            view(&columns, rows.collect())
        }
        "ddl_history" => {
            let columns = [
                ("source_object_id", T::Int),
                ("object_id", T::Int),
                ("required_column_update", T::Bit),
                ("ddl_command", LONG),
                ("ddl_lsn", T::Binary(10)),
                ("ddl_time", T::DateTime),
            ];
            let rows = cdc.ddl.iter().map(|d| {
                vec![
                    d.source.into(),
                    d.object.into(),
                    d.column_update.into(),
                    Value::text(&d.command),
                    lsn(d.lsn),
                    datetime(d.at),
                ]
            });
            view(&columns, rows.collect())
        }
        _ => return Ok(None),
    };
    if !ctx.allowed("SELECT", "cdc", name) {
        return Err(SqlError::new(229, format!("The SELECT permission was denied on the object '{name}', database '{database}', schema 'cdc'.")).class(14));
    }
    Ok(Some(found))
}

/// `msdb.dbo.cdc_jobs`: the polling interval in seconds, retention in minutes.
/// <https://learn.microsoft.com/en-us/sql/relational-databases/system-tables/dbo-cdc-jobs-transact-sql>
pub(super) fn jobs(ctx: &Context) -> Result<View> {
    let columns = [
        ("database_id", T::Int),
        ("job_type", T::NVarChar(crate::value::Len::Of(20))),
        ("maxtrans", T::Int),
        ("maxscans", T::Int),
        ("continuous", T::Bit),
        ("pollinginterval", T::BigInt),
        ("retention", T::BigInt),
        ("threshold", T::BigInt),
    ];
    let row = |id: i32, job: &str, numbers: [i32; 6]| -> Vec<Value> {
        let numbers = numbers.into_iter().map(Value::from);
        [id.into(), job.into()].into_iter().chain(numbers).collect()
    };
    let mut rows = Vec::new();
    for database in ctx.core.server.world().databases.values() {
        if database.capture_job.is_some() {
            rows.push(row(database.id, "capture", [500, 10, 1, 5, 0, 0]));
        }
        if database.has_cleanup_job {
            rows.push(row(database.id, "cleanup", [0, 0, 0, 0, 4320, 5000]));
        }
    }
    Ok(view(&columns, rows))
}
