//! Any sequence of changes leaves the tables as maps in memory have them.

mod common;

dstream_sql_testkit::upsert_model!(common::Db);
