//! The connection: what the session is told, and how an open transaction is kept alive.

use std::sync::Arc;

use dstream_mysql::error;
use dstream_mysql::mysql_async::prelude::Queryable;
use dstream_mysql::mysql_async::{Conn, Error, Params, Value};
use dstream_sdk::{Result, TimeSpan};
use dstream_sql::{Access, Param, keep_alive};
use tokio::sync::Mutex;

use crate::config::Settings;

/// A connection that is ready for what it is to do.
pub(crate) async fn open(settings: &Settings, access: Access) -> Result<Arc<Mutex<Conn>>> {
    let mut conn = dstream_mysql::connect(&settings.connection).await?;
    for sql in prelude(settings, access) {
        conn.query_drop(sql).await.map_err(error)?;
    }
    let logs_statements: Option<bool> = conn.query_first(LOGS_STATEMENTS).await.map_err(error)?;
    if logs_statements != Some(true) {
        conn.query_drop(READ_COMMITTED).await.map_err(error)?;
    }
    for sql in WHERE_ALLOWED {
        // Not everybody may, and not every server has it.
        match conn.query_drop(sql).await {
            Ok(()) | Err(Error::Server(_)) => {}
            Err(lost) => return Err(error(lost)),
        }
    }
    let conn = Arc::new(Mutex::new(conn));
    if access == Access::Run {
        // Who holds it is talking to the server.
        keep_alive(&conn, settings.takeover_timeout.0, |conn| async move {
            match conn.try_lock() {
                Ok(mut conn) => conn.ping().await.is_ok(),
                Err(_) => true,
            }
        });
    }
    Ok(conn)
}

/// What a run asks for where it can be had: a table of many texts is made though a row that fills
/// all of them would not fit, and a TIMESTAMP that is told nothing is null.
const WHERE_ALLOWED: [&str; 2] =
    ["SET SESSION innodb_strict_mode = 0", "SET SESSION explicit_defaults_for_timestamp = 1"];

/// Less is locked under READ COMMITTED, which a binary log of statements does not allow.
const READ_COMMITTED: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
const LOGS_STATEMENTS: &str = "SELECT @@log_bin AND @@binlog_format = 'STATEMENT'";

/// What every session is told first. A zero is a zero also in an AUTO_INCREMENT column. Whoever
/// leaves a transaction open and is not heard of is ended by the server.
fn prelude(settings: &Settings, access: Access) -> Vec<String> {
    if access == Access::Look {
        return vec!["SET SESSION TRANSACTION READ ONLY".into()];
    }
    let seconds = |span: TimeSpan| span.as_millis().div_ceil(1000);
    let mut all = vec![
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO', \
         autocommit = 1, foreign_key_checks = 1, unique_checks = 1"
            .to_owned(),
    ];
    if access == Access::Run {
        let limit = seconds(settings.takeover_timeout);
        all.push(format!(
            "SET SESSION wait_timeout = {limit}, net_read_timeout = {limit}, net_write_timeout = {limit}"
        ));
    }
    if let Some(limit) = settings.lock_timeout.map(seconds) {
        all.push(format!(
            "SET SESSION innodb_lock_wait_timeout = {limit}, lock_wait_timeout = {limit}"
        ));
    }
    all
}

/// Parameters of a statement.
pub(crate) fn values(params: &[Param<'_>]) -> Params {
    let value = |param: &Param<'_>| match param {
        Param::Text(text) => Value::from(*text),
        Param::Int(number) => Value::from(*number),
    };
    Params::Positional(params.iter().map(value).collect())
}
