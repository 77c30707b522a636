//! What the database says of itself: is change data capture on, for which tables, with which columns.

use std::collections::BTreeMap;

use dstream_mssql::tiberius::{ColumnData, Row};
use dstream_mssql::{Rows, Session};
use dstream_sdk::{Error, Result, tracing};

use crate::config::Tables;
use crate::explain;
use crate::instance::{Column, Instance};
use crate::lsn::Lsn;
use crate::types::SqlType;

/// The database, as it answers.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) server: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) has_cdc: bool,
    pub(crate) allows_snapshots: bool,
}

impl Database {
    /// Names the source.
    pub(crate) fn fingerprint(&self) -> String {
        format!("sqlserver:{}/{}", self.server, self.name)
    }
}

/// A table, whether it is captured or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TableName {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) is_tracked: bool,
}

const DATABASE: &str = "SELECT CAST(SERVERPROPERTY('ServerName') AS nvarchar(256)), DB_NAME(), \
    CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), is_cdc_enabled, snapshot_isolation_state \
    FROM sys.databases WHERE name = DB_NAME()";

const TABLES: &str = "SELECT s.name, t.name, t.is_tracked_by_cdc FROM sys.tables t \
    JOIN sys.schemas s ON s.schema_id = t.schema_id WHERE t.is_ms_shipped = 0 ORDER BY s.name, t.name";

const INSTANCES: &str = "SELECT ct.object_id, ct.capture_instance, s.name, t.name, ct.start_lsn, \
    COALESCE(COL_LENGTH('cdc.' + QUOTENAME(ct.capture_instance + '_CT'), '__$command_id'), 0) \
    FROM cdc.change_tables ct JOIN sys.tables t ON t.object_id = ct.source_object_id \
    JOIN sys.schemas s ON s.schema_id = t.schema_id ORDER BY ct.create_date, ct.object_id";

const COLUMNS: &str = "SELECT cc.object_id, cc.column_name, cc.column_type, cc.column_ordinal, \
    c.max_length, c.precision, c.scale, o.is_nullable, i.index_ordinal \
    FROM cdc.captured_columns cc \
    JOIN cdc.change_tables ct ON ct.object_id = cc.object_id \
    JOIN sys.columns c ON c.object_id = cc.object_id AND c.name = cc.column_name \
    LEFT JOIN sys.columns o ON o.object_id = ct.source_object_id AND o.name = cc.column_name \
    LEFT JOIN cdc.index_columns i ON i.object_id = cc.object_id AND i.column_name = cc.column_name \
    ORDER BY cc.object_id, cc.column_ordinal";

/// Asks for the database; says what is wrong where change data capture is off.
pub(crate) async fn database(session: &mut Session) -> Result<Database> {
    let rows = session.query(DATABASE).await?;
    let row = rows.first().and_then(|rows| rows.first());
    let row = row.ok_or_else(|| Error::permanent("the server does not show its own database"))?;
    Ok(Database {
        server: text(row, 0),
        name: text(row, 1),
        version: text(row, 2),
        has_cdc: flag(row, 3),
        allows_snapshots: number(row, 4) == 1,
    })
}

/// All tables of users.
pub(crate) async fn tables(session: &mut Session) -> Result<Vec<TableName>> {
    let rows = one(session.query(TABLES).await?);
    let table = |row: &Row| TableName {
        schema: text(row, 0),
        name: text(row, 1),
        is_tracked: flag(row, 2),
    };
    Ok(rows.iter().map(table).collect())
}

/// The capture instances of the tables that are meant, oldest first.
pub(crate) async fn instances(
    session: &mut Session,
    database: &Database,
    meant: &Tables,
) -> Result<Vec<Instance>> {
    let refused = |error| explain::catalog(error, &database.name);
    let rows = one(session.query(INSTANCES).await.map_err(refused)?);
    let mut instances: BTreeMap<i64, Instance> = BTreeMap::new();
    let mut order = Vec::new();
    for row in &rows {
        let (schema, table) = (text(row, 2), text(row, 3));
        if !meant.means(&schema, &table) {
            continue;
        }
        let start = cell(row, 4).and_then(Lsn::of);
        let mut instance = Instance::new(text(row, 1), schema, table, start);
        instance.has_command_id = number(row, 5) > 0;
        order.push(number(row, 0));
        instances.insert(number(row, 0), instance);
    }
    let rows = one(session.query(COLUMNS).await.map_err(refused)?);
    let mut keys: BTreeMap<i64, BTreeMap<i64, String>> = BTreeMap::new();
    for row in &rows {
        let object = number(row, 0);
        let Some(instance) = instances.get_mut(&object) else { continue };
        let column = column(row);
        if column.is_key {
            keys.entry(object).or_default().insert(number(row, 8), column.name.clone());
        }
        instance.columns.push(column);
    }
    for (object, key) in keys {
        if let Some(instance) = instances.get_mut(&object) {
            instance.key = key.into_values().collect();
        }
    }
    for instance in instances.values_mut() {
        instance.choose(&meant.settings(&instance.schema, &instance.table))?;
    }
    Ok(order.into_iter().filter_map(|object| instances.remove(&object)).collect())
}

fn column(row: &Row) -> Column {
    let name = text(row, 1);
    let small = |at| u8::try_from(number(row, at)).unwrap_or_default();
    let sql = SqlType {
        name: text(row, 2),
        max_length: i32::try_from(number(row, 4)).unwrap_or_default(),
        precision: small(5),
        scale: small(6),
    };
    let mut label = serde_json::to_vec(&name).unwrap_or_default();
    label.push(b':');
    Column {
        is_large: sql.is_large(),
        sql,
        ordinal: usize::try_from(number(row, 3)).unwrap_or_default(),
        label,
        is_key: cell(row, 8).is_some_and(|value| !matches!(value, ColumnData::U8(None))),
        nullable: cell(row, 7)
            .is_none_or(|value| matches!(value, ColumnData::Bit(Some(true) | None))),
        name,
    }
}

/// Whether the agent that fills the change tables runs. Who may not ask is not told.
pub(crate) async fn warn_of_agent(session: &mut Session) {
    let sql = "SELECT status_desc FROM sys.dm_server_services WHERE servicename LIKE N'SQL Server Agent%'";
    match session.query(sql).await {
        Ok(rows) => {
            let states: Vec<_> = one(rows).iter().map(|row| text(row, 0)).collect();
            if !states.is_empty() && states.iter().all(|state| state != "Running") {
                tracing::warn!(
                    state = states.join(", "),
                    "SQL Server Agent does not run: no change reaches the change tables until it does"
                );
            }
        }
        Err(error) => {
            tracing::debug!(%error, "whether SQL Server Agent runs is not shown to this user");
        }
    }
}

/// The rows of the only answer.
pub(crate) fn one(answers: Vec<Rows>) -> Rows {
    answers.into_iter().next().unwrap_or_default()
}

pub(crate) fn cell(row: &Row, at: usize) -> Option<&ColumnData<'static>> {
    row.get_column_data(at).ok()
}

pub(crate) fn text(row: &Row, at: usize) -> String {
    match cell(row, at) {
        Some(ColumnData::String(Some(text))) => text.clone().into_owned(),
        _ => String::new(),
    }
}

pub(crate) fn number(row: &Row, at: usize) -> i64 {
    match cell(row, at) {
        Some(ColumnData::U8(Some(n))) => i64::from(*n),
        Some(ColumnData::I16(Some(n))) => i64::from(*n),
        Some(ColumnData::I32(Some(n))) => i64::from(*n),
        Some(ColumnData::I64(Some(n))) => *n,
        Some(ColumnData::Bit(Some(true))) => 1,
        _ => 0,
    }
}

pub(crate) fn flag(row: &Row, at: usize) -> bool {
    number(row, at) == 1
}
