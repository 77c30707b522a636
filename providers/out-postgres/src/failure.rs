//! What an error of the server is about: a row, or all else.

use dstream_postgres::Error;
use dstream_sdk::ErrorKind;
use dstream_sql::Failure;

/// Classes of SQLSTATE that are about a row: cardinality, data, constraints, check options, and
/// what functions and triggers raise.
const ROW: [&str; 8] = ["21", "22", "23", "2F", "38", "39", "44", "P0"];

/// Program limits: a row or an index entry that is too large.
const TOO_LARGE: &str = "54000";

/// A lock that was not to be had in time, and a deadlock.
const BLOCKED: [&str; 2] = ["55P03", "40P01"];

/// Another run has just made the same table, column or schema: next time it is there.
const MADE_AT_ONCE: [&str; 3] = ["42P07", "42701", "42P06"];

/// In writing rows.
pub(crate) fn failure(error: impl Into<Error>) -> Failure {
    let error = error.into();
    let about_row =
        |code: &str| code == TOO_LARGE || ROW.iter().any(|class| code.starts_with(class));
    match error.code() {
        Some(code) if about_row(code) => {
            Failure::Row(dstream_sdk::Error::permanent(format!("PostgreSQL: {error}")))
        }
        Some(code) if BLOCKED.contains(&code) => Failure::Blocked(fatal(error)),
        _ => Failure::Run(fatal(error)),
    }
}

/// Anywhere else.
pub(crate) fn fatal(error: impl Into<Error>) -> dstream_sdk::Error {
    let error = error.into();
    if error.code().is_some_and(|code| MADE_AT_ONCE.contains(&code)) {
        return dstream_sdk::Error::new(ErrorKind::Transient, format!("PostgreSQL: {error}"));
    }
    match error {
        Error::Server(_) => dstream_sdk::Error::from(error).context("PostgreSQL"),
        error => error.into(),
    }
}
