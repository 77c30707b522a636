//! Where a run begins: what the checkpoint, the slot and the publication say together.

use std::collections::BTreeMap;

use dstream_cdc::TableState;
use dstream_postgres::Wire;
use dstream_sdk::{Error, InputStart, Result};

use crate::catalog::{self, TableInfo};
use crate::config::Snapshot as When;
use crate::explain;
use crate::input::PostgresInput;
use crate::lsn::Lsn;
use crate::setup::{publication, slot};
use crate::snapshot::{Reading, plan_lanes};
use crate::state::{State, StreamState};
use crate::stream::Handoff;
use crate::table::Table;

/// What a run has to do before it can follow the log, and from where it follows it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) state: StreamState,
    pub(crate) handoff: Handoff,
    /// Tables whose rows have to be read, with what was read of them.
    to_read: Vec<(TableInfo, Option<TableState<Lsn>>)>,
    pub(crate) make_slot: bool,
    /// The tables were read before, and are read again from their beginning.
    again: bool,
}

impl Plan {
    pub(crate) fn needs_snapshot(&self) -> bool {
        !self.to_read.is_empty()
    }

    /// The tables that are to be read.
    pub(crate) fn to_read(&self) -> impl Iterator<Item = &TableInfo> {
        self.to_read.iter().map(|(info, _)| info)
    }

    /// Looks at the tables again, on a connection that sees the snapshot: what was seen before it
    /// was made may lack a column that its rows have.
    pub(crate) async fn look_again(
        &mut self,
        wire: &mut Wire,
        publication: &str,
        version: u32,
    ) -> Result<()> {
        let now = catalog::published(wire, publication, version).await?;
        for (info, _) in &mut self.to_read {
            if let Some(seen) = now.iter().find(|seen| seen.oid == info.oid) {
                *info = seen.clone();
            }
        }
        Ok(())
    }

    /// The tables as they are read, divided where they are new.
    pub(crate) async fn readings(
        &mut self,
        wire: &mut Wire,
        parallelism: usize,
    ) -> Result<Vec<Reading>> {
        let mut readings = Vec::with_capacity(self.to_read.len());
        for (info, state) in std::mem::take(&mut self.to_read) {
            let table =
                Table::resolve(wire, &info.schema, &info.name, &info.columns, &info.key).await?;
            let anew = self.again || state.as_ref().is_some_and(|state| state.anew);
            let state = match state.filter(|state| !state.is_untouched()) {
                Some(state) if state.key == table.schema.key => state,
                Some(state) => return Err(key_changed(&table, &state)),
                None => plan_lanes(wire, &info, &table, parallelism).await.map(|s| s.anew(anew))?,
            };
            let truncate = state.anew && state.is_untouched();
            readings.push(Reading { info, table, state, truncate, select: None });
        }
        Ok(readings)
    }
}

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
    let tables = catalog::published(wire, &input.publication, server.version).await?;
    let tables: BTreeMap<String, TableInfo> = tables.into_iter().map(|t| (t.stream(), t)).collect();
    if tables.is_empty() {
        let text = format!("the publication {} has no tables", input.publication);
        return Err(Error::config("publication", text));
    }
    let found = slot::look_when_free(wire, &input.slot).await?;
    let mut again = false;
    let mut make_slot = false;
    let name = input.slot.clone();
    let fresh = |lsn| StreamState {
        lsn,
        system: server.system.clone(),
        database: server.database.clone(),
        slot: name.clone(),
    };
    let state = match (stream, found) {
        (None, None) => {
            require_create(config.create, &name, server.version)?;
            make_slot = true;
            fresh(Lsn(0))
        }
        // One that was made before, by `init`, by hand, or by a run that was killed before its
        // first checkpoint was saved: nothing of it was handed on.
        (None, Some(slot)) if !slot.is_lost() => {
            slot.require(&server.database)?;
            fresh(slot.confirmed)
        }
        (Some(state), Some(slot)) if !slot.is_lost() && slot.confirmed <= state.lsn => {
            slot.require(&server.database)?;
            StreamState { slot: name.clone(), ..state }
        }
        // The log between the checkpoint and the slot is gone.
        (stream, found) => {
            if config.snapshot != When::WhenNeeded || !config.create {
                return Err(gone(&name, stream.as_ref(), found.as_ref()));
            }
            tracing::warn!(slot = %name, "the log behind the checkpoint is gone: every table is read again");
            if found.is_some() {
                wire.query(&slot::drop_sql(&name)).await?;
            }
            again = stream.is_some();
            states.clear();
            make_slot = true;
            fresh(Lsn(0))
        }
    };
    let passed = |state: &State| matches!(state, State::Table(table) if table.is_read());
    if config.snapshot == When::Always && states.values().all(passed) && !states.is_empty() {
        tracing::info!("every table is read again");
        again = true;
        states.clear();
    }
    let mut plan =
        Plan { state, handoff: Handoff::default(), to_read: Vec::new(), make_slot, again };
    divide(&mut plan, tables, states, config.snapshot == When::Never);
    Ok(plan)
}

/// Tables that are read already, and tables of which rows are missing.
fn divide(
    plan: &mut Plan,
    tables: BTreeMap<String, TableInfo>,
    mut states: BTreeMap<String, State>,
    never: bool,
) {
    for (stream, info) in tables {
        let state = match states.remove(&stream) {
            Some(State::Table(state)) => Some(state),
            _ if never => Some(TableState::done()),
            _ => None,
        };
        match state {
            Some(state) if state.is_read() => {
                plan.handoff.0.insert(stream, state);
            }
            state => plan.to_read.push((info, state)),
        }
    }
    // Tables that are not published any more keep what is known of them; there is nothing to be
    // kept of one that was about to be read.
    for (stream, state) in states {
        if let State::Table(state) = state
            && !state.is_untouched()
        {
            plan.handoff.0.insert(stream, state);
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
    let tables = catalog::published(wire, &input.publication, input.server.version).await?;
    let tables = tables.into_iter().map(|t| (t.stream(), t)).collect();
    let states =
        handoff.0.into_iter().map(|(stream, table)| (stream, State::Table(table))).collect();
    let mut plan = Plan {
        state,
        handoff: Handoff::default(),
        to_read: Vec::new(),
        make_slot: false,
        again: false,
    };
    divide(&mut plan, tables, states, input.config.snapshot == When::Never);
    Ok(plan)
}

fn require_create(create: bool, slot: &str, version: u32) -> Result<()> {
    if create {
        return Ok(());
    }
    let sql = slot::create_sql(slot, false, version);
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

fn key_changed(table: &Table, state: &TableState<Lsn>) -> Error {
    Error::permanent(format!(
        "the key of {} was changed while the table was read: it was ({}) and is ({}); forget the task's checkpoint \
         (`dstream state rm`) to read the tables again",
        table.stream(),
        state.key.join(", "),
        table.schema.key.join(", ")
    ))
}
