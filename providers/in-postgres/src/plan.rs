//! What a run has to do before it can follow the log.

use std::collections::BTreeMap;

use dstream_cdc::TableState;
use dstream_postgres::Wire;
use dstream_sdk::Result;

use crate::catalog::{self, TableInfo};
use crate::lsn::Lsn;
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
    pub(crate) to_read: Vec<(TableInfo, Option<TableState<Lsn>>)>,
    pub(crate) make_slot: bool,
    /// The tables were read before, and are read again from their beginning.
    pub(crate) again: bool,
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
                Some(state) => {
                    state.require_key(table.stream(), &table.schema.key)?;
                    state
                }
                None => plan_lanes(wire, &info, &table, parallelism).await.map(|s| s.anew(anew))?,
            };
            let truncate = state.anew && state.is_untouched();
            readings.push(Reading { info, table, state, truncate, select: None });
        }
        Ok(readings)
    }

    /// Tables that are read already, and tables of which rows are missing.
    pub(crate) fn divide(
        &mut self,
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
                    self.handoff.0.insert(stream, state);
                }
                state => self.to_read.push((info, state)),
            }
        }
        // Tables that are not published any more keep what is known of them; there is nothing to be
        // kept of one that was about to be read.
        for (stream, state) in states {
            if let State::Table(state) = state
                && !state.is_untouched()
            {
                self.handoff.0.insert(stream, state);
            }
        }
    }
}
