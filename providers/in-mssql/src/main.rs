//! Reads every change of SQL Server tables from their change tables, after the rows as they stand.
//!
//! Reading order: `input` (what happens when), `start` (where each table begins), `round` (the order of
//! what comes), `source`, `ask` and `page` (one table's changes), `change` and `envelope`
//! (what a row becomes).

mod ask;
mod backoff;
mod catalog;
mod change;
mod config;
mod envelope;
mod explain;
mod infrastructure;
mod input;
mod instance;
mod key;
mod lifecycle;
mod locks;
mod lsn;
mod made;
mod offsets;
mod page;
mod pool;
mod round;
mod sharing;
mod sizing;
mod snapshot;
mod source;
mod start;
mod state;
mod status;
mod times;
mod types;
mod whole;

fn main() -> std::process::ExitCode {
    dstream_sdk::input::<input::MssqlInput>(dstream_sdk::about!(
        "Reads every change of SQL Server tables (change data capture), after a snapshot of their rows."
    ))
    .with_check()
    .with_discover()
    .with_infrastructure()
    .main()
}
