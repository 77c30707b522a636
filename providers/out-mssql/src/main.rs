//! Writes SQL Server tables, each row exactly once.
//!
//! Reading order: `database` (what the shared library asks for), `staging` (how rows get to the
//! server), `writing` (what becomes of them there).

mod config;
mod database;
mod dialect;
mod session;
mod staging;
mod types;
mod writing;

fn main() -> std::process::ExitCode {
    dstream_sdk::output::<dstream_sql::SqlOutput<database::Mssql>>(dstream_sdk::about!(
        "Writes SQL Server tables, each row exactly once."
    ))
    .with_check()
    .with_infrastructure()
    .main()
}
