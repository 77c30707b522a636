//! Counts: one row each interval, with its number and the time.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use dstream_sdk::{
    Batch, Check, Discover, Field, FieldType, InputProvider, InputStart, Metadata, Next, Op,
    RenderedMetadata, Result, StreamSchema, TaskContext, TimeSpan,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

fn main() -> ExitCode {
    dstream_sdk::input::<Counter>(dstream_sdk::about!("Counts, for demonstrations and tests."))
        .with_check()
        .with_discover()
        .main()
}

/// The `config` block.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    /// Time between two rows: "5s", or milliseconds. 0: as fast as they are taken.
    interval: TimeSpan,
    /// How many rows in all, over restarts too. Without it, it counts until it is stopped.
    max_count: Option<u64>,
    /// The first number.
    start: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { interval: TimeSpan::from_millis(1000), max_count: None, start: 1 }
    }
}

/// The next number.
#[derive(Debug, Serialize, Deserialize)]
struct At {
    next: u64,
}

struct Counter {
    next: u64,
    /// The number that is not sent any more.
    end: Option<u64>,
    interval: Duration,
    due: Instant,
    announced: bool,
    metadata: RenderedMetadata,
}

impl InputProvider for Counter {
    type Config = Config;
    type Checkpoint = At;

    async fn open(config: Config, start: InputStart<At>) -> Result<Self> {
        let metadata = Metadata {
            stream: Some("counter".into()),
            op: Some(Op::Insert),
            ..Metadata::default()
        };
        let end = config.max_count.map(|count| config.start.saturating_add(count));
        tracing_start(&config);
        Ok(Self {
            next: start.get().map_or(config.start, |at| at.next),
            end,
            interval: *config.interval,
            due: Instant::now(),
            announced: false,
            metadata: RenderedMetadata::new(&metadata)?,
        })
    }

    async fn read(&mut self, batch: &mut Batch<At>) -> Result<Next> {
        if !std::mem::replace(&mut self.announced, true) {
            batch.schema(&schema())?;
        }
        let now = Timestamp::now();
        while !batch.is_full() {
            if self.end.is_some_and(|end| self.next >= end) {
                batch.checkpoint(&At { next: self.next })?;
                return Ok(Next::End);
            }
            if !self.interval.is_zero() {
                let wait = self.due.saturating_duration_since(Instant::now());
                if !wait.is_zero() {
                    return Ok(Next::Wait(wait));
                }
                self.due += self.interval;
            }
            self.count(batch, now)?;
        }
        Ok(Next::More)
    }
}

impl Counter {
    fn count(&mut self, batch: &mut Batch<At>, now: Timestamp) -> Result<()> {
        let value = self.next;
        let mut rendered = Ok(());
        batch.write(&self.metadata, |out| {
            rendered = write!(out, r#"{{"value":{value},"timestamp":"{now:.6}"}}"#);
        })?;
        rendered?;
        self.next += 1;
        batch.checkpoint(&At { next: self.next })
    }
}

impl Check for Counter {
    type Config = Config;

    async fn check(config: Config, _: &TaskContext) -> Result<String> {
        Ok(format!("counts from {}", config.start))
    }
}

impl Discover for Counter {
    type Config = Config;

    async fn discover(_: Config, _: &TaskContext) -> Result<Vec<StreamSchema>> {
        Ok(vec![schema()])
    }
}

fn schema() -> StreamSchema {
    let column = |name, kind| Field { nullable: false, ..Field::new(name, kind) };
    StreamSchema {
        stream: "counter".into(),
        key: vec!["value".into()],
        fields: vec![
            column("value", FieldType::Uint64),
            column("timestamp", FieldType::Timestamptz),
        ],
        ..StreamSchema::default()
    }
}

fn tracing_start(config: &Config) {
    let (interval, count) = (*config.interval, config.max_count);
    dstream_sdk::tracing::info!(?interval, max_count = count, start = config.start, "counting");
}
