//! Reads PostgreSQL: by change data capture (what is there, then every change), or by query.

mod catalog;
mod config;
mod explain;
mod fingerprint;
mod input;
mod lifecycle;
mod log_end;
mod lsn;
mod plan;
mod provider;
mod query;
mod render;
mod setup;
mod snapshot;
mod start;
mod state;
mod stream;
mod table;
mod types;
mod watch;

fn main() -> std::process::ExitCode {
    dstream_sdk::input::<provider::Input>(dstream_sdk::about!(
        "Reads PostgreSQL: by change data capture, or by query."
    ))
    .with_check()
    .with_discover()
    .with_infrastructure()
    .main()
}
