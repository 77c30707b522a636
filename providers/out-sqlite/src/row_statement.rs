//! A prepared statement that reads the texts of its parameters where they stand.
//!
//! rusqlite hands SQLite a copy of each text, with an allocation for it. Here SQLite reads the line
//! itself.

use std::ffi::{CStr, c_int};
use std::ptr::{self, NonNull};

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Error, Result, ffi};

/// Writes one row at each call. Finalised when it is dropped, before its connection.
pub(crate) struct RowStatement<'c> {
    statement: NonNull<ffi::sqlite3_stmt>,
    parameters: usize,
    connection: &'c Connection,
}

#[expect(unsafe_code, reason = "rusqlite binds texts by copy only")]
impl<'c> RowStatement<'c> {
    /// Compiles one statement that returns no rows.
    pub(crate) fn new(connection: &'c Connection, sql: &str) -> Result<Self> {
        let length =
            c_int::try_from(sql.len()).map_err(|_| failure(connection, ffi::SQLITE_TOOBIG))?;
        let mut statement = ptr::null_mut();
        // SAFETY: the connection is open, since it is borrowed; the text has `length` bytes and
        // SQLite copies what it keeps; the rest of the text is not asked for.
        let code = unsafe {
            let db = connection.handle();
            ffi::sqlite3_prepare_v2(
                db,
                sql.as_ptr().cast(),
                length,
                &mut statement,
                ptr::null_mut(),
            )
        };
        match NonNull::new(statement) {
            Some(statement) if code == ffi::SQLITE_OK => {
                // SAFETY: the statement was just made.
                let parameters = unsafe { ffi::sqlite3_bind_parameter_count(statement.as_ptr()) };
                Ok(Self { statement, parameters: parameters as usize, connection })
            }
            _ => Err(failure(connection, code)),
        }
    }

    /// Binds all parameters and executes. The values are borrowed for this call alone: each call
    /// binds every parameter anew before SQLite may look at any.
    pub(crate) fn execute(&mut self, values: &[ToSqlOutput<'_>]) -> Result<()> {
        if values.len() != self.parameters {
            return Err(Error::InvalidParameterCount(values.len(), self.parameters));
        }
        for (at, value) in values.iter().enumerate() {
            let code = self.bind(at as c_int + 1, value);
            if code != ffi::SQLITE_OK {
                return Err(failure(self.connection, code));
            }
        }
        let statement = self.statement.as_ptr();
        // SAFETY: the statement lives as long as `self`; what is bound to it lives in `values`.
        let stepped = unsafe { ffi::sqlite3_step(statement) };
        // The reset answers the same code; the message stands until the next call.
        let error = (stepped != ffi::SQLITE_DONE).then(|| failure(self.connection, stepped));
        // SAFETY: as above. From here on SQLite reads no parameter before it is bound again.
        unsafe { ffi::sqlite3_reset(statement) };
        error.map_or(Ok(()), Err)
    }

    /// SQLite is told (a null destructor, `SQLITE_STATIC`) that texts stay where they are.
    #[inline]
    fn bind(&mut self, at: c_int, value: &ToSqlOutput<'_>) -> c_int {
        let value = match value {
            ToSqlOutput::Borrowed(value) => *value,
            ToSqlOutput::Owned(Value::Null) => ValueRef::Null,
            ToSqlOutput::Owned(Value::Integer(number)) => ValueRef::Integer(*number),
            ToSqlOutput::Owned(Value::Real(number)) => ValueRef::Real(*number),
            ToSqlOutput::Owned(Value::Text(text)) => ValueRef::Text(text.as_bytes()),
            ToSqlOutput::Owned(Value::Blob(bytes)) => ValueRef::Blob(bytes),
            _ => return ffi::SQLITE_MISUSE,
        };
        let statement = self.statement.as_ptr();
        // SAFETY: the statement lives as long as `self`. Texts and blobs live until `execute`, the
        // only caller, has stepped, and are as long as is said. A Rust slice is never null, which
        // SQLite would take for a null value. Any byte sequence may be bound as text.
        unsafe {
            match value {
                ValueRef::Null => ffi::sqlite3_bind_null(statement, at),
                ValueRef::Integer(number) => ffi::sqlite3_bind_int64(statement, at, number),
                ValueRef::Real(number) => ffi::sqlite3_bind_double(statement, at, number),
                ValueRef::Text(text) => {
                    let (start, length) = (text.as_ptr().cast(), text.len() as u64);
                    let encoding = ffi::SQLITE_UTF8 as _;
                    ffi::sqlite3_bind_text64(statement, at, start, length, None, encoding)
                }
                ValueRef::Blob(bytes) => {
                    let (start, length) = (bytes.as_ptr().cast(), bytes.len() as u64);
                    ffi::sqlite3_bind_blob64(statement, at, start, length, None)
                }
            }
        }
    }
}

#[expect(unsafe_code, reason = "the statement is SQLite's")]
impl Drop for RowStatement<'_> {
    fn drop(&mut self) {
        // SAFETY: made in `new`, finalised nowhere else. Its code repeats that of the last step.
        unsafe { ffi::sqlite3_finalize(self.statement.as_ptr()) };
    }
}

/// What the connection says about its last call.
#[cold]
#[expect(unsafe_code, reason = "rusqlite keeps its own way to the message to itself")]
fn failure(connection: &Connection, code: c_int) -> Error {
    // SAFETY: the connection is open; the message is a C string that stands until the next call.
    let message = unsafe { CStr::from_ptr(ffi::sqlite3_errmsg(connection.handle())) };
    let message = message.to_string_lossy().into_owned();
    Error::SqliteFailure(ffi::Error::new(code), Some(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> ToSqlOutput<'_> {
        ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))
    }

    fn open() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (a ANY UNIQUE, b ANY) STRICT").unwrap();
        connection
    }

    #[test]
    fn every_kind_of_value_arrives_and_none_is_left_from_the_row_before() {
        let connection = open();
        let mut insert = RowStatement::new(&connection, "INSERT INTO t VALUES (?1, ?2)").unwrap();
        for round in 0..2 {
            let line = format!("line {round}");
            let owned = ToSqlOutput::Owned(Value::Text(format!("own {round}")));
            insert.execute(&[text(&line), owned]).unwrap();
        }
        let null = || ToSqlOutput::Borrowed(ValueRef::Null);
        insert.execute(&[ToSqlOutput::Owned(Value::Blob(vec![0, 255])), null()]).unwrap();
        insert.execute(&[text(""), ToSqlOutput::Borrowed(ValueRef::Blob(&[]))]).unwrap();
        insert
            .execute(&[
                ToSqlOutput::Borrowed(ValueRef::Integer(-1)),
                ToSqlOutput::Borrowed(ValueRef::Real(0.5)),
            ])
            .unwrap();
        let sql = "SELECT group_concat(quote(a) || ' ' || quote(b), ', ') FROM t";
        let all: String = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(all, "'line 0' 'own 0', 'line 1' 'own 1', X'00FF' NULL, '' X'', -1 0.5");
    }

    #[test]
    fn an_error_has_sqlites_words_and_the_next_row_goes_on() {
        let connection = open();
        let mut insert = RowStatement::new(&connection, "INSERT INTO t VALUES (?1, ?2)").unwrap();
        insert.execute(&[text("a"), text("b")]).unwrap();
        let error = insert.execute(&[text("a"), text("c")]).unwrap_err();
        assert_eq!(error.to_string(), "UNIQUE constraint failed: t.a");
        assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::ConstraintViolation));
        insert.execute(&[text("b"), text("c")]).unwrap();
        assert!(insert.execute(&[text("c")]).is_err());
        assert!(RowStatement::new(&connection, "INSERT INTO u VALUES (1)").is_err());
        assert!(RowStatement::new(&connection, " ").is_err());
    }
}
