//! What an error of the server is about: a row, or all else.

use dstream_mysql::mysql_async::Error;
use dstream_sdk::ErrorKind;
use dstream_sql::Failure;

/// Another run has just made the same database, table or column, or changed the table: next time
/// it is there.
const NEXT_TIME: [u16; 5] = [1007, 1050, 1060, 1412, 1615];

/// In writing rows.
pub(crate) fn failure(error: Error) -> Failure {
    match dstream_mysql::is_about_row(&error) {
        true => Failure::Row(fatal(error)),
        false => Failure::Run(fatal(error)),
    }
}

/// Anywhere else.
pub(crate) fn fatal(error: Error) -> dstream_sdk::Error {
    let next_time = matches!(&error, Error::Server(server) if NEXT_TIME.contains(&server.code));
    let ours = dstream_mysql::error(error);
    if next_time { dstream_sdk::Error::new(ErrorKind::Transient, ours.to_string()) } else { ours }
}

/// Whether a column would be null that cannot be.
pub(crate) fn is_null(failure: &Failure) -> bool {
    matches!(failure, Failure::Row(error) if error.to_string().contains("(error 1048,"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dstream_mysql::mysql_async::ServerError;

    fn of(code: u16, state: &str) -> Error {
        Error::Server(ServerError { code, message: "no".into(), state: state.into() })
    }

    #[test]
    fn what_is_about_a_row_is_told_from_what_ends_the_run() {
        for (code, state) in [(1062, "23000"), (1406, "22001"), (1366, "HY000"), (1644, "45000")] {
            assert!(matches!(failure(of(code, state)), Failure::Row(_)), "{code}");
        }
        for (code, state) in [(1142, "42000"), (1213, "40001"), (1146, "42S02")] {
            assert!(matches!(failure(of(code, state)), Failure::Run(_)), "{code}");
        }
        assert_eq!(fatal(of(1060, "42S21")).kind(), ErrorKind::Transient);
    }
}
