//! The input in its mode: change data capture, or by query.

use std::collections::BTreeMap;

use dstream_sdk::{
    Batch, Cadence, Check, Delivery, Discover, Infrastructure, InputProvider, InputStart,
    LifecycleReport, Next, Result, StreamSchema, TaskContext,
};

use crate::config::{Config, Mode};
use crate::input::PostgresInput;
use crate::query::{self, QueryInput};
use crate::state::State;

/// Reads a database.
pub(crate) enum Input {
    Cdc(Box<PostgresInput>),
    Query(Box<QueryInput>),
}

impl InputProvider for Input {
    type Config = Config;
    type Checkpoint = State;

    /// Of change data capture; see `delivery`.
    const DELIVERY: Delivery = PostgresInput::DELIVERY;
    const CADENCE: Cadence = PostgresInput::CADENCE;

    async fn open(config: Config, start: InputStart<State>) -> Result<Self> {
        Ok(match config.mode {
            Mode::Cdc => Self::Cdc(Box::new(PostgresInput::open(config, start).await?)),
            Mode::Query => Self::Query(Box::new(QueryInput::open(config, start).await?)),
        })
    }

    fn fingerprint(&self) -> Option<String> {
        match self {
            Self::Cdc(input) => input.fingerprint(),
            Self::Query(input) => Some(input.fingerprint()),
        }
    }

    /// The server forgets nothing because a query was read.
    fn delivery(&self) -> Option<Delivery> {
        match self {
            Self::Cdc(_) => None,
            Self::Query(_) => Some(Delivery { prunes_on_ack: false, ..Self::DELIVERY }),
        }
    }

    async fn read(&mut self, batch: &mut Batch<State>) -> Result<Next> {
        match self {
            Self::Cdc(input) => input.read(batch).await,
            Self::Query(input) => input.read(batch).await,
        }
    }

    async fn committed(&mut self, states: &BTreeMap<String, State>) -> Result<()> {
        match self {
            Self::Cdc(input) => input.committed(states).await,
            Self::Query(_) => Ok(()),
        }
    }

    async fn close(self) -> Result<()> {
        match self {
            Self::Cdc(input) => input.close().await,
            Self::Query(_) => Ok(()),
        }
    }
}

impl Check for Input {
    type Config = Config;

    async fn check(config: Config, context: &TaskContext) -> Result<String> {
        match config.mode {
            Mode::Cdc => PostgresInput::check(config, context).await,
            Mode::Query => query::check(config).await,
        }
    }
}

impl Discover for Input {
    type Config = Config;

    async fn discover(config: Config, context: &TaskContext) -> Result<Vec<StreamSchema>> {
        match config.mode {
            Mode::Cdc => PostgresInput::discover(config, context).await,
            Mode::Query => query::discover(config).await,
        }
    }
}

impl Infrastructure for Input {
    type Config = Config;

    async fn plan(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
        match config.mode {
            Mode::Cdc => PostgresInput::plan(config, context).await,
            Mode::Query => query::report(config).await,
        }
    }

    async fn init(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
        match config.mode {
            Mode::Cdc => PostgresInput::init(config, context).await,
            Mode::Query => query::report(config).await,
        }
    }

    async fn status(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
        match config.mode {
            Mode::Cdc => PostgresInput::status(config, context).await,
            Mode::Query => query::report(config).await,
        }
    }

    async fn destroy(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
        match config.mode {
            Mode::Cdc => PostgresInput::destroy(config, context).await,
            // Nothing was made, and the server need not be there.
            Mode::Query => Ok(LifecycleReport::ok()),
        }
    }
}
