//! What a provider can do beside `run`: check, discover, and its infrastructure.

use dstream_protocol::{LifecycleReport, Operation, PartitionStates, Role, StreamSchema};

use crate::Result;

mod run;

pub(crate) use run::{Handlers, answer, report_error};

/// Who asks: the task, and the block in it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskContext {
    /// What is asked for.
    pub operation: Operation,
    /// The block that the provider stands in.
    pub role: Role,
    /// The task's name.
    pub task: String,
    /// The task's identity; empty from a version-1 host.
    pub task_id: String,
    /// The block's label.
    pub name: String,
    /// The names of the task's inputs, for an output.
    pub inputs: Vec<String>,
    /// What the host has saved of an input, by partition.
    pub checkpoint: PartitionStates,
    /// For `plan` and `init` of an output: the streams that are known to come. There may be others.
    pub streams: Vec<StreamSchema>,
}

/// Can the system be reached, with these credentials? Registered by `with_check()`.
#[allow(async_fn_in_trait)]
pub trait Check {
    /// The provider's config.
    type Config;

    /// Connects, looks, changes nothing. One sentence for people: `SQLite 3.46, 12 tables`.
    ///
    /// # Errors
    /// What is wrong; kind `auth` for credentials, `config` with a path where a setting is.
    async fn check(config: Self::Config, context: &TaskContext) -> Result<String>;
}

/// Which streams are there, and what are their schemas? Registered by `with_discover()`.
#[allow(async_fn_in_trait)]
pub trait Discover {
    /// The provider's config.
    type Config;

    /// Lists the streams. Changes nothing.
    ///
    /// # Errors
    /// Where the system cannot be asked.
    async fn discover(config: Self::Config, context: &TaskContext) -> Result<Vec<StreamSchema>>;
}

/// The things that a provider needs in its system: tables, slots, queues. Registered by
/// `with_infrastructure()`. Each may be called again after it was done.
#[allow(async_fn_in_trait)]
pub trait Infrastructure {
    /// The provider's config.
    type Config;

    /// Says what `init` would do, and does none of it.
    ///
    /// # Errors
    /// Where the system cannot be asked.
    async fn plan(config: Self::Config, context: &TaskContext) -> Result<LifecycleReport>;

    /// Creates what is not there yet.
    ///
    /// # Errors
    /// Where it cannot; what was made stays.
    async fn init(config: Self::Config, context: &TaskContext) -> Result<LifecycleReport>;

    /// Says what is there.
    ///
    /// # Errors
    /// Where the system cannot be asked.
    async fn status(config: Self::Config, context: &TaskContext) -> Result<LifecycleReport>;

    /// Removes what `init` made, and nothing else.
    ///
    /// # Errors
    /// Where it cannot.
    async fn destroy(config: Self::Config, context: &TaskContext) -> Result<LifecycleReport>;
}
