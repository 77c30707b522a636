//! Writes an SQLite database, each row exactly once.

mod bind;
mod changes;
mod checkpointer;
mod config;
mod database;
mod db;
mod dialect;
mod existing;
mod row_statement;

fn main() -> std::process::ExitCode {
    dstream_sdk::output::<dstream_sql::SqlOutput<database::Sqlite>>(dstream_sdk::about!(
        "Writes an SQLite database, each row exactly once."
    ))
    .with_check()
    .with_infrastructure()
    .main()
}
