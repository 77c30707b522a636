//! What the server said, and which kind of error it is for the host.

use std::fmt;

use dstream_sdk::ErrorKind;
use tokio_postgres::error::DbError;

/// What the calls of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a connection, or a statement on it, failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused it.
    #[error(transparent)]
    Server(Box<ServerError>),
    /// The connection could not be made, or is lost.
    #[error("{0}")]
    Lost(String),
    /// Anything else, with a kind of its own.
    #[error(transparent)]
    Other(#[from] dstream_sdk::Error),
}

impl Error {
    /// The SQLSTATE, where the server said one.
    pub fn code(&self) -> Option<&str> {
        self.server().map(|e| e.code.as_str())
    }

    /// What the server said.
    pub fn server(&self) -> Option<&ServerError> {
        match self {
            Self::Server(error) => Some(error),
            _ => None,
        }
    }

    /// Which kind it is for the host.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Server(error) => error.kind(),
            Self::Lost(_) => ErrorKind::Transient,
            Self::Other(error) => error.kind(),
        }
    }
}

impl From<Error> for dstream_sdk::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Other(error) => error,
            Error::Server(server) if server.code == "3D000" => {
                Self::config("database", server.to_string())
            }
            error => Self::new(error.kind(), error.to_string()),
        }
    }
}

impl From<ServerError> for Error {
    fn from(error: ServerError) -> Self {
        Self::Server(Box::new(error))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Lost(format!("the connection to PostgreSQL is lost: {error}"))
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(db) = error.as_db_error() {
            return ServerError::from(db).into();
        }
        let chain = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
        let text = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        let lost = error.is_closed()
            || std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source())
                .any(|e| e.is::<std::io::Error>());
        match lost {
            true => Self::Lost(format!("the connection to PostgreSQL is lost: {text}")),
            false => Self::Other(dstream_sdk::Error::permanent(text)),
        }
    }
}

/// An error in the server's own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerError {
    /// `ERROR`, `FATAL`, `PANIC`.
    pub severity: String,
    /// The SQLSTATE: `23505`.
    pub code: String,
    /// What happened.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// What might help.
    pub hint: Option<String>,
    /// The call stack within the server: `COPY orders, line 3, column total: "x"`.
    pub context: Option<String>,
    /// The schema that it is about.
    pub schema: Option<String>,
    /// The table that it is about.
    pub table: Option<String>,
    /// The column that it is about.
    pub column: Option<String>,
    /// The constraint that it is about.
    pub constraint: Option<String>,
}

impl std::error::Error for ServerError {}

impl fmt::Display for ServerError {
    /// `message (detail; hint; SQLSTATE 23505)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (", self.message)?;
        for more in [&self.detail, &self.hint].into_iter().flatten() {
            write!(f, "{}; ", more.trim_end_matches('.'))?;
        }
        write!(f, "SQLSTATE {})", self.code)
    }
}

impl ServerError {
    /// By the SQLSTATE: appendix A of PostgreSQL's manual.
    pub fn kind(&self) -> ErrorKind {
        match self.code.as_str() {
            // Refused logins; a permission that is missing.
            code if code.starts_with("28") => ErrorKind::Auth,
            "42501" => ErrorKind::Auth,
            "3D000" => ErrorKind::Config,
            // Connections that broke, resources that are exhausted, a server that goes or comes,
            // failures of its disk.
            code if ["08", "53", "58"].iter().any(|class| code.starts_with(class)) => {
                ErrorKind::Transient
            }
            "57P01" | "57P02" | "57P03" | "57P05" | "57014" => ErrorKind::Transient,
            // Conflicts with others.
            "40001" | "40P01" | "55006" | "55P03" | "25P03" | "25P04" => ErrorKind::Transient,
            _ => ErrorKind::Permanent,
        }
    }

    /// Reads the fields of an `ErrorResponse` or `NoticeResponse`.
    pub(crate) fn read(mut fields: &[u8]) -> Self {
        let mut error = Self::default();
        while let Some((&code, rest)) = fields.split_first() {
            let Some(end) = rest.iter().position(|&b| b == 0).filter(|_| code != 0) else { break };
            let text = String::from_utf8_lossy(&rest[..end]).into_owned();
            fields = &rest[end + 1..];
            match code {
                b'S' if error.severity.is_empty() => error.severity = text,
                // Not translated.
                b'V' => error.severity = text,
                b'C' => error.code = text,
                b'M' => error.message = text,
                b'D' => error.detail = Some(text),
                b'H' => error.hint = Some(text),
                b'W' => error.context = Some(text),
                b's' => error.schema = Some(text),
                b't' => error.table = Some(text),
                b'c' => error.column = Some(text),
                b'n' => error.constraint = Some(text),
                _ => {}
            }
        }
        error
    }
}

impl From<&DbError> for ServerError {
    fn from(error: &DbError) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            severity: error.severity().into(),
            code: error.code().code().into(),
            message: error.message().into(),
            detail: owned(error.detail()),
            hint: owned(error.hint()),
            context: owned(error.where_()),
            schema: owned(error.schema()),
            table: owned(error.table()),
            column: owned(error.column()),
            constraint: owned(error.constraint()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_response_are_read_and_shown_in_one_line() {
        let fields =
            b"SFEHLER\0VERROR\0C23505\0Mduplicate key\0DKey (id)=(1) already exists.\0nt_pkey\0\0";
        let error = ServerError::read(fields);
        assert_eq!(
            (error.severity.as_str(), error.constraint.as_deref()),
            ("ERROR", Some("t_pkey"))
        );
        assert_eq!(
            error.to_string(),
            "duplicate key (Key (id)=(1) already exists; SQLSTATE 23505)"
        );
    }

    #[test]
    fn the_kind_says_whether_trying_again_can_help() {
        for (code, kind) in [
            ("28P01", ErrorKind::Auth),
            ("42501", ErrorKind::Auth),
            ("3D000", ErrorKind::Config),
            ("53300", ErrorKind::Transient),
            ("57P01", ErrorKind::Transient),
            ("40P01", ErrorKind::Transient),
            ("55006", ErrorKind::Transient),
            ("23505", ErrorKind::Permanent),
            ("42P01", ErrorKind::Permanent),
        ] {
            let error = ServerError { code: code.into(), ..ServerError::default() };
            assert_eq!(error.kind(), kind, "{code}");
        }
    }
}
