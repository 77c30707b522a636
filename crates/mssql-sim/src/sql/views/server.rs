//! `sys.databases`, `sys.dm_…`, principals and permissions.

use super::objects::datetime;
use super::{LONG, NAME, View, sessions, view};
use crate::error::{Result, SqlError};
use crate::session::Context;
use crate::value::{SqlType as T, Value};

pub(super) fn find(ctx: &Context, name: &str) -> Result<Option<View>> {
    Ok(Some(match name {
        "databases" => databases(ctx),
        "extended_properties" => {
            let columns = [
                ("class", T::TinyInt),
                ("class_desc", NAME),
                ("major_id", T::Int),
                ("minor_id", T::Int),
                ("name", NAME),
                ("value", LONG),
            ];
            let row = |((object, _), (name, value)): (&(i32, String), &(String, String))| {
                let (class, described) =
                    if *object == 0 { (0, "DATABASE") } else { (1, "OBJECT_OR_COLUMN") };
                let (name, value) = (Value::text(name), Value::text(value));
                vec![class.into(), described.into(), (*object).into(), 0.into(), name, value]
            };
            view(&columns, ctx.catalog()?.properties.iter().map(row).collect())
        }
        "dm_server_services" => {
            // VIEW SERVER STATE is needed: the error of the real one.
            if !ctx.is_sa() {
                return Err(SqlError::new(300, "VIEW SERVER STATE permission was denied on object 'server', database 'master'.").class(14));
            }
            let database = ctx.core.database.borrow().clone();
            let on =
                ctx.core.server.world().database(&database).map(|d| d.agent_on).unwrap_or(true);
            let columns = [
                ("servicename", NAME),
                ("startup_type", T::Int),
                ("startup_type_desc", NAME),
                ("status", T::Int),
                ("status_desc", NAME),
                ("process_id", T::Int),
            ];
            let row = |name: &str, on: bool| {
                vec![
                    Value::text(name),
                    2.into(),
                    "Automatic".into(),
                    (if on { 4 } else { 1 }).into(),
                    (if on { "Running" } else { "Stopped" }).into(),
                    100.into(),
                ]
            };
            view(
                &columns,
                vec![
                    row("SQL Server (MSSQLSERVER)", true),
                    row("SQL Server Agent (MSSQLSERVER)", on),
                ],
            )
        }
        "dm_exec_sessions" => sessions::sessions(ctx),
        "dm_exec_requests" => sessions::requests(ctx),
        "dm_exec_connections" => sessions::connections(ctx),
        "configurations" => view(
            &[
                ("configuration_id", T::Int),
                ("name", NAME),
                ("value", T::Int),
                ("value_in_use", T::Int),
            ],
            Vec::new(),
        ),
        "database_principals" => {
            let columns = [
                ("name", NAME),
                ("principal_id", T::Int),
                ("type", T::Char(1)),
                ("type_desc", NAME),
            ];
            let catalog = ctx.catalog()?;
            let mut rows = vec![vec!["dbo".into(), 1.into(), "S".into(), "SQL_USER".into()]];
            for (i, name) in catalog.users.keys().enumerate() {
                let role = catalog.roles.contains(name);
                rows.push(vec![
                    Value::text(name),
                    (i as i32 + 5).into(),
                    (if role { "R" } else { "S" }).into(),
                    (if role { "DATABASE_ROLE" } else { "SQL_USER" }).into(),
                ]);
            }
            view(&columns, rows)
        }
        "database_permissions" => {
            let columns = [
                ("class", T::TinyInt),
                ("class_desc", NAME),
                ("major_id", T::Int),
                ("grantee_principal_id", T::Int),
                ("permission_name", NAME),
                ("state", T::Char(1)),
                ("state_desc", NAME),
            ];
            let catalog = ctx.catalog()?;
            let mut rows = Vec::new();
            for (i, user) in catalog.users.values().enumerate() {
                let entries = user
                    .grants
                    .iter()
                    .map(|g| (g, "G", "GRANT"))
                    .chain(user.denies.iter().map(|g| (g, "D", "DENY")));
                for (grant, state, described) in entries {
                    let (schema, object) = grant.on.split_once('.').unwrap_or_default();
                    let id = catalog.table(schema, object).map_or(0, |t| t.id);
                    let class = if grant.on.is_empty() {
                        (0, "DATABASE")
                    } else if id != 0 {
                        (1, "OBJECT_OR_COLUMN")
                    } else {
                        (3, "SCHEMA")
                    };
                    rows.push(vec![
                        class.0.into(),
                        class.1.into(),
                        id.into(),
                        (i as i32 + 5).into(),
                        Value::text(&grant.permission),
                        state.into(),
                        described.into(),
                    ]);
                }
            }
            view(&columns, rows)
        }
        "foreign_keys"
        | "foreign_key_columns"
        | "check_constraints"
        | "views"
        | "procedures"
        | "triggers"
        | "dm_tran_locks" => {
            // The simulator keeps none of these.
            view(
                &[
                    ("object_id", T::Int),
                    ("name", NAME),
                    ("parent_object_id", T::Int),
                    ("schema_id", T::Int),
                    ("definition", LONG),
                ],
                Vec::new(),
            )
        }
        _ => return Ok(None),
    }))
}

fn databases(ctx: &Context) -> View {
    let columns = [
        ("name", NAME),
        ("database_id", T::Int),
        ("create_date", T::DateTime),
        ("compatibility_level", T::TinyInt),
        ("collation_name", NAME),
        ("state", T::TinyInt),
        ("state_desc", NAME),
        ("is_read_only", T::Bit),
        ("is_cdc_enabled", T::Bit),
        ("snapshot_isolation_state", T::TinyInt),
        ("snapshot_isolation_state_desc", NAME),
        ("is_read_committed_snapshot_on", T::Bit),
        ("recovery_model_desc", NAME),
        ("is_encrypted", T::Bit),
        ("service_broker_guid", T::UniqueIdentifier),
    ];
    let world = ctx.core.server.world();
    let rows = world.databases.values().map(|d| {
        let system = d.id <= 4;
        let snapshot = d.allow_snapshot || (system && d.name != "model");
        vec![
            Value::text(&d.name),
            d.id.into(),
            datetime(d.created),
            160.into(),
            "SQL_Latin1_General_CP1_CI_AS".into(),
            0.into(),
            "ONLINE".into(),
            false.into(),
            d.state.cdc.enabled.into(),
            i32::from(snapshot).into(),
            (if snapshot { "ON" } else { "OFF" }).into(),
            d.read_committed_snapshot.into(),
            "FULL".into(),
            false.into(),
            Value::Guid(d.guid),
        ]
    });
    view(&columns, rows.collect())
}
