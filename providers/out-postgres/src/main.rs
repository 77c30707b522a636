//! Writes PostgreSQL tables, each row exactly once.

mod append;
mod catalog;
mod config;
mod database;
mod dialect;
mod divided;
mod encoding;
mod failure;
mod merge;
mod session;
mod sets;
mod sql;
mod two_phase;

fn main() -> std::process::ExitCode {
    dstream_sdk::output::<dstream_sql::SqlOutput<database::Postgres>>(dstream_sdk::about!(
        "Writes PostgreSQL tables, each row exactly once."
    ))
    .with_check()
    .with_infrastructure()
    .main()
}
