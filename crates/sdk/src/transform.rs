//! The trait of a transform: a provider between input and output.

use dstream_protocol::{Delivery, StreamSchema};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Envelopes, Result};

mod emit;
mod run;

pub use emit::Emit;
pub(crate) use run::run;

/// Changes, drops or refuses envelopes on their way. One value lives for one run; its methods are
/// called one after another, never two at once, on one thread.
#[allow(async_fn_in_trait)]
pub trait TransformProvider: Sized {
    /// The `config` block.
    type Config: DeserializeOwned + JsonSchema;

    /// Set `reshapes` where one envelope may become several, or several one. Without it, every
    /// envelope must be handed on, filtered or rejected, and the SDK fails the run when one is not.
    const DELIVERY: Delivery = Delivery::NONE;

    /// Prepares. The provider is `ready` when this returns.
    ///
    /// # Errors
    /// Kind `config` with a path for what can be seen in the config; the host shows its place.
    async fn open(config: Self::Config, start: TransformStart) -> Result<Self>;

    /// Takes a run of consecutive envelopes, in order, and says of each what becomes of it.
    ///
    /// # Errors
    /// Ends the run; the kind decides whether the host tries again.
    async fn transform(&mut self, envelopes: &mut Envelopes<'_>, out: &mut Emit) -> Result<()>;

    /// The columns of a stream. Handed on as they are, unless the transform changes them.
    ///
    /// # Errors
    /// Ends the run.
    async fn schema(&mut self, schema: &StreamSchema, out: &mut Emit) -> Result<()> {
        out.schema(schema)
    }

    /// A checkpoint is next: everything derived from earlier envelopes must go out now.
    ///
    /// # Errors
    /// Ends the run.
    async fn flush(&mut self, out: &mut Emit) -> Result<()> {
        let _ = out;
        Ok(())
    }
}

/// How a transform starts.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TransformStart {
    /// The task's name.
    pub task: String,
    /// The task's identity; empty from a version-1 host.
    pub task_id: String,
    /// The block's label.
    pub name: String,
    /// Whether rejected envelopes are kept. Where not, a rejection fails the run.
    pub dead_letter: bool,
    /// The longest line that the host takes, in bytes.
    pub max_line_bytes: usize,
}

impl Default for TransformStart {
    fn default() -> Self {
        Self {
            task: String::new(),
            task_id: String::new(),
            name: "transform".into(),
            dead_letter: false,
            max_line_bytes: dstream_protocol::limits::MAX_LINE_BYTES,
        }
    }
}
