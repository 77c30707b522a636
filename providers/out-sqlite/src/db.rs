//! The connection: how it is opened, and what its errors mean.

use std::path::Path;
use std::time::Duration;

use dstream_sdk::{Error, ErrorKind, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use crate::config::{JournalMode, Settings};

/// The size of a new database's pages: half the system calls of SQLite's default for many rows, and
/// still little to write for a few.
const PAGE_BYTES: i64 = 8192;

/// What SQLite may keep of the database, and of a transaction, in memory. A large transaction is
/// spilled to the log early, which costs nothing where rows are appended.
const CACHE_KIB: i64 = 12 << 10;

/// Opens the database, and makes it where `create` says so.
pub(crate) fn open(settings: &Settings, create: bool) -> Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, create);
    let folder = Path::new(&settings.path).parent().filter(|f| !f.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|_| create) {
        std::fs::create_dir_all(folder).map_err(|e| {
            Error::config("path", format!("cannot make the folder `{}`: {e}", folder.display()))
        })?;
    }
    let connection = Connection::open_with_flags(&settings.path, flags)
        .map_err(|e| Error::config("path", format!("cannot open `{}`: {e}", settings.path)))?;
    prepare(settings, &connection)
        .map_err(|e| fatal(e).context(format!("cannot open `{}`", settings.path)))?;
    Ok(connection)
}

/// `synchronous = FULL`: a commit is on the disk when it returns, in either journal mode.
fn prepare(settings: &Settings, connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from(settings.busy_timeout))?;
    // Before the journal mode, which writes a new database's first page.
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    let mode = match settings.journal_mode {
        JournalMode::Wal => "wal",
        JournalMode::Delete => "delete",
    };
    connection.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)
}

/// Whether the database has a write-ahead log; one in memory, say, has none whatever was asked for.
pub(crate) fn is_wal(connection: &Connection) -> rusqlite::Result<bool> {
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    Ok(mode == "wal")
}

/// An error that ends the run.
pub(crate) fn fatal(error: rusqlite::Error) -> Error {
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull) => {
            ErrorKind::Transient
        }
        Some(ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            ErrorKind::Auth
        }
        Some(ErrorCode::ReadOnly) => ErrorKind::Auth,
        _ => ErrorKind::Permanent,
    };
    Error::new(kind, format!("SQLite: {error}"))
}

/// Whether this row alone is at fault: the others of the transaction are not.
pub(crate) fn is_about_the_row(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig)
    )
}

/// The version of SQLite that is built in.
pub(crate) fn version() -> String {
    let number = ffi::SQLITE_VERSION_NUMBER;
    format!("{}.{}.{}", number / 1_000_000, number / 1000 % 1000, number % 1000)
}
