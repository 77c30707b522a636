//! Writes one log line for each row.

use std::process::ExitCode;

use dstream_sdk::{
    Commit, Delivery, Envelope, Envelopes, Json, OutputProvider, OutputStart, Result,
};
use schemars::JsonSchema;
use serde::Deserialize;
use tracing::{debug, error, info, trace, warn};

fn main() -> ExitCode {
    dstream_sdk::output::<Log>(dstream_sdk::about!("Writes one log line for each row.")).main()
}

/// The `config` block.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    /// The level of the lines. They are seen where `--log-level` is as low.
    log_level: Level,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Level {
    Trace,
    Debug,
    #[default]
    Info,
    Warn,
    Error,
}

struct Log(Level);

impl OutputProvider for Log {
    type Config = Config;

    /// A log takes nothing back: a replay writes rows again.
    const DELIVERY: Delivery = Delivery::NONE;

    async fn open(config: Config, _: OutputStart) -> Result<Self> {
        Ok(Self(config.log_level))
    }

    async fn write(&mut self, envelopes: &mut Envelopes<'_>) -> Result<()> {
        for envelope in envelopes.iter() {
            log(self.0, &envelope)?;
        }
        Ok(())
    }

    async fn commit(&mut self, _: &Commit) -> Result<Option<Json>> {
        Ok(None)
    }
}

/// The level of an event is part of its macro.
fn log(level: Level, envelope: &Envelope<'_>) -> Result<()> {
    let meta = envelope.meta()?;
    let (stream, data) = (meta.stream(), envelope.data);
    match level {
        Level::Trace => trace!(stream, op = ?meta.op(), %data, "row"),
        Level::Debug => debug!(stream, op = ?meta.op(), %data, "row"),
        Level::Info => info!(stream, op = ?meta.op(), %data, "row"),
        Level::Warn => warn!(stream, op = ?meta.op(), %data, "row"),
        Level::Error => error!(stream, op = ?meta.op(), %data, "row"),
    }
    Ok(())
}
