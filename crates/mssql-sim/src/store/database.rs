//! A database: its present state, its log, and whether the agent reads that.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Catalog, Log, LsnSource, TableData};
use crate::cdc::Cdc;
use crate::value::Clock7;

/// One version of a database.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub catalog: Arc<Catalog>,
    pub data: HashMap<i32, TableData>,
    pub cdc: Cdc,
}

/// A job of SQL Server Agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    Running,
    Stopped,
}

#[derive(Debug)]
pub(crate) struct Database {
    pub id: i32,
    pub name: String,
    pub created: Clock7,
    /// `service_broker_guid`: a copy of the database has it, too.
    pub guid: [u8; 16],
    pub state: Arc<State>,
    pub log: Log,
    pub lsns: Arc<LsnSource>,
    /// Whether SQL Server Agent runs, as far as this database is concerned.
    pub agent_on: bool,
    /// The capture job; `None`: there is none.
    pub capture_job: Option<Job>,
    pub has_cleanup_job: bool,
    pub allow_snapshot: bool,
    pub read_committed_snapshot: bool,
}

impl Database {
    pub(crate) fn new(id: i32, name: &str, created: Clock7) -> Self {
        let state =
            State { catalog: Arc::new(Catalog::new()), data: HashMap::new(), cdc: Cdc::default() };
        Self {
            id,
            name: name.into(),
            created,
            guid: uuid::Uuid::new_v4().into_bytes(),
            state: Arc::new(state),
            log: Log::default(),
            lsns: Arc::default(),
            agent_on: true,
            capture_job: None,
            has_cleanup_job: false,
            allow_snapshot: false,
            read_committed_snapshot: false,
        }
    }

    /// Whether each commit is captured at once, by the job.
    pub(crate) fn captures(&self) -> bool {
        self.agent_on && self.capture_job == Some(Job::Running)
    }

    /// To change the state; those who hold the former one keep it.
    pub(crate) fn state_mut(&mut self) -> &mut State {
        Arc::make_mut(&mut self.state)
    }
}
