//! Prints each row to the terminal.

mod format;

use std::process::ExitCode;

use dstream_sdk::{
    Commit, Console, Delivery, Envelopes, Json, OutputProvider, OutputStart, Result,
};
use schemars::JsonSchema;
use serde::Deserialize;

use format::{Format, Printer};

fn main() -> ExitCode {
    dstream_sdk::output::<ConsoleOutput>(dstream_sdk::about!("Prints rows to the terminal.")).main()
}

/// The `config` block.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    /// How a row looks.
    output_format: Format,
}

struct ConsoleOutput {
    console: Console,
    printer: Printer,
}

impl OutputProvider for ConsoleOutput {
    type Config = Config;

    /// A terminal takes nothing back: a replay prints rows again.
    const DELIVERY: Delivery = Delivery::NONE;

    async fn open(config: Config, start: OutputStart) -> Result<Self> {
        Ok(Self { console: start.console, printer: Printer::new(config.output_format) })
    }

    async fn write(&mut self, envelopes: &mut Envelopes<'_>) -> Result<()> {
        let mut text = String::new();
        self.printer.print(envelopes, &mut text)?;
        if let Some(lines) = text.strip_suffix('\n') {
            self.console.print_line(lines);
        }
        Ok(())
    }

    async fn commit(&mut self, _: &Commit) -> Result<Option<Json>> {
        Ok(None)
    }
}
