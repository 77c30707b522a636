//! What a server can do beside writing rows: hold a transaction, go away, cut a name off.

mod common;

dstream_sql_testkit::server!(common::Db);
