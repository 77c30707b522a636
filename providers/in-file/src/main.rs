//! Reads CSV and JSON-lines files: one, many, or a folder that grows.

mod config;
mod csv;
mod decode;
mod encodings;
mod files;
mod format;
mod header;
mod identity;
mod input;
mod json_text;
mod lifecycle;
mod reader;
mod rows;
mod source;
mod state;
mod tail;
mod tails;
mod window;

fn main() -> std::process::ExitCode {
    dstream_sdk::input::<input::FileInput>(dstream_sdk::about!(
        "Reads CSV and JSON-lines files: one, many, or a folder that grows."
    ))
    .with_check()
    .with_discover()
    .main()
}
