//! What an error of the server or the driver means: kind, and the server's own words.

use dstream_sdk::{Error, ErrorKind};
use tiberius::error::{Error as Driver, TokenError};

/// An error of the driver as ours.
pub fn error(error: Driver) -> Error {
    match error {
        Driver::Server(error) => server_error(&error),
        Driver::Io { kind, message } => {
            let kind = Error::from(std::io::Error::from(kind)).kind();
            // A time limit ends here too, and every other break of the connection.
            let kind = if kind == ErrorKind::Permanent { ErrorKind::Transient } else { kind };
            Error::new(kind, format!("the connection failed: {message}"))
        }
        Driver::Tls(message) => Error::permanent(format!(
            "TLS failed: {message}; `ca_file` names the authority that signed the server's certificate, \
             `trust_server_certificate = true` takes any"
        )),
        Driver::Routing { host, port } => {
            Error::transient(format!("the server sends the connection on to {host}:{port}"))
        }
        Driver::Protocol(text) => {
            Error::transient(format!("the server said what was not expected: {text}"))
        }
        other => Error::permanent(other.to_string()),
    }
}

/// An error that the server sent.
pub fn server_error(error: &TokenError) -> Error {
    let (code, class) = (error.code(), error.class());
    let words = error.message().trim_end();
    let grant = grant(code, words).map(|sql| format!(": {sql}")).unwrap_or_default();
    let message = format!("{words} (error {code}, level {class}){grant}");
    if code == 4060 || code == 911 {
        return Error::config("database", message);
    }
    Error::new(kind(code, class), message)
}

/// The statement that gives what is missing, out of the server's words: `The INSERT permission was
/// denied on the object 'orders', database 'shop', schema 'dbo'.`, `CREATE TABLE permission denied in
/// database 'shop'.`
fn grant(code: u32, words: &str) -> Option<String> {
    let mut quoted = words.split('\'').skip(1).step_by(2);
    match code {
        229 => {
            let permission = words.strip_prefix("The ")?.split_once(" permission")?.0;
            let (object, _, schema) = (quoted.next()?, quoted.next()?, quoted.next()?);
            Some(format!("GRANT {permission} ON {} TO the user", crate::table(schema, object)))
        }
        262 => {
            let permission = words.split_once(" permission denied")?.0;
            Some(format!("GRANT {permission} TO the user, in the database `{}`", quoted.next()?))
        }
        _ => None,
    }
}

/// By number: <https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors>.
fn kind(code: u32, class: u8) -> ErrorKind {
    match code {
        // Login failed, expired, disabled; no permission on an object, a column, a statement.
        229 | 230 | 262 | 297 | 300 | 916 | 15247 | 15151 | 18450..=18488 | 22902 | 40532 => {
            ErrorKind::Auth
        }
        // Time-out, deadlock, lock time-out, out of memory or locks, log full, snapshot conflict,
        // shutdown, failover, database not there yet, Azure's throttling and reconfiguration.
        233
        | 601
        | 701
        | 802
        | 922
        | 924
        | 927
        | 945
        | 976
        | 978
        | 979
        | 983
        | 1203
        | 1204
        | 1205
        | 1222
        | 1807
        | 3906
        | 3960
        | 3961
        | 4221
        | 5030
        | 6005
        | 8628
        | 8645
        | 8651
        | 9002
        | 10053
        | 10054
        | 10060
        | 10928
        | 10929
        | 14355
        | 17142
        | 17197
        | 18401
        | 19406
        | 20041
        | 40143
        | 40166
        | 40197
        | 40501
        | 40540
        | 40613
        | 40615
        | 41301
        | 41302
        | 41305
        | 41325
        | 41839
        | 42108
        | 42109
        | 49918..=49920 => ErrorKind::Transient,
        // Level 20 and above ends the connection.
        _ if class >= 20 => ErrorKind::Transient,
        _ => ErrorKind::Permanent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_follows_the_number_and_the_level() {
        for (code, class, expected) in [
            (18456, 14, ErrorKind::Auth),
            (229, 14, ErrorKind::Auth),
            (1205, 13, ErrorKind::Transient),
            (40613, 17, ErrorKind::Transient),
            (596, 21, ErrorKind::Transient),
            (208, 16, ErrorKind::Permanent),
            (2627, 14, ErrorKind::Permanent),
        ] {
            assert_eq!(kind(code, class), expected, "{code}");
        }
    }

    #[test]
    fn a_missing_permission_comes_with_its_grant() {
        let denied = "The INSERT permission was denied on the object 'orders', database 'shop', schema 'dbo'.";
        assert_eq!(grant(229, denied).unwrap(), "GRANT INSERT ON [dbo].[orders] TO the user");
        let denied = "CREATE TABLE permission denied in database 'shop'.";
        assert_eq!(
            grant(262, denied).unwrap(),
            "GRANT CREATE TABLE TO the user, in the database `shop`"
        );
        assert_eq!(grant(229, "in another language"), None);
    }

    #[test]
    fn a_lost_connection_is_tried_again() {
        for kind in [std::io::ErrorKind::UnexpectedEof, std::io::ErrorKind::TimedOut] {
            let lost = Driver::Io { kind, message: "gone".into() };
            assert_eq!(error(lost).kind(), ErrorKind::Transient);
        }
    }
}
