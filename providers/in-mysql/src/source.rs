//! The server as a source: is its log fit to be followed, where does it end, which tables are there?

use dstream_mysql::mysql_async::prelude::Queryable;
use dstream_mysql::mysql_async::{Conn, Row};
use dstream_mysql::{Server, error};
use dstream_sdk::{Context, Error, ErrorKind, Result};

use crate::config::Tables;
use crate::position::Position;
use crate::state::LogState;

/// What is needed to follow the log. The message says what to do.
pub(crate) async fn verify(conn: &mut Conn, server: &Server) -> Result<()> {
    if variable(conn, "log_bin").await?.as_deref() != Some("1") {
        return Err(Error::permanent(format!(
            "{} writes no binary log: add `log_bin = binlog` to [mysqld] in its configuration and \
             start it again; it writes one from then on",
            server.title()
        )));
    }
    let format = variable(conn, "binlog_format").await?.unwrap_or_default();
    if !format.eq_ignore_ascii_case("ROW") {
        return Err(Error::permanent(format!(
            "binlog_format is {format}, so the log holds statements, not rows: SET GLOBAL \
             binlog_format = 'ROW', and put it into the server's configuration; sessions that are \
             open keep the old one until they end"
        )));
    }
    let image = variable(conn, "binlog_row_image").await?.unwrap_or_else(|| "FULL".into());
    if !matches!(image.to_ascii_uppercase().as_str(), "FULL" | "FULL_NODUP") {
        return Err(Error::permanent(format!(
            "binlog_row_image is {image}, so the log holds only parts of the rows: SET GLOBAL \
             binlog_row_image = 'FULL', and put it into the server's configuration; sessions that \
             are open keep the old one until they end"
        )));
    }
    let metadata = variable(conn, "binlog_row_metadata").await?.unwrap_or_default();
    if !metadata.eq_ignore_ascii_case("FULL") {
        dstream_sdk::tracing::warn!(
            "binlog_row_metadata is not FULL, so the log does not name its columns and they are \
             taken from the catalog as it is now: a column that is renamed, or moved among others \
             of its type, is only seen right when no change from before is read after it. SET GLOBAL \
             binlog_row_metadata = 'FULL' (and put it into the server's configuration)"
        );
    }
    Ok(())
}

async fn variable(conn: &mut Conn, name: &str) -> Result<Option<String>> {
    let sql = format!("SHOW GLOBAL VARIABLES LIKE '{name}'");
    let row: Option<(String, String)> = conn.query_first(sql).await.map_err(error)?;
    Ok(row.map(|(_, value)| match value.as_str() {
        "ON" => "1".into(),
        "OFF" => "0".into(),
        _ => value,
    }))
}

/// Where the log ends, and the transactions up to there.
pub(crate) async fn end_of_log(conn: &mut Conn, server: &Server) -> Result<LogState> {
    let row = status(conn, server).await?;
    let text = |at: usize| row.get::<Option<String>, _>(at).flatten();
    let offset = row.get::<Option<u64>, _>(1).flatten().unwrap_or_default();
    let position = Position::new(text(0).unwrap_or_default(), offset);
    let gtid = if server.is_mariadb() {
        gtid_at(conn, &position).await?
    } else {
        text(4).map(|set| set.replace(['\n', ' '], ""))
    };
    let gtid = gtid.filter(|gtid| !gtid.is_empty());
    Ok(LogState { server: server.identity.clone(), position, gtid })
}

/// MariaDB: the GTIDs up to a place in the log.
pub(crate) async fn gtid_at(conn: &mut Conn, position: &Position) -> Result<Option<String>> {
    let of = (&position.file, position.offset);
    let gtid: Option<Option<String>> =
        conn.exec_first("SELECT BINLOG_GTID_POS(?, ?)", of).await.map_err(error)?;
    Ok(gtid.flatten())
}

async fn status(conn: &mut Conn, server: &Server) -> Result<Row> {
    // MySQL 8.4 has only the new words, older ones and MariaDB only the old.
    let sql = match server.is_mariadb() || conn.server_version() < (8, 2, 0) {
        true => "SHOW MASTER STATUS",
        false => "SHOW BINARY LOG STATUS",
    };
    let row = conn.query_first(sql).await.map_err(error).map_err(|e| grant(e, server))?;
    row.ok_or_else(|| Error::permanent("the server says nothing of its binary log"))
}

/// Adds to a refused permission how it is given.
fn grant(error: Error, server: &Server) -> Error {
    if error.kind() != ErrorKind::Auth {
        return error;
    }
    let privileges = match server.is_mariadb() {
        true => "REPLICATION SLAVE, BINLOG MONITOR",
        false => "REPLICATION SLAVE, REPLICATION CLIENT",
    };
    error.context(format!(
        "a permission is missing: GRANT {privileges} ON *.* TO the user, and SELECT on the tables"
    ))
}

/// Refuses where the user may not read the log; what `SHOW GRANTS` says is enough.
pub(crate) async fn may_follow(conn: &mut Conn, server: &Server) -> Result<()> {
    let grants: Vec<String> = conn.query("SHOW GRANTS").await.map_err(error)?;
    let has = |what: &str| grants.iter().any(|g| g.contains(" ON *.*") && g.contains(what));
    // A role's privileges are not listed, so a user who has one is believed.
    let role = grants.iter().any(|g| g.starts_with("GRANT `") && !g.contains(" ON "));
    if has("ALL PRIVILEGES") || has("REPLICATION SLAVE") || role {
        return Ok(());
    }
    Err(grant(Error::auth("SHOW GRANTS has no REPLICATION SLAVE for this user"), server))
}

/// The files of the log that are still there, with their sizes.
pub(crate) async fn logs(conn: &mut Conn, server: &Server) -> Result<Vec<(String, u64)>> {
    let rows: Vec<Row> =
        conn.query("SHOW BINARY LOGS").await.map_err(error).map_err(|e| grant(e, server))?;
    Ok(rows.iter().filter_map(|row| Some((row.get(0)?, row.get(1)?))).collect())
}

/// Bytes of the log behind a place.
pub(crate) fn bytes_behind(logs: &[(String, u64)], position: &Position) -> u64 {
    let behind = |(file, size): &(String, u64)| {
        let end = Position::new(file.as_str(), *size);
        if *file == position.file {
            size.saturating_sub(position.offset)
        } else if end > *position {
            *size
        } else {
            0
        }
    };
    logs.iter().map(behind).sum()
}

/// The tables that are meant, in the order of their names.
pub(crate) async fn tables(conn: &mut Conn, tables: &Tables) -> Result<Vec<(String, String)>> {
    let all: Vec<(String, String)> = conn
        .query(
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES \
             WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY 1, 2",
        )
        .await
        .map_err(error)
        .context("cannot list the tables")?;
    Ok(all.into_iter().filter(|(database, name)| tables.means(database, name)).collect())
}

/// The same; refuses where one that is named is not there.
pub(crate) async fn named_tables(conn: &mut Conn, meant: &Tables) -> Result<Vec<(String, String)>> {
    let found = tables(conn, meant).await?;
    match meant.missing(&found).first() {
        None => Ok(found),
        Some(name) => Err(Error::config(
            "tables",
            format!(
                "there is no table `{name}`, or this user may not see it: check the name (it is \
                 case-sensitive on most servers), or GRANT SELECT on it"
            ),
        )),
    }
}

/// Tables whose rows change without a word in the log: a foreign key that cascades.
pub(crate) async fn cascading(conn: &mut Conn, tables: &Tables) -> Result<Vec<String>> {
    let rows: Vec<(String, String)> = conn
        .query(
            "SELECT DISTINCT CONSTRAINT_SCHEMA, TABLE_NAME \
             FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE \
             DELETE_RULE IN ('CASCADE', 'SET NULL') OR UPDATE_RULE IN ('CASCADE', 'SET NULL')",
        )
        .await
        .map_err(error)?;
    let meant = rows.into_iter().filter(|(database, name)| tables.means(database, name));
    Ok(meant.map(|(database, name)| format!("{database}.{name}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_behind_are_counted_over_files() {
        let logs = [("b.000001".into(), 100), ("b.000002".into(), 50), ("b.000003".into(), 30)];
        assert_eq!(bytes_behind(&logs, &Position::new("b.000002", 20)), 60);
        assert_eq!(bytes_behind(&logs, &Position::new("b.000003", 30)), 0);
    }
}
