//! Errors as SQL Server reports them: a number, a severity ("class") and a text.

use std::fmt;

/// An error, as it stands in the ERROR token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// The number, as in `sys.messages`.
    pub number: i32,
    /// Severity: 11 to 16 are the user's, 20 and up end the connection.
    pub class: u8,
    /// The state.
    pub state: u8,
    /// The text.
    pub message: String,
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Msg {}, Level {}, State {}: {}",
            self.number, self.class, self.state, self.message
        )
    }
}

impl std::error::Error for SqlError {}

/// What became of a statement.
pub(crate) type Result<T> = std::result::Result<T, SqlError>;

/// The number of the error that says: the simulator does not know this.
pub const UNKNOWN_TO_SIMULATOR: i32 = 50_999;

/// How far an error reaches beyond its statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The statement is undone, the batch goes on.
    Statement,
    /// The batch ends, the transaction stays.
    Batch,
    /// The batch ends and the transaction is rolled back.
    Transaction,
}

impl SqlError {
    /// An error of severity 16.
    pub fn new(number: i32, message: impl Into<String>) -> Self {
        Self { number, class: 16, state: 1, message: message.into() }
    }

    pub(crate) fn class(mut self, class: u8) -> Self {
        self.class = class;
        self
    }

    /// The statement, clause or function is not part of the simulator.
    pub(crate) fn unknown(what: impl fmt::Display) -> Self {
        Self::new(UNKNOWN_TO_SIMULATOR, format!("The simulator does not know: {what}"))
    }

    pub(crate) fn syntax(near: impl fmt::Display) -> Self {
        Self::new(102, format!("Incorrect syntax: {near}.")).class(15)
    }

    pub(crate) fn no_object(name: impl fmt::Display) -> Self {
        Self::new(208, format!("Invalid object name '{name}'."))
    }

    pub(crate) fn no_column(name: impl fmt::Display) -> Self {
        Self::new(207, format!("Invalid column name '{name}'."))
    }

    pub(crate) fn overflow(ty: impl fmt::Display) -> Self {
        Self::new(
            8115,
            format!("Arithmetic overflow error converting expression to data type {ty}."),
        )
    }

    /// The request was cancelled by the client; not an error that is sent.
    pub(crate) fn cancelled() -> Self {
        Self::new(0, "cancelled").class(0)
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.number == 0
    }

    /// What the error does to the batch and the transaction.
    pub(crate) fn reach(&self) -> Reach {
        match self.number {
            1205 | 245 | 241 | 8169 | 295 | 3930 | 3960 => Reach::Transaction,
            102 | 105 | 137 | 156 | 207 | 208 | 209 | 313 | 2812 | 4104 | UNKNOWN_TO_SIMULATOR => {
                Reach::Batch
            }
            _ if self.class >= 17 => Reach::Transaction,
            _ => Reach::Statement,
        }
    }
}
