//! `status`: how far each table is read, and what is left to be read of it.

use std::collections::BTreeMap;

use dstream_mssql::Session;
use dstream_sdk::{LifecycleReport, Resource, Result, TaskContext, serde_json};

use crate::catalog::{cell, number, one};
use crate::config::{CheckpointStore, Config};
use crate::lifecycle::connected;
use crate::made::Made;
use crate::state::State;
use crate::{offsets, start};

pub(crate) async fn report(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
    let (mut session, database, meant) = connected(&config).await?;
    let made = Made::of(&mut session, &database, context).await?;
    let stored = match config.checkpoint_store {
        Some(CheckpointStore::Host) => BTreeMap::new(),
        _ => offsets::read_if_there(&mut session).await?,
    };
    let newest = start::newest(&mut session).await?.unwrap_or_default();
    let mut report = LifecycleReport::ok();
    for instances in start::tables(&mut session, &database, &meant).await? {
        let stream = instances[0].stream().to_owned();
        // A checkpoint that cannot be read is one of another version, and said when it is used.
        let saved = context.checkpoint.get(&stream);
        let saved = saved.and_then(|state| serde_json::from_str::<State>(state.get()).ok());
        let state = furthest(saved, offsets::of(&stored, &instances[0]));
        let reached = place(&mut session, state.as_ref()).await?;
        for instance in &instances {
            let oldest = start::oldest(&mut session, instance).await?;
            let range =
                format!("{}: changes from {oldest} up to {newest}; {reached}", instance.name);
            let resource = Resource::new("capture instance", &stream, "exists").detail(range);
            let is_made = made.instances.iter().any(|(.., name)| *name == instance.name);
            report = report.with(if is_made { resource } else { resource.kept() });
        }
    }
    if made.database {
        report = report.with(Resource::new("change data capture", &database.name, "exists"));
    }
    Ok(report)
}

fn furthest(host: Option<State>, table: Option<State>) -> Option<State> {
    match (host, table) {
        (Some(host), Some(table)) if table.is_beyond(&host) => Some(table),
        (None, table) => table,
        (host, _) => host,
    }
}

/// The checkpoint, and how far behind it is.
async fn place(session: &mut Session, state: Option<&State>) -> Result<String> {
    let Some(state) = state else { return Ok("no checkpoint yet".into()) };
    let sql = format!(
        "SELECT COUNT_BIG(*), DATEDIFF(second, MIN(tran_end_time), GETDATE()) FROM cdc.lsn_time_mapping \
         WHERE start_lsn > {} AND tran_id <> 0x00",
        state.lsn.sql()
    );
    let rows = one(session.query(&sql).await?);
    let (transactions, seconds) = match rows.first() {
        Some(row) => (number(row, 0), cell(row, 1).map_or(0, |_| number(row, 1)).max(0)),
        None => (0, 0),
    };
    let reading = match &state.snapshot {
        Some(reading) => format!(" ({} of its rows are read)", reading.rows),
        None => String::new(),
    };
    Ok(format!(
        "checkpoint {}{reading}, {transactions} transactions and {seconds} s behind",
        state.lsn
    ))
}
