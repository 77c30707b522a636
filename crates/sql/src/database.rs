//! What a database does itself.

use dstream_sdk::{Error, Result};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{
    Batch, Dialect, Division, Mode, Table, TableName, TableSettings, Target, TwoPhase, catalog,
};

/// A connection, with at most one transaction open. Every method may wait; cancelled (its future
/// dropped), the value is dropped as well, which rolls back what is open.
#[allow(async_fn_in_trait)]
pub trait Database: TwoPhase + Sized + 'static {
    /// What only this database has to set.
    type Settings: DeserializeOwned + JsonSchema + Clone;

    /// How it writes SQL.
    type Dialect: Dialect;

    /// What it keeps for a table that it writes: statements, how values are encoded.
    type Target;

    /// The `system` of a stream whose `source_type`s are this database's own.
    const SYSTEM: &'static str;

    /// What people call it.
    const TITLE: &'static str;

    /// How it takes batches.
    const LOADING: Loading;

    /// Whether making or widening a table commits what is open, as it does in MySQL. Such
    /// statements then go to a second connection, and a table is widened only while the
    /// transaction holds no rows: where it does, it is given up, and its rows are written again.
    const DDL_COMMITS: bool = false;

    /// What can be seen to be wrong with the settings before anything is opened.
    ///
    /// # Errors
    /// Kind `config`, with a path.
    fn check(settings: &Self::Settings) -> Result<()>;

    /// The place in a few words, for people: a path, or host and database. No secrets.
    fn place(settings: &Self::Settings) -> String;

    /// Whether the database is certainly not there, without a look at more than its place.
    fn is_gone(_: &Self::Settings) -> bool {
        false
    }

    /// Connects. `None`: there is no database, and `access` is to look only.
    ///
    /// # Errors
    /// Where it cannot be reached, or the credentials are refused.
    async fn connect(settings: &Self::Settings, access: Access) -> Result<Option<Self>>;

    /// How it writes SQL where there is no database yet that could be asked; `None`: a server has
    /// to say.
    fn dialect_before(_: &Self::Settings) -> Option<Self::Dialect> {
        None
    }

    /// How it writes SQL.
    fn dialect(&self) -> &Self::Dialect;

    /// Names the database, so that a checkpoint of another one is refused. No secrets.
    fn fingerprint(&self) -> String;

    /// What answers, in one sentence for people: `SQLite 3.46, 12 tables`.
    ///
    /// # Errors
    /// Where it cannot be asked.
    async fn about(&mut self) -> Result<String>;

    /// Opens a transaction in which rows can be written.
    ///
    /// # Errors
    /// Ends the run.
    async fn begin(&mut self) -> Result<()> {
        self.run("START TRANSACTION").await
    }

    /// Ends it; durable when this returns.
    ///
    /// # Errors
    /// Ends the run.
    async fn commit(&mut self) -> Result<()> {
        self.run("COMMIT").await.map_err(|error| error.context("at the commit"))
    }

    /// Gives it up.
    ///
    /// # Errors
    /// Ends the run.
    async fn rollback(&mut self) -> Result<()> {
        self.run("ROLLBACK").await
    }

    /// Marks a place in the transaction. There is at most one.
    ///
    /// # Errors
    /// Ends the run.
    async fn savepoint(&mut self) -> Result<()> {
        self.run("SAVEPOINT batch").await
    }

    /// Forgets the mark; what came behind it stays.
    ///
    /// # Errors
    /// Ends the run.
    async fn release(&mut self) -> Result<()> {
        self.run("RELEASE SAVEPOINT batch").await
    }

    /// Takes back what came behind the mark, and the mark.
    ///
    /// # Errors
    /// Ends the run.
    async fn take_back(&mut self) -> Result<()> {
        self.run("ROLLBACK TO SAVEPOINT batch").await?;
        self.release().await
    }

    /// One or several statements without parameters: the definition of tables.
    ///
    /// # Errors
    /// Ends the run.
    async fn run(&mut self, sql: &str) -> Result<()>;

    /// Whether a table that is noted as this task's was made by dstream. Where
    /// [`DDL_COMMITS`](Self::DDL_COMMITS), the note stands before the table, and a run that is
    /// killed in between leaves a note of a table that somebody else may make later.
    ///
    /// # Errors
    /// Where it cannot be asked.
    async fn is_ours(&mut self, table: &TableName) -> Result<bool> {
        let _ = table;
        Ok(true)
    }

    /// One statement of the bookkeeping; how many rows it concerned.
    ///
    /// # Errors
    /// Ends the run.
    async fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64>;

    /// One query of the bookkeeping; the values as text.
    ///
    /// # Errors
    /// Ends the run.
    async fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Reply>>;

    /// The table as it is; `None`: there is none. By
    /// [`columns_query`](Dialect::columns_query), unless a database has another way.
    ///
    /// # Errors
    /// Ends the run.
    async fn existing(&mut self, table: &TableName) -> Result<Option<Existing<Self::Dialect>>> {
        catalog::existing(self, table).await
    }

    /// Called for a table that is about to be made or widened: takes away native types that this
    /// database does not know, where only the server can tell ([`native`](Dialect::native) is
    /// asked as well).
    ///
    /// # Errors
    /// Ends the run.
    async fn known_types(&mut self, table: &mut Table) -> Result<()> {
        let _ = table;
        Ok(())
    }

    /// Gets ready to write a table that is there and has all of these columns.
    ///
    /// # Errors
    /// Kind `config` where the table does not fit the mode: no unique index on the key.
    async fn target(
        &mut self,
        table: &Table,
        existing: &Existing<Self::Dialect>,
        settings: &TableSettings,
    ) -> Result<Self::Target>;

    /// Who may write this table where a run has several connections.
    fn division(_: &Self::Target) -> Division<'_> {
        Division::Alone
    }

    /// Writes the changes of a batch, in order or as if in order.
    ///
    /// # Errors
    /// [`Failure::Row`]: one of the rows is at fault, and it is not known which; only with
    /// [`Loading::Grouped`], which takes back the batch and tries its halves.
    async fn load(
        &mut self,
        target: &Target<Self::Target>,
        batch: &mut Batch<'_>,
        mode: Mode,
        refused: &mut Refused,
    ) -> DbResult<()>;
}

/// How a database takes batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loading {
    /// Row by row: a batch is a run of consecutive changes to one table, and the database names
    /// each row that it refuses, in `refused`. No savepoints.
    InOrder,
    /// Sets of rows: a batch holds all changes of a run to its table, and is one with those of the
    /// other tables. Where one fails for a reason of the rows, halves are tried until the single
    /// envelope is found.
    Grouped,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Changes nothing, makes nothing.
    Look,
    /// `init` and `destroy`.
    Change,
    /// A run.
    Run,
}

/// A parameter of the bookkeeping's statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Param<'p> {
    /// Text.
    Text(&'p str),
    /// A number.
    Int(i64),
}

/// One row of an answer, each value as text.
pub type Reply = Vec<Option<String>>;

/// Envelopes that were refused, by their index in the run, and why.
pub type Refused = Vec<(usize, Error)>;

/// A table as it is.
#[derive(Debug, Clone)]
pub struct Existing<L> {
    /// The columns, in order.
    pub columns: Vec<Found>,
    /// The dialect, where tables differ in what they take.
    pub dialect: L,
}

/// A column that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Whether the database makes its values itself: rows' values for it are left out.
    pub generated: bool,
    /// The name of its type, as [`columns_query`](Dialect::columns_query) gives it.
    pub data_type: String,
    /// How its texts are compared, where that is of interest.
    pub collation: Option<String>,
    /// What else that gives.
    pub more: Reply,
}

impl<L: Dialect> Existing<L> {
    /// The column of this name.
    ///
    /// # Errors
    /// Kind `transient` where it is gone.
    pub fn column(&self, name: &str) -> Result<&Found> {
        let same =
            |found: &&Found| self.dialect.fold_case(&found.name) == self.dialect.fold_case(name);
        let found = self.columns.iter().find(same);
        found.ok_or_else(|| Error::transient(format!("the column `{name}` is gone")))
    }
}

/// What a write gives.
pub type DbResult<T> = std::result::Result<T, Failure>;

/// Why a batch was not written: because of a row in it, or because of all else.
#[derive(Debug)]
pub enum Failure {
    /// A row is at fault: it violates a constraint, or a value does not fit.
    Row(Error),
    /// The connection, a permission, a lock, a missing table.
    Run(Error),
    /// It has waited for a lock for too long, or another waits for it.
    Blocked(Error),
}

impl Failure {
    /// An error about the values of a row, or about all else.
    pub fn of(about_row: bool, error: Error) -> Self {
        if about_row { Self::Row(error) } else { Self::Run(error) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Run(error)
    }
}
