//! Writes an SQLite database, each row exactly once.

mod bind;
mod bookkeeping;
mod changes;
mod checkpointer;
mod config;
mod db;
mod fail;
mod lifecycle;
mod output;
mod raw_row;
mod row_statement;
mod sql;
mod sqlite;
mod store;
mod target;
mod targets;
mod writer;

fn main() -> std::process::ExitCode {
    dstream_sdk::output::<output::SqliteOutput>(dstream_sdk::about!(
        "Writes an SQLite database, each row exactly once."
    ))
    .with_check()
    .with_infrastructure()
    .main()
}
