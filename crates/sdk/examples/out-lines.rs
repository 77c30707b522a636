//! An output in thirty lines: the front page of the crate.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};

use dstream_sdk::{
    Commit, Context, Delivery, Envelopes, Json, OutputProvider, OutputStart, Result,
};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    /// The file to write, a line of JSON for each row.
    path: String,
}

/// Writes rows to a file. What a crashed run left behind its last commit is cut off.
struct Lines(BufWriter<File>);

impl OutputProvider for Lines {
    type Config = Config;

    const DELIVERY: Delivery = Delivery { append_only: true, ..Delivery::NONE };

    async fn open(config: Config, start: OutputStart) -> Result<Self> {
        let file = File::options().create(true).write(true).truncate(false).open(&config.path);
        let mut file = file.with_context(|| format!("opening {}", config.path))?;
        let committed = start.state.map_or(Ok(0), |state| serde_json::from_str(state.get()))?;
        file.set_len(committed)?;
        file.seek(SeekFrom::Start(committed))?;
        Ok(Self(BufWriter::new(file)))
    }

    async fn write(&mut self, envelopes: &mut Envelopes<'_>) -> Result<()> {
        for envelope in envelopes.iter() {
            self.0.write_all(envelope.data.as_bytes())?;
            self.0.write_all(b"\n")?;
        }
        Ok(())
    }

    async fn commit(&mut self, _: &Commit) -> Result<Option<Json>> {
        self.0.flush()?;
        self.0.get_ref().sync_data()?;
        let length = self.0.stream_position()?;
        Ok(Some(serde_json::value::to_raw_value(&length)?))
    }
}

fn main() -> std::process::ExitCode {
    dstream_sdk::output::<Lines>(dstream_sdk::about!("Writes rows to a text file.")).main()
}
