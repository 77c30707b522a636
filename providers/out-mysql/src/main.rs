//! Writes MySQL and MariaDB tables, each row exactly once.

mod catalog;
mod config;
mod database;
mod dialect;
mod session;

fn main() -> std::process::ExitCode {
    dstream_sdk::output::<dstream_sql::SqlOutput<database::MySql>>(dstream_sdk::about!(
        "Writes MySQL and MariaDB tables, each row exactly once."
    ))
    .with_check()
    .with_infrastructure()
    .main()
}
