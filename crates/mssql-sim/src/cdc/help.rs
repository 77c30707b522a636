//! The result sets of `sp_cdc_help_change_data_capture` and `sp_cdc_get_ddl_history`.
//! <https://learn.microsoft.com/en-us/sql/relational-databases/system-stored-procedures/sys-sp-cdc-help-change-data-capture-transact-sql>

use super::{Cdc, Instance};
use crate::sql::bind::view_column;
use crate::tds::Named;
use crate::value::{Clock7, Len, SqlType as T, Value};

const NAME: T = T::NVarChar(Len::Of(128));
const LONG: T = T::NVarChar(Len::Max);

pub(crate) fn datetime(at: Clock7) -> Value {
    let (day, thirds) = at.to_datetime();
    Value::DateTime(day, thirds)
}

/// Of the instances that `wanted` lets through.
pub(crate) fn help_change_data_capture(
    cdc: &Cdc,
    wanted: impl Fn(&Instance) -> bool,
) -> (Vec<Named>, Vec<Vec<Value>>) {
    let columns = [
        ("source_schema", NAME),
        ("source_table", NAME),
        ("capture_instance", NAME),
        ("object_id", T::Int),
        ("source_object_id", T::Int),
        ("start_lsn", T::Binary(10)),
        ("end_lsn", T::Binary(10)),
        ("supports_net_changes", T::Bit),
        ("has_drop_pending", T::Bit),
        ("role_name", NAME),
        ("index_name", NAME),
        ("filegroup_name", NAME),
        ("create_date", T::DateTime),
        ("index_column_list", LONG),
        ("captured_column_list", LONG),
    ];
    let list = |names: &mut dyn Iterator<Item = &String>| {
        Value::Text(names.map(|n| format!("[{n}]")).collect::<Vec<_>>().join(", "))
    };
    let rows = cdc.instances.iter().filter(|i| wanted(i)).map(|i| {
        vec![
            Value::text(&i.source.schema),
            Value::text(&i.source.name),
            Value::text(&i.name),
            i.table.id.into(),
            i.source.id.into(),
            i.start_lsn.map(|l| Value::Bytes(l.0.to_vec())).into(),
            Value::Null,
            i.supports_net_changes.into(),
            Value::Null,
            i.role.as_deref().into(),
            i.index_name.as_deref().into(),
            Value::Null,
            datetime(i.created),
            list(&mut i.index_columns.iter()),
            list(&mut i.columns.iter().map(|c| &c.name)),
        ]
    });
    (columns.map(|(name, ty)| view_column(name, ty)).to_vec(), rows.collect())
}

pub(crate) fn ddl_history(cdc: &Cdc, instance: &str) -> (Vec<Named>, Vec<Vec<Value>>) {
    let columns = [
        ("source_schema", NAME),
        ("source_table", NAME),
        ("capture_instance", NAME),
        ("required_column_update", T::Bit),
        ("ddl_command", LONG),
        ("ddl_lsn", T::Binary(10)),
        ("ddl_time", T::DateTime),
    ];
    let Some(found) = cdc.instance(instance) else {
        return (columns.map(|(name, ty)| view_column(name, ty)).to_vec(), Vec::new());
    };
    let rows = cdc.ddl.iter().filter(|d| d.object == found.table.id).map(|d| {
        vec![
            Value::text(&found.source.schema),
            Value::text(&found.source.name),
            Value::text(&found.name),
            d.column_update.into(),
            Value::text(&d.command),
            Value::Bytes(d.lsn.0.to_vec()),
            datetime(d.at),
        ]
    });
    (columns.map(|(name, ty)| view_column(name, ty)).to_vec(), rows.collect())
}
