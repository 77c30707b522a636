//! Where a run begins: what the checkpoint, the slot and the publication say together.

use std::collections::BTreeMap;

use dstream_postgres::{Target, Wire};
use dstream_sdk::{Error, InputStart, Result};

use crate::catalog::{self, TableInfo};
use crate::config::{Config, Snapshot as When};
use crate::explain;
use crate::input::PostgresInput;
use crate::lsn::Lsn;
use crate::plan::Plan;
use crate::setup::server::Server;
use crate::setup::{failover, publication, slot, timeline};
use crate::state::{State, StreamState};
use crate::stream::Handoff;

/// Sets up what is missing and decides.
pub(crate) async fn plan(input: &mut PostgresInput, start: InputStart<State>) -> Result<Plan> {
    let mut states = start.checkpoint;
    if states.values().any(|state| matches!(state, State::Query(_))) {
        return Err(explain::mode_changed("query", "cdc"));
    }
    let stream = match states.remove("") {
        Some(State::Stream(state)) => Some(state),
        _ => None,
    };
    if let Some(state) = &stream {
        input.server.require_same(state)?;
    }
    let (config, server) = (&input.config, &input.server);
    let wire = input.catalog.as_mut().ok_or_else(explain::ended)?;
    let wanted = publication::plan(wire, config, &input.publication, &start.task_id).await?;
    publication::apply(wire, &wanted).await?;
    let tables = published(wire, &input.publication, server.version).await?;
    if tables.is_empty() {
        let text = format!("the publication {} has no tables", input.publication);
        return Err(Error::config("publication", text));
    }
    if config.failover {
        failover::warn(wire).await?;
    }
    let timeline = timeline::look(wire).await?;
    let left = match &stream {
        Some(state) => timeline::left(&input.target, timeline, state).await?,
        None => None,
    };
    let Place { mut state, make_slot, lost, mut again } =
        place(wire, config, server, (&input.target, &input.slot), stream, left).await?;
    state.timeline = timeline.map(|timeline| timeline.number);
    if lost {
        states.clear();
    }
    let passed = |state: &State| matches!(state, State::Table(table) if table.is_read());
    if config.snapshot == When::Always && states.values().all(passed) && !states.is_empty() {
        tracing::info!("every table is read again");
        again = true;
        states.clear();
    }
    let mut plan =
        Plan { state, handoff: Handoff::default(), to_read: Vec::new(), make_slot, again };
    plan.divide(tables, states, config.snapshot == When::Never);
    Ok(plan)
}

/// The tables of the publication, by stream.
async fn published(
    wire: &mut Wire,
    publication: &str,
    version: u32,
) -> Result<BTreeMap<String, TableInfo>> {
    let tables = catalog::published(wire, publication, version).await?;
    Ok(tables.into_iter().map(|table| (table.stream(), table)).collect())
}

/// Where the log is followed from.
struct Place {
    state: StreamState,
    make_slot: bool,
    /// What is known of the tables means nothing any more.
    lost: bool,
    /// Rows of an earlier reading are out.
    again: bool,
}

/// What checkpoint and slot say together.
async fn place(
    wire: &mut Wire,
    config: &Config,
    server: &Server,
    (target, name): (&Target, &str),
    stream: Option<StreamState>,
    left: Option<Error>,
) -> Result<Place> {
    let at = |lsn| StreamState {
        lsn,
        system: server.system.clone(),
        database: server.database.clone(),
        slot: name.to_owned(),
        timeline: None,
    };
    let known = |state| Place { state, make_slot: false, lost: false, again: false };
    match (stream, slot::look_when_free(wire, name).await?) {
        (None, None) => {
            require_create(config, name, server.version)?;
            Ok(Place { make_slot: true, ..known(at(Lsn(0))) })
        }
        // One that was made before, by `init`, by hand, or by a run that was killed before its
        // first checkpoint was saved: nothing of it was handed on.
        (None, Some(slot)) if !slot.is_lost() => {
            slot.require(&server.database)?;
            failover::ensure(config, target, &slot).await?;
            Ok(known(at(slot.confirmed)))
        }
        (Some(state), Some(slot))
            if left.is_none() && !slot.is_lost() && slot.confirmed <= state.lsn =>
        {
            slot.require(&server.database)?;
            failover::ensure(config, target, &slot).await?;
            Ok(known(StreamState { slot: name.to_owned(), ..state }))
        }
        // The log between the checkpoint and the slot is gone.
        (stream, found) => {
            if config.snapshot != When::WhenNeeded || !config.create {
                return Err(left.unwrap_or_else(|| gone(name, stream.as_ref(), found.as_ref())));
            }
            tracing::warn!(slot = %name, "the log behind the checkpoint is gone: every table is read again");
            if found.is_some() {
                wire.query(&slot::drop_sql(name)).await?;
            }
            Ok(Place { state: at(Lsn(0)), make_slot: true, lost: true, again: stream.is_some() })
        }
    }
}

/// Some tables have to be read, or read again, while the stream runs.
pub(crate) async fn reread(
    wire: &mut Wire,
    input: &PostgresInput,
    state: StreamState,
    handoff: Handoff,
) -> Result<Plan> {
    let tables = published(wire, &input.publication, input.server.version).await?;
    let states =
        handoff.0.into_iter().map(|(stream, table)| (stream, State::Table(table))).collect();
    let mut plan = Plan {
        state,
        handoff: Handoff::default(),
        to_read: Vec::new(),
        make_slot: false,
        again: false,
    };
    plan.divide(tables, states, input.config.snapshot == When::Never);
    Ok(plan)
}

fn require_create(config: &Config, slot: &str, version: u32) -> Result<()> {
    if config.create {
        return Ok(());
    }
    let sql = slot::create_sql(slot, config.failover, version);
    Err(Error::config(
        "slot",
        format!("the slot {slot} is not there, and `create` is false. Run {sql};"),
    ))
}

fn gone(name: &str, state: Option<&StreamState>, found: Option<&slot::Slot>) -> Error {
    match (state, found) {
        (_, Some(slot)) if slot.is_lost() => explain::slot_lost(name, ""),
        (Some(state), Some(slot)) => explain::slot_ahead(slot, state),
        _ => explain::slot_missing(name, ""),
    }
}
