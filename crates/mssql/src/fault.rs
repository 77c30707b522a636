//! Why a statement failed, with the server's number: who writes rows has to tell a row that is at
//! fault from all else.

use std::time::Duration;

use dstream_sdk::Error;
use tiberius::error::Error as Driver;

use crate::error;

/// What went wrong, and what it says of the connection and of the rows.
#[derive(Debug)]
pub struct Fault {
    error: Error,
    /// The server's number, where it was the server that refused.
    number: Option<u32>,
    in_step: bool,
}

impl Fault {
    /// The server said nothing for so long.
    pub(crate) fn late(patience: Duration) -> Self {
        let seconds = patience.as_secs_f32();
        let message = format!("the server said nothing for {seconds} s (command_timeout)");
        Self::from(Error::transient(message))
    }

    /// Whether the connection can be used.
    pub(crate) fn is_in_step(&self) -> bool {
        self.in_step
    }

    /// The server's number.
    pub fn number(&self) -> Option<u32> {
        self.number
    }

    /// Whether a row is at fault: it violates a constraint, or has a value that does not fit.
    /// <https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors>
    pub fn is_about_row(&self) -> bool {
        self.number.is_some_and(|number| {
            matches!(
                number,
                // NULL where none may stand, CHECK and FOREIGN KEY, UNIQUE index and constraint.
                515 | 547 | 2601 | 2627
                // Conversions, overflow, texts that are too long.
                | 206 | 220 | 232 | 235 | 236 | 241..=245 | 248 | 257 | 260 | 293 | 295 | 296
                | 517 | 529 | 542 | 2628 | 4815 | 8115 | 8114 | 8134 | 8152 | 8169 | 9803
                // XML that is none, CLR types, an identity or an index key that does not fit.
                | 339 | 1946 | 6522 | 9400..=9459 | 8102
                // What the user's own triggers say.
                | 50_000..
            )
        })
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self { error, number: None, in_step: false }
    }
}

impl From<Driver> for Fault {
    fn from(failure: Driver) -> Self {
        // A level of 20 and above ends the connection.
        let (number, in_step) = match &failure {
            Driver::Server(token) => (Some(token.code()), token.class() < 20),
            _ => (None, false),
        };
        Self { error: error(failure), number, in_step }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        fault.error
    }
}
