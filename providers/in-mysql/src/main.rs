//! Reads every change of MySQL and MariaDB tables from the binary log, after a snapshot of them.
//!
//! Reading order: `input` (what happens when), `log` (event by event), `binlog` (bytes), `table` and
//! `resolve` (which columns), `snapshot` (the rows as they stand), `handoff` (what both share).

mod binlog;
mod catalog;
mod charset;
mod charsets;
mod config;
mod consistent;
mod dump;
mod errors;
mod followed;
mod gtid;
mod handoff;
mod inflate;
mod input;
mod lifecycle;
mod log;
mod plan;
mod position;
mod resolve;
mod row;
mod select;
mod snapshot;
mod source;
mod start;
mod state;
mod table;
mod text;
mod transaction;

fn main() -> std::process::ExitCode {
    dstream_sdk::input::<input::MysqlInput>(dstream_sdk::about!(
        "Reads every change of MySQL and MariaDB tables from the binary log, after a snapshot."
    ))
    .with_check()
    .with_discover()
    .with_infrastructure()
    .main()
}
