//! The input of the transcripts: counts rows, and does on request what can happen to an input.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use dstream_sdk::{
    About, Batch, Cadence, Check, Discover, Error, ErrorKind, Field, FieldType, Granted,
    InputProvider, InputStart, Next, Op, Progress, Result, Secret, StreamSchema, TaskContext,
    schemars::JsonSchema,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

fn main() -> ExitCode {
    let about =
        About::new("in-reference", env!("CARGO_PKG_VERSION"), "Counts, for the transcripts.");
    dstream_sdk::input::<Reference>(about).with_check().with_discover().main()
}

/// What the transcripts ask of it; transcripts/README.md has the same in prose.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(crate = "dstream_sdk::schemars")]
struct Config {
    /// How many rows there are.
    rows: u64,
    /// A checkpoint after this many rows.
    every: Option<u64>,
    /// After the rows: wait for more that never come.
    endless: bool,
    /// These rows are malformed.
    reject: Vec<u64>,
    /// Fails behind this row, with `fail_kind`.
    fail_after: Option<u64>,
    fail_kind: Option<String>,
    /// Panics behind this row.
    panic_after: Option<u64>,
    /// Claims the partition `p` under epoch 4, and reads when it has it.
    claim: bool,
    /// Sends only for so long, as under a lease that is not renewed.
    lease_ms: Option<u64>,
    /// Rows have a text of this length too.
    wide: usize,
    /// Says with `@progress` what was saved.
    acknowledge: bool,
    /// Prints to stdout, as an author must not.
    noisy: bool,
    /// In the place of numbers: the changes of the table `dbo.orders`.
    orders: bool,
    /// For a check that it is not shown.
    password: Option<Secret>,
}

#[derive(Debug, Serialize, Deserialize)]
struct At {
    n: u64,
}

struct Reference {
    config: Config,
    began: Instant,
    at: u64,
    announced: bool,
    asked: bool,
    claimed: bool,
    saved: Option<u64>,
}

impl InputProvider for Reference {
    type Config = Config;
    type Checkpoint = At;

    const CADENCE: Cadence = Cadence::ALWAYS;

    async fn open(config: Config, start: InputStart<At>) -> Result<Self> {
        if config.every == Some(0) {
            return Err(Error::config("every", "`every` must be at least 1"));
        }
        dstream_sdk::tracing::trace!(?config, "open");
        let at = start.get().map_or(0, |at| at.n);
        let (began, announced, asked, claimed) = (Instant::now(), false, false, false);
        Ok(Self { config, began, at, announced, asked, claimed, saved: None })
    }

    fn fingerprint(&self) -> Option<String> {
        Some("reference".into())
    }

    async fn read(&mut self, batch: &mut Batch<At>) -> Result<Next> {
        if let Some(lease) = self.config.lease_ms.map(Duration::from_millis) {
            let began = self.began;
            batch.valid_while(Some(Box::new(move || began.elapsed() < lease)));
        }
        if let Some(n) = self.saved.take() {
            let position = Some(json!({"saved": n}));
            let (done, total) = (Some(n), Some(self.config.rows));
            batch.progress(Progress { position, done, total, ..Progress::default() });
        }
        if self.config.claim && !self.claimed {
            if !std::mem::replace(&mut self.asked, true) {
                batch.claim("p", 4, Some("those of the source"));
            }
            return Ok(Next::Wait(Duration::from_millis(20)));
        }
        if self.config.orders {
            orders(batch)?;
            self.offer(batch)?;
            return Ok(Next::End);
        }
        if !std::mem::replace(&mut self.announced, true) {
            batch.schema(&schema())?;
        }
        self.rows(batch)?;
        if self.at < self.config.rows {
            return Ok(Next::More);
        }
        if self.config.endless {
            return Ok(Next::Wait(Duration::from_millis(20)));
        }
        self.offer(batch)?;
        Ok(Next::End)
    }

    async fn committed(&mut self, states: &BTreeMap<String, At>) -> Result<()> {
        if self.config.acknowledge {
            self.saved = states.values().map(|at| at.n).max();
        }
        Ok(())
    }

    async fn claimed(&mut self, _: &str, granted: Granted<At>) -> Result<()> {
        self.claimed = true;
        self.at = granted.state.map_or(0, |at| at.n);
        Ok(())
    }
}

impl Reference {
    fn row(&self, batch: &mut Batch<At>) -> Result<()> {
        if self.config.wide == 0 {
            return batch.row("numbers", Op::Read, &At { n: self.at });
        }
        let text = "x".repeat(self.config.wide);
        batch.row("numbers", Op::Read, &json!({"n": self.at, "text": text}))
    }

    fn rows(&mut self, batch: &mut Batch<At>) -> Result<()> {
        while self.at < self.config.rows && !batch.is_full() {
            self.at += 1;
            if self.config.noisy {
                #[allow(clippy::print_stdout, reason = "this is the fault that is tested")]
                {
                    println!("a stray line");
                }
            }
            if self.config.reject.contains(&self.at) {
                let line = format!("row {}", self.at);
                batch.reject(Error::permanent("the row is malformed"), line.as_bytes())?;
            } else {
                self.row(batch)?;
            }
            if self.at.is_multiple_of(self.config.every.unwrap_or(u64::MAX)) {
                self.offer(batch)?;
            }
            assert!(self.config.panic_after != Some(self.at), "asked to panic");
            if self.config.fail_after == Some(self.at) {
                return Err(self.failure());
            }
        }
        Ok(())
    }

    fn offer(&self, batch: &mut Batch<At>) -> Result<()> {
        batch.checkpoint(&At { n: self.at })
    }

    fn failure(&self) -> Error {
        let kind = match self.config.fail_kind.as_deref() {
            Some("auth") => ErrorKind::Auth,
            Some("permanent") => ErrorKind::Permanent,
            _ => ErrorKind::Transient,
        };
        Error::new(kind, "asked to fail")
    }
}

impl Check for Reference {
    type Config = Config;

    async fn check(config: Config, _: &TaskContext) -> Result<String> {
        match config.fail_after {
            Some(_) => Err(Error::auth("the login was refused")),
            None => Ok(format!("{} rows", config.rows)),
        }
    }
}

impl Discover for Reference {
    type Config = Config;

    async fn discover(_: Config, _: &TaskContext) -> Result<Vec<StreamSchema>> {
        Ok(vec![schema()])
    }
}

fn schema() -> StreamSchema {
    StreamSchema {
        stream: "numbers".into(),
        key: vec!["n".into()],
        fields: vec![Field { nullable: false, ..Field::new("n", FieldType::Int64) }],
        ..StreamSchema::default()
    }
}

/// One change of each kind, with all that an envelope can say.
const ORDERS: [&str; 5] = [
    r#"{"data":{"id":7,"total":"19.90","placed":"2026-03-01T12:00:00.123Z","photo":"iVBORw=="},"metadata":{"stream":"dbo.orders","op":"insert","ts":"2026-03-01T12:00:00.123Z","position":"0000002a:000001f0:0003","tx":"0000:0000aa51"}}"#,
    r#"{"data":{"id":7,"total":"24.90","placed":"2026-03-01T12:00:00.123Z"},"before":{"id":7,"total":"19.90"},"metadata":{"stream":"dbo.orders","op":"update","key":{"id":7},"unchanged":["photo"]}}"#,
    r#"{"data":{"id":8,"total":"24.90","placed":"2026-03-01T12:00:00.123Z"},"metadata":{"stream":"dbo.orders","op":"update","key":{"id":7},"unchanged":["photo"]}}"#,
    r#"{"data":{"id":8,"total":"24.90"},"metadata":{"stream":"dbo.orders","op":"delete","key":{"id":8}}}"#,
    r#"{"data":null,"metadata":{"stream":"dbo.orders","op":"truncate"}}"#,
];

fn orders(batch: &mut Batch<At>) -> Result<()> {
    let field = |name: &str, kind, nullable, source_type: &str| Field {
        nullable,
        source_type: Some(source_type.into()),
        ..Field::new(name, kind)
    };
    batch.schema(&StreamSchema {
        stream: "dbo.orders".into(),
        key: vec!["id".into()],
        fields: vec![
            field("id", FieldType::Int64, false, "bigint"),
            field("total", FieldType::Decimal(19, 4), true, "money"),
            field("placed", FieldType::Timestamptz, true, "datetimeoffset"),
            field("photo", FieldType::Bytes, true, "varbinary(max)"),
        ],
        ..StreamSchema::default()
    })?;
    ORDERS.iter().try_for_each(|line| batch.line(|buffer| buffer.extend(line.bytes())))
}
