//! The output of the transcripts: writes nowhere, and does on request what can happen to an output.

use std::process::ExitCode;

use dstream_sdk::{
    About, Claim, Claimed, Commit, CommitMark, Console, Delivery, Envelopes, Error, Granted,
    Infrastructure, Json, LifecycleReport, OutputProvider, OutputStart, Rejected, Resource, Result,
    SourceStates, StreamSchema, TaskContext, schemars::JsonSchema,
};
use serde::Deserialize;
use serde_json::value::to_raw_value;

fn main() -> ExitCode {
    let description = "Writes nowhere, for the transcripts.";
    dstream_sdk::output::<Reference>(About::new(
        "out-reference",
        env!("CARGO_PKG_VERSION"),
        description,
    ))
    .with_infrastructure()
    .main()
}

/// What the transcripts ask of it; transcripts/README.md has the same in prose.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(crate = "dstream_sdk::schemars")]
struct Config {
    /// Rows with these numbers cannot be written.
    reject: Vec<u64>,
    /// The row with this number fails the run.
    fail_at: Option<u64>,
    /// Stores checkpoints, dead letters and partitions, as a database would.
    transactional: bool,
    /// The commit finds that another run has taken over.
    fenced: bool,
    /// Prints each row, each schema and each confirmation.
    print: bool,
}

#[derive(Debug, Deserialize)]
struct Row {
    #[serde(alias = "id")]
    n: u64,
}

struct Reference {
    config: Config,
    console: Console,
    rows: u64,
    /// What is stored of the input's checkpoints.
    stored: SourceStates,
}

impl OutputProvider for Reference {
    type Config = Config;

    const DELIVERY: Delivery = Delivery { idempotent: true, ..Delivery::NONE };

    async fn open(config: Config, start: OutputStart) -> Result<Self> {
        let rows = start.state.map_or(Ok(0), |state| serde_json::from_str(state.get()))?;
        let state = to_raw_value(&serde_json::json!({"n": 2}))?;
        let mut stored = SourceStates::from([("input".into(), [(String::new(), state)].into())]);
        stored.extend(start.adopt);
        Ok(Self { config, console: start.console, rows, stored })
    }

    fn delivery(&self) -> Option<Delivery> {
        self.config.transactional.then_some(Delivery { transactional: true, ..Self::DELIVERY })
    }

    fn claimed(&self) -> Option<Claimed> {
        self.config.transactional.then(|| Claimed {
            epoch: 8,
            previous: Some(CommitMark { epoch: 7, id: 3 }),
            checkpoint: self.stored.clone(),
        })
    }

    async fn unconfirmed(&mut self) -> Result<Vec<Rejected>> {
        if !self.config.transactional {
            return Ok(Vec::new());
        }
        Ok(vec![Rejected {
            id: Some("stored".into()),
            commit: Some(CommitMark { epoch: 7, id: 3 }),
            error: Error::permanent("refused before").into(),
            envelope: Some(to_raw_value(&serde_json::json!({"data": {"n": 1}, "metadata": {}}))?),
            raw: None,
        }])
    }

    async fn schema(&mut self, schema: &StreamSchema) -> Result<()> {
        if self.config.print {
            self.console.print_line(&format!("columns of {}", schema.stream));
        }
        Ok(())
    }

    async fn write(&mut self, envelopes: &mut Envelopes<'_>) -> Result<()> {
        for envelope in envelopes.iter() {
            let row: Row = envelope.data_as()?;
            if self.config.fail_at == Some(row.n) {
                return Err(Error::transient("the connection was lost"));
            }
            if self.config.reject.contains(&row.n) {
                let error = Error::permanent(format!("{} violates a constraint", row.n));
                envelopes.reject(&envelope, error)?;
                continue;
            }
            self.rows += 1;
            if self.config.print {
                self.console.print_line(&format!("row {}", row.n));
            }
        }
        Ok(())
    }

    async fn commit(&mut self, _: &Commit) -> Result<Option<Json>> {
        if self.config.fenced {
            return Err(Error::fenced("epoch 9 has taken over"));
        }
        Ok(Some(to_raw_value(&self.rows)?))
    }

    async fn confirmed(&mut self, id: u64) -> Result<()> {
        if self.config.print {
            self.console.print_line(&format!("confirmed {id}"));
        }
        Ok(())
    }

    async fn claim(&mut self, claim: &Claim) -> Result<Granted<Json>> {
        let state = to_raw_value(&serde_json::json!({"n": 2}))?;
        Ok(Granted::stored(Some(state), claim.group.is_some()))
    }

    async fn end(self) -> Result<()> {
        if self.config.print {
            self.console.print_line("complete");
        }
        Ok(())
    }
}

impl Infrastructure for Reference {
    type Config = Config;

    async fn plan(_: Config, context: &TaskContext) -> Result<LifecycleReport> {
        if context.streams.is_empty() {
            return Ok(LifecycleReport::ok().with(table("create")));
        }
        Ok(context.streams.iter().map(planned).fold(LifecycleReport::ok(), LifecycleReport::with))
    }

    async fn init(_: Config, _: &TaskContext) -> Result<LifecycleReport> {
        Ok(LifecycleReport::ok().with(table("created")))
    }

    async fn status(_: Config, _: &TaskContext) -> Result<LifecycleReport> {
        Ok(LifecycleReport::ok().with(table("exists").detail("0 rows")))
    }

    async fn destroy(config: Config, _: &TaskContext) -> Result<LifecycleReport> {
        if config.fenced {
            return Err(Error::permanent("the table is in use"));
        }
        Ok(LifecycleReport::ok().with(table("deleted")))
    }
}

/// A table of a stream that is known to come.
fn planned(schema: &StreamSchema) -> Resource {
    let column = |field: &dstream_sdk::Field| format!("{} {}", field.name, field.kind);
    let columns: Vec<_> = schema.fields.iter().map(column).collect();
    Resource::new("table", &schema.stream, "create").detail(columns.join(", "))
}

fn table(action: &str) -> Resource {
    Resource::new("table", "numbers", action)
}
