//! Where each table begins.

use std::sync::Arc;

use dstream_mssql::Session;
use dstream_sdk::{Error, Result, tracing};

use crate::catalog::{self, Database, cell, one};
use crate::config::{Config, OnLost, Snapshot, Tables};
use crate::explain;
use crate::instance::Instance;
use crate::lsn::Lsn;
use crate::sizing::Sizing;
use crate::source::Source;
use crate::state::{Reading, State};

/// The tables that are captured, each with its instances, oldest first. Says what is wrong with
/// those that are named and are not.
pub(crate) async fn tables(
    session: &mut Session,
    database: &Database,
    meant: &Tables,
) -> Result<Vec<Vec<Arc<Instance>>>> {
    if !database.has_cdc {
        return Err(explain::database_off(&database.name));
    }
    let instances = catalog::instances(session, database, meant).await?;
    let found = instances.iter().map(|i| (i.schema.as_str(), i.table.as_str()));
    let missing = meant.missing(found);
    if !missing.is_empty() {
        return Err(absent(&missing, &catalog::tables(session).await?));
    }
    let mut tables: Vec<Vec<Arc<Instance>>> = Vec::new();
    for instance in instances {
        let same = |table: &&mut Vec<Arc<Instance>>| table[0].stream() == instance.stream();
        match tables.iter_mut().find(same) {
            Some(table) => table.push(Arc::new(instance)),
            None => tables.push(vec![Arc::new(instance)]),
        }
    }
    if tables.is_empty() {
        return Err(Error::permanent(format!(
            "change data capture is on in `{}`, and for none of the tables that are meant; for one: {}",
            database.name,
            explain::table_off("dbo", "name")
        )));
    }
    Ok(tables)
}

fn absent(missing: &[&dstream_cdc::TablePattern], all: &[catalog::TableName]) -> Error {
    let mut off = Vec::new();
    for pattern in missing {
        let is = |t: &&catalog::TableName| {
            pattern.matches(crate::config::DEFAULT_SCHEMA, &t.schema, &t.name)
        };
        let Some(table) = all.iter().find(is) else {
            let names: Vec<_> = all.iter().map(|t| format!("{}.{}", t.schema, t.name)).collect();
            return explain::no_such_table(&pattern.to_string(), &names);
        };
        if table.is_tracked {
            return Error::auth(format!(
                "{pattern} is captured, and this user may not see it: GRANT SELECT ON SCHEMA::cdc TO the user, and GRANT SELECT \
                 ON the table"
            ));
        }
        off.push(explain::table_off(&table.schema, &table.name));
    }
    Error::config(
        "tables",
        format!(
            "change data capture is not on for all of `tables`; somebody of db_owner has to run, or `dstream init` does: {}",
            off.join(" ")
        ),
    )
}

/// The newest commit that is captured.
pub(crate) async fn newest(session: &mut Session) -> Result<Option<Lsn>> {
    let value = session.value("SELECT sys.fn_cdc_get_max_lsn()").await?;
    Ok(value.as_ref().and_then(Lsn::of))
}

/// The oldest change that is left of an instance; zero: the server does not show it.
pub(crate) async fn oldest(session: &mut Session, instance: &Instance) -> Result<Lsn> {
    let rows = one(session.query(&format!("SELECT {}", instance.min_lsn())).await?);
    let oldest = rows.first().and_then(|row| cell(row, 0)).and_then(Lsn::of);
    match oldest.unwrap_or_default() {
        Lsn::ZERO => Err(explain::not_shown(instance)),
        oldest => Ok(oldest),
    }
}

/// A table with its place: the checkpoint's, or a new one.
pub(crate) async fn source(
    session: &mut Session,
    config: &Config,
    mut instances: Vec<Arc<Instance>>,
    known: Option<State>,
) -> Result<Source> {
    let sizing = Sizing::new(config.max_batch_bytes.map(|size| size.0));
    let had = known.is_some();
    let mut state = match known {
        Some(state) => state,
        None => first(session, config, &mut instances).await?,
    };
    if had && config.snapshot == Snapshot::Always {
        state = State {
            snapshot: Some(Reading { anew: true, ..Reading::default() }),
            ..begin(session, &instances).await?
        };
    }
    let mut source = Source::new(instances, state, sizing);
    source.resolves_loss = reads_again(config) || config.on_lost_position == OnLost::Skip;
    while source.advance_instance() {}
    let oldest = oldest(session, source.instance()).await?;
    if source.is_lost(oldest) {
        resolve(session, config, &mut source, oldest).await?;
        // Rows that are read again have the columns of the newest instance.
        while source.advance_instance() {}
    }
    Ok(source)
}

/// Without a checkpoint: from now on, after the rows as they stand where that is wanted. The newest
/// instance has all columns.
async fn first(
    session: &mut Session,
    config: &Config,
    instances: &mut Vec<Arc<Instance>>,
) -> Result<State> {
    let established = instances.iter().rposition(|instance| instance.start.is_some());
    instances.drain(..established.unwrap_or_default());
    let state = begin(session, instances).await?;
    let wanted = config.snapshot != Snapshot::Never;
    Ok(State { snapshot: wanted.then(Reading::default), ..state })
}

/// The newest commit, or what stands right before the first change.
async fn begin(session: &mut Session, instances: &[Arc<Instance>]) -> Result<State> {
    let start = instances[0].start.map(Lsn::before);
    Ok(State::at(newest(session).await?.max(start).unwrap_or_default()))
}

/// Whether lost changes are made good by the rows as they stand.
fn reads_again(config: &Config) -> bool {
    config.on_lost_position == OnLost::Resnapshot || config.snapshot == Snapshot::WhenNeeded
}

/// Changes were removed before they were read.
async fn resolve(
    session: &mut Session,
    config: &Config,
    source: &mut Source,
    oldest: Lsn,
) -> Result<()> {
    let (stream, was) = (source.stream().to_owned(), source.state.lsn);
    if reads_again(config) {
        tracing::warn!(stream, checkpoint = %was, oldest = %oldest, "changes were removed before they were read: its rows are read again");
        let state = begin(session, &source.instances).await?;
        let anew = Reading { anew: true, ..Reading::default() };
        source.state = State { snapshot: Some(anew), ..state };
        source.whole = None;
        return Ok(());
    }
    if config.on_lost_position == OnLost::Skip {
        tracing::warn!(stream, checkpoint = %was, oldest = %oldest, "changes were removed before they were read, and are lost: on_lost_position = \"skip\"");
        source.state =
            State { snapshot: source.state.snapshot.take(), ..State::at(oldest.before()) };
        return Ok(());
    }
    Err(explain::lost(&stream, was, oldest))
}
