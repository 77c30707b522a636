//! The transform of the transcripts: even rows go on, odd ones do not.

use std::process::ExitCode;

use dstream_sdk::{
    About, Emit, Envelopes, Error, Result, TransformProvider, TransformStart, schemars::JsonSchema,
};
use serde::Deserialize;
use serde_json::json;

fn main() -> ExitCode {
    let description = "Filters, for the transcripts.";
    let about = About::new("transform-reference", env!("CARGO_PKG_VERSION"), description);
    dstream_sdk::transform::<Reference>(about).main()
}

/// What the transcripts ask of it; transcripts/README.md has the same in prose.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(crate = "dstream_sdk::schemars")]
struct Config {
    /// Rows with these numbers are refused.
    reject: Vec<u64>,
    /// Adds a column with the number times two.
    double: bool,
    /// Loses odd rows, as an author must not.
    lose: bool,
}

#[derive(Debug, Deserialize)]
struct Row {
    #[serde(alias = "id")]
    n: u64,
}

struct Reference(Config);

impl TransformProvider for Reference {
    type Config = Config;

    async fn open(config: Config, _: TransformStart) -> Result<Self> {
        Ok(Self(config))
    }

    async fn transform(&mut self, envelopes: &mut Envelopes<'_>, out: &mut Emit) -> Result<()> {
        for envelope in envelopes.iter() {
            let Row { n } = envelope.data_as()?;
            match n {
                n if self.0.reject.contains(&n) => {
                    envelopes.reject(&envelope, Error::permanent(format!("{n} is refused")))?;
                }
                n if n.is_multiple_of(2) && self.0.double => {
                    out.with_data(&envelope, &json!({"n": n, "double": n * 2}))?;
                }
                n if n.is_multiple_of(2) => out.pass(&envelope),
                _ if self.0.lose => {}
                _ => out.filter(&envelope),
            }
        }
        Ok(())
    }
}
