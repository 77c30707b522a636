//! An input in thirty lines: the front page of the crate.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};

use dstream_sdk::{Batch, Context, InputProvider, InputStart, Next, Op, Result};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    /// The text file to read.
    path: String,
}

/// Reads a text file, a row for each line. Resumes at the byte where it stopped.
struct Lines {
    file: BufReader<File>,
    offset: u64,
}

impl InputProvider for Lines {
    type Config = Config;
    type Checkpoint = u64;

    async fn open(config: Config, start: InputStart<u64>) -> Result<Self> {
        let file = File::open(&config.path).with_context(|| format!("opening {}", config.path))?;
        let offset = start.get().copied().unwrap_or(0);
        let mut file = BufReader::new(file);
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { file, offset })
    }

    async fn read(&mut self, batch: &mut Batch<u64>) -> Result<Next> {
        let mut line = String::new();
        while !batch.is_full() {
            self.offset += self.file.read_line(&mut line)? as u64;
            if line.is_empty() {
                return Ok(Next::End);
            }
            batch.row("lines", Op::Read, &serde_json::json!({ "line": line.trim_end() }))?;
            batch.checkpoint(&self.offset)?;
            line.clear();
        }
        Ok(Next::More)
    }
}

fn main() -> std::process::ExitCode {
    dstream_sdk::input::<Lines>(dstream_sdk::about!("Reads the lines of a text file.")).main()
}
