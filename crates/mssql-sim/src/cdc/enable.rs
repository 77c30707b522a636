//! `sp_cdc_enable_db`, `sp_cdc_enable_table` and their opposites.
//! <https://learn.microsoft.com/en-us/sql/relational-databases/system-stored-procedures/sys-sp-cdc-enable-table-transact-sql>

use std::sync::Arc;

use super::{Cdc, Instance};
use crate::error::{Result, SqlError};
use crate::server::Server;
use crate::store::{ChangeTable, ColumnDef, LogItem, TableDef};
use crate::value::{Len, SqlType as T};

/// Its arguments.
#[derive(Debug, Default)]
pub(crate) struct EnableTable {
    pub schema: String,
    pub name: String,
    pub instance: Option<String>,
    pub role: Option<String>,
    pub net_changes: Option<bool>,
    pub index: Option<String>,
    pub columns: Option<String>,
}

pub(super) fn not_enabled(database: &str) -> SqlError {
    SqlError::new(
        22_901,
        format!(
            "The database '{database}' is not enabled for Change Data Capture. Ensure that the correct database context is set and retry the operation. To report on the databases enabled for Change Data Capture, query the is_cdc_enabled column in the sys.databases catalog view."
        ),
    )
}

pub(crate) fn enable_db(server: &Server, database: &str) -> Result<()> {
    let mut world = server.world();
    let found = world.database(database)?;
    if matches!(found.name.as_str(), "master" | "model" | "msdb" | "tempdb") {
        return Err(SqlError::new(
            22_902,
            "Caller is not authorized to initiate the requested action. System databases cannot be enabled for Change Data Capture.",
        ));
    }
    let state = found.state_mut();
    if state.cdc.enabled {
        return Ok(());
    }
    state.cdc.enabled = true;
    let catalog = Arc::make_mut(&mut state.catalog);
    if !catalog.schemas.contains_key("cdc") {
        catalog.add_schema("cdc");
    }
    Ok(())
}

pub(crate) fn disable_db(server: &Server, database: &str) -> Result<()> {
    let mut world = server.world();
    let found = world.database(database)?;
    found.log.items.clear();
    super::jobs::drop_all(found);
    let state = found.state_mut();
    let catalog = Arc::make_mut(&mut state.catalog);
    catalog.tables.retain(|_, table| !(table.shipped && table.schema == "cdc"));
    catalog.schemas.remove("cdc");
    state.cdc = Cdc::default();
    Ok(())
}

pub(crate) fn enable_table(server: &Server, database: &str, arguments: EnableTable) -> Result<()> {
    let now = server.clock.now();
    let mut world = server.world();
    let id = world.next_object();
    let max_is_null = server.options.unchanged_max_is_null;
    let found = world.database(database)?;
    if !found.state.cdc.enabled {
        return Err(not_enabled(&found.name));
    }
    let Some(source) = found
        .state
        .catalog
        .table(&arguments.schema, &arguments.name)
        .cloned()
        .filter(|t| !t.shipped)
    else {
        return Err(SqlError::new(
            22_931,
            format!(
                "Source table '{}.{}' does not exist in the current database. Ensure that the correct database context is set. Specify a valid schema and table name for the database.",
                arguments.schema, arguments.name
            ),
        ));
    };
    let name =
        arguments.instance.clone().unwrap_or_else(|| format!("{}_{}", source.schema, source.name));
    check(&found.state.cdc, &source, &name)?;
    let columns = captured(&source, arguments.columns.as_deref())?;
    let index = match &arguments.index {
        Some(index) => Some(source.indexes.iter().find(|i| i.unique && i.name.eq_ignore_ascii_case(index)).ok_or_else(|| {
            SqlError::new(22_944, format!("Index name '{index}' is not an index for table '{}'. Specify a valid index name for the table.", source.full_name()))
        })?),
        None => source.primary(),
    };
    let net = arguments.net_changes.unwrap_or(index.is_some());
    if net && index.is_none() {
        return Err(SqlError::new(
            22_939,
            "The parameter @supports_net_changes is set to 1, but the source table does not have a primary key defined and no alternate unique index has been specified.",
        ));
    }
    let instance = Instance {
        table: Arc::new(change_table(id, &name, &columns, now)),
        changes: ChangeTable::default(),
        made_at: found.lsns.commit(),
        start_lsn: None,
        role: arguments.role.filter(|role| !role.is_empty()),
        supports_net_changes: net,
        index_name: index.map(|i| i.name.clone()),
        index_columns: index.map_or(Vec::new(), |i| {
            i.columns.iter().map(|c| source.columns[*c].name.clone()).collect()
        }),
        created: now,
        source: source.clone(),
        columns,
        name: name.clone(),
    };
    let lsn = instance.made_at;
    if found.state.cdc.instances.is_empty() {
        super::jobs::make_all(found);
    }
    let state = found.state_mut();
    let catalog = Arc::make_mut(&mut state.catalog);
    catalog.put((*instance.table).clone());
    if let Some(role) = &instance.role {
        catalog.roles.insert(role.to_lowercase());
    }
    state.cdc.instances.push(instance);
    found.log.items.push_back(LogItem::Enabled { instance: name, lsn });
    if found.captures() {
        super::capture(found, usize::MAX, max_is_null);
    }
    Ok(())
}

fn check(cdc: &Cdc, source: &TableDef, name: &str) -> Result<()> {
    if cdc.instance(name).is_some() {
        return Err(SqlError::new(
            22_926,
            format!(
                "Could not create a capture instance because the capture instance name '{name}' already exists in the current database. Specify an explicit unique name for the parameter @capture_instance."
            ),
        ));
    }
    if cdc.instances.iter().filter(|i| i.source.id == source.id).count() >= 2 {
        return Err(SqlError::new(
            22_962,
            format!(
                "Two capture instances already exist for source table '{}'. A table can have at most two capture instances. If the current tracking options are not appropriate, disable change tracking for the obsolete instance by using sys.sp_cdc_disable_table and retry the operation.",
                source.full_name()
            ),
        ));
    }
    Ok(())
}

/// The columns of `@captured_column_list`, in the table's order.
fn captured(source: &TableDef, list: Option<&str>) -> Result<Vec<ColumnDef>> {
    let Some(list) = list else { return Ok(source.columns.clone()) };
    let wanted: Vec<String> =
        list.split(',').map(|c| c.trim().trim_matches(['[', ']']).to_owned()).collect();
    if let Some(missing) = wanted.iter().find(|name| source.column(name).is_none()) {
        return Err(SqlError::new(
            22_972,
            format!(
                "When calling stored procedure [sys].[sp_cdc_enable_table] for source table '{}', the column '{missing}' in the parameter @captured_column_list does not exist.",
                source.full_name()
            ),
        ));
    }
    Ok(source
        .columns
        .iter()
        .filter(|c| wanted.iter().any(|w| w.eq_ignore_ascii_case(&c.name)))
        .cloned()
        .collect())
}

/// `cdc.<instance>_CT`. A rowversion is captured as binary(8).
fn change_table(
    id: i32,
    instance: &str,
    captured: &[ColumnDef],
    now: crate::value::Clock7,
) -> TableDef {
    let mut columns = vec![
        ColumnDef::plain("__$start_lsn", T::Binary(10), false),
        ColumnDef::plain("__$end_lsn", T::Binary(10), true),
        ColumnDef::plain("__$seqval", T::Binary(10), false),
        ColumnDef::plain("__$operation", T::Int, false),
        ColumnDef::plain("__$update_mask", T::VarBinary(Len::Of(128)), true),
    ];
    for column in captured {
        let ty = if column.ty == T::RowVersion { T::Binary(8) } else { column.ty };
        columns.push(ColumnDef::plain(&column.name, ty, true));
    }
    columns.push(ColumnDef::plain("__$command_id", T::Int, true));
    let mut table = TableDef::new(id, "cdc", &format!("{instance}_CT"), columns, now);
    table.shipped = true;
    table
}

/// One instance of a table, or all of them.
pub(crate) fn disable_table(
    server: &Server,
    database: &str,
    schema: &str,
    table: &str,
    instance: &str,
) -> Result<()> {
    let mut world = server.world();
    let found = world.database(database)?;
    if !found.state.cdc.enabled {
        return Err(not_enabled(&found.name));
    }
    let matches = |i: &Instance| {
        i.source.schema.eq_ignore_ascii_case(schema)
            && i.source.name.eq_ignore_ascii_case(table)
            && (instance.eq_ignore_ascii_case("all") || i.name.eq_ignore_ascii_case(instance))
    };
    if !found.state.cdc.instances.iter().any(matches) {
        return Err(SqlError::new(
            22_960,
            format!(
                "Change data capture instance '{instance}' has not been enabled for the source table '{schema}.{table}'. Use sys.sp_cdc_help_change_data_capture to verify the capture instance name and retry the operation."
            ),
        ));
    }
    remove(found.state_mut(), matches);
    if found.state.cdc.instances.is_empty() {
        super::jobs::drop_all(found);
    }
    Ok(())
}

/// A dropped table takes its instances with it.
pub(crate) fn drop_instances_of(state: &mut crate::store::State, table: i32) {
    remove(state, |i| i.source.id == table);
}

fn remove(state: &mut crate::store::State, matches: impl Fn(&Instance) -> bool) {
    let catalog = Arc::make_mut(&mut state.catalog);
    for instance in state.cdc.instances.iter().filter(|i| matches(i)) {
        catalog.remove(&instance.table);
    }
    state.cdc.instances.retain(|i| !matches(i));
}
