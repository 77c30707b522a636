//! What an error of the server or the driver means: kind, and the server's own words.

use dstream_sdk::{Error, ErrorKind};
use mysql_async::{DriverError, IoError, ServerError};

/// An error of the driver as ours.
pub fn error(error: mysql_async::Error) -> Error {
    use mysql_async::Error as E;
    match error {
        E::Server(error) => server_error(&error),
        E::Io(IoError::Io(error)) => {
            let kind = Error::from(std::io::Error::from(error.kind())).kind();
            Error::new(kind, format!("the connection failed: {error}"))
        }
        E::Io(IoError::Tls(error)) => Error::permanent(format!(
            "TLS failed: {error}; `ssl_ca` names the authority that signed the server's \
             certificate, `ssl_mode` what is checked"
        )),
        E::Driver(DriverError::ConnectionClosed) => {
            Error::transient("the server closed the connection")
        }
        E::Driver(error @ DriverError::PacketOutOfOrder) => Error::transient(error.to_string()),
        E::Driver(DriverError::CleartextPluginDisabled) => Error::auth(
            "the server asks for the password in clear text, which is not sent: give the user \
             another authentication plugin",
        ),
        E::Driver(error @ DriverError::UnknownAuthPlugin { .. }) => Error::auth(error.to_string()),
        other => Error::permanent(other.to_string()),
    }
}

/// An error that the server sent.
pub fn server_error(error: &ServerError) -> Error {
    let (code, state) = (error.code, &error.state);
    let message = format!("{} (error {code}, SQLSTATE {state})", error.message);
    // Unknown database.
    if code == 1049 {
        return Error::config("database", message);
    }
    Error::new(kind(code), message)
}

/// Classes of SQLSTATE that are about a row: data, constraints, check options, and what triggers
/// raise.
const ROW: [&str; 4] = ["22", "23", "44", "45"];

/// The same where the server has no better class for them than "general": a row that is too large
/// (two of them), truncated, no default, a value that does not fit its type (four), a view's check,
/// no partition, a check.
const ROW_CODES: [u16; 11] = [139, 1118, 1265, 1364, 1366, 1367, 1411, 1416, 1369, 1526, 3819];

/// Whether an error is about the values of a row, and would not come with others.
pub fn is_about_row(error: &mysql_async::Error) -> bool {
    matches!(error, mysql_async::Error::Server(server)
        if ROW_CODES.contains(&server.code)
            || ROW.iter().any(|class| server.state.starts_with(class)))
}

/// By the server's code: MySQL's and MariaDB's error references.
fn kind(code: u16) -> ErrorKind {
    match code {
        // Access denied: to the server, a database, a table, a column, a routine, an operation.
        1044 | 1045 | 1095 | 1141 | 1142 | 1143 | 1227 | 1370 | 1410 | 1698 | 1820 | 1862
        | 3118 | 3955 | 4151 => ErrorKind::Auth,
        // Another run has just made the same database, table or column, or changed the table:
        // next time it is there.
        1007 | 1050 | 1060 | 1412 | 1615 => ErrorKind::Transient,
        // Too many connections, shutdown, disk full, lock wait, deadlock, read-only after a
        // failover, killed, network, lock nowait.
        1021
        | 1040
        | 1041
        | 1042
        | 1053
        | 1080
        | 1129
        | 1152
        | 1153..=1161
        | 1184
        | 1203
        | 1205
        | 1206
        | 1213
        | 1226
        | 1290
        | 1317
        | 1614
        | 1836
        | 1927
        | 1969
        | 2006
        | 2013
        | 3024
        | 3572
        | 3168
        | 3169
        | 1020 => {
            // 1153: a packet over max_allowed_packet does not get smaller.
            if code == 1153 { ErrorKind::Permanent } else { ErrorKind::Transient }
        }
        _ => ErrorKind::Permanent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: u16) -> Error {
        server_error(&ServerError { code, message: "no".into(), state: "HY000".into() })
    }

    #[test]
    fn the_kind_follows_the_servers_code_and_its_words_are_kept() {
        assert_eq!(of(1045).kind(), ErrorKind::Auth);
        assert_eq!(of(1213).kind(), ErrorKind::Transient);
        assert_eq!(of(1153).kind(), ErrorKind::Permanent);
        assert_eq!(of(1146).kind(), ErrorKind::Permanent);
        assert_eq!(of(1146).to_string(), "no (error 1146, SQLSTATE HY000)");
    }

    #[test]
    fn what_is_about_a_row_is_told_from_what_ends_the_run() {
        let about_row = |code, state: &str| {
            let message = "no".into();
            let error = ServerError { code, message, state: state.into() };
            is_about_row(&mysql_async::Error::Server(error))
        };
        for (code, state) in [(1062, "23000"), (1406, "22001"), (1366, "HY000"), (1644, "45000")] {
            assert!(about_row(code, state), "{code}");
        }
        for (code, state) in [(1142, "42000"), (1213, "40001"), (1146, "42S02")] {
            assert!(!about_row(code, state), "{code}");
        }
        assert_eq!(of(1060).kind(), ErrorKind::Transient);
    }

    #[test]
    fn a_lost_connection_is_tried_again() {
        let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let ours = error(mysql_async::Error::Io(IoError::Io(lost)));
        assert_eq!(ours.kind(), ErrorKind::Transient);
    }
}
