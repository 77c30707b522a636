//! Asks the server what a text of the config means, without running it.

use dstream_postgres::Client;
use dstream_sdk::Error;

use crate::explain;
use crate::table::RawColumn;

/// The columns of one statement, which is not run.
pub(super) async fn described(
    client: &Client,
    sql: &str,
) -> Result<Vec<RawColumn>, dstream_postgres::Error> {
    let statement = client.prepare(sql).await?;
    let column = |column: &dstream_postgres::tokio_postgres::Column| RawColumn {
        name: column.name().to_owned(),
        oid: column.type_().oid(),
        typmod: column.type_modifier(),
        not_null: false,
    };
    Ok(statement.columns().iter().map(column).collect())
}

pub(super) fn select_sql(list: &str, from: &str, conditions: &[String]) -> String {
    let filter = if conditions.is_empty() { "" } else { " WHERE " };
    format!("SELECT {list} FROM {from}{filter}{}", conditions.join(" AND "))
}

/// A statement is described without a look at permissions; its plan is not made without.
pub(super) async fn require_permission(
    client: &Client,
    sql: &str,
) -> Result<(), dstream_postgres::Error> {
    Ok(client.batch_execute(&format!("EXPLAIN {sql}")).await?)
}

/// What the server said about a text of the config.
pub(super) fn refused(error: dstream_postgres::Error, path: &str, name: &str) -> Error {
    match (path, error.server().map(|server| server.code.as_str())) {
        (_, Some("42501")) => explain::snapshot(error, name),
        ("query", Some(code)) if code.starts_with("42") || code.starts_with("0A") => Error::config(
            path,
            format!(
                "`query` has to be one SELECT (or VALUES, or WITH … SELECT) that changes nothing: {error}"
            ),
        ),
        (_, Some(code)) if code.starts_with("42") || code.starts_with("22") => {
            Error::config(path, format!("{name}: {error}"))
        }
        _ => error.into(),
    }
}
