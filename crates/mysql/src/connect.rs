//! Connecting, with the session that every provider needs.

use std::time::Duration;

use dstream_sdk::{Error, Result};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError};

use crate::{Connection, SslMode, error};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// UTC, so that a TIMESTAMP is the moment that it is; UTF-8; strict, so that a value that does not
/// fit is an error and not another value; `` ` `` around names and `\` as in the manual.
const SESSION: &str = "SET SESSION time_zone = '+00:00', \
    sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', wait_timeout = 86400, \
    net_write_timeout = 86400";

/// Connects.
///
/// # Errors
/// Kind `auth` for a refused login, `transient` where the server cannot be reached.
pub async fn connect(settings: &Connection) -> Result<Conn> {
    let limit = settings.connect_timeout.map_or(CONNECT_TIMEOUT, Duration::from);
    let connected = tokio::time::timeout(limit, open(settings)).await.map_err(|_| {
        Error::transient(format!("no answer within {} ms (connect_timeout)", limit.as_millis()))
    });
    let mut conn = connected
        .and_then(|opened| opened)
        .map_err(|e| e.context(format!("cannot connect to {}", settings.address())))?;
    conn.query_drop("SET NAMES utf8mb4").await.map_err(error)?;
    conn.query_drop(SESSION).await.map_err(error)?;
    Ok(conn)
}

async fn open(settings: &Connection) -> Result<Conn> {
    let tls = settings.ssl_mode != SslMode::Disabled && settings.socket.is_none();
    let connected = Conn::new(settings.opts(tls)?).await;
    match connected {
        Err(mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer)) => {
            if settings.ssl_mode == SslMode::Preferred {
                return Conn::new(settings.opts(false)?).await.map_err(error);
            }
            Err(Error::config(
                "ssl_mode",
                "the server speaks no TLS: give it a certificate (`ssl_cert`, `ssl_key` in its \
                 configuration), or set `ssl_mode = \"disabled\"` on a network that you trust",
            ))
        }
        other => other.map_err(error),
    }
}
