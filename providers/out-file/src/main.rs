//! Writes CSV and JSON-lines files that are complete or not there.

mod check;
mod config;
mod csv;
mod encoder;
mod files;
mod journal;
mod output;
mod part;
mod recover;
mod rows;
mod state;
mod template;

fn main() -> std::process::ExitCode {
    dstream_sdk::output::<output::FileOutput>(dstream_sdk::about!(
        "Writes CSV and JSON-lines files that are complete or not there."
    ))
    .with_check()
    .main()
}
