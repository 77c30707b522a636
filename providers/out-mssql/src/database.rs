//! SQL Server as a [`Database`].

use std::sync::Arc;

use dstream_mssql::{Fault, Session, name};
use dstream_sdk::{Error, ErrorKind, Result};
use dstream_sql::{
    Access, Batch, Database, DbResult, Dialect as _, Existing, Failure, Loading, Mode, Param,
    Refused, Reply, Table, TableSettings, Target, TwoPhase, catalog, write_sets,
};
use tokio::sync::Mutex;

use crate::config::Settings;
use crate::dialect::{Tsql, UNIQUE};
use crate::session;
use crate::staging::Staging;
use crate::writing::Writing;

/// A connection.
pub(crate) struct Mssql {
    session: Arc<Mutex<Session>>,
    pub(crate) dialect: Tsql,
    /// The database's own number, which a copy of it keeps.
    identity: String,
    /// How many staging tables the session has.
    staged: usize,
}

const ABOUT: &str = "SELECT CAST(service_broker_guid AS nvarchar(36)), \
     CASE WHEN N'a' = N'A' THEN 1 ELSE 0 END FROM sys.databases WHERE database_id = DB_ID()";

impl TwoPhase for Mssql {}

impl Database for Mssql {
    type Settings = Settings;
    type Dialect = Tsql;
    type Target = Staging;

    const SYSTEM: &'static str = "sqlserver";
    const TITLE: &'static str = "SQL Server";
    const LOADING: Loading = Loading::Grouped;

    fn check(settings: &Settings) -> Result<()> {
        settings.check()
    }

    fn place(settings: &Settings) -> String {
        let database = settings.connection.database.as_deref();
        let of = database.map(|name| format!("/{name}")).unwrap_or_default();
        settings.connection.address() + &of
    }

    async fn connect(settings: &Settings, access: Access) -> Result<Option<Self>> {
        let session = session::open(settings, access).await?;
        let dialect = Tsql { settings: settings.clone(), folds_case: true };
        let mut db = Self { session, dialect, identity: String::new(), staged: 0 };
        let mut about = db.query(ABOUT, &[]).await?.concat().into_iter();
        db.identity = about.next().flatten().unwrap_or_default();
        db.dialect.folds_case = about.next().flatten().as_deref() != Some("0");
        Ok(Some(db))
    }

    fn dialect(&self) -> &Tsql {
        &self.dialect
    }

    fn fingerprint(&self) -> String {
        format!("sqlserver:{}/{}", self.identity, self.dialect.settings.bookkeeping_schema)
    }

    async fn about(&mut self) -> Result<String> {
        let schema = self.dialect.settings.bookkeeping_schema.clone();
        let quoted = name(&schema);
        let books = format!("SELECT TOP (0) 1 FROM {quoted}._dstream_checkpoints");
        let seen = self.query(&books, &[]).await;
        if let Err(error) = seen
            && error.kind() == ErrorKind::Auth
        {
            return Err(error.context(format!(
                "the user may not use the schema `{schema}`, which keeps the checkpoints: GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::{quoted} TO the user"
            )));
        }
        let sql = "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), DB_NAME(), SUSER_SNAME()";
        let row = self.query(sql, &[]).await?.concat();
        let text = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or_default();
        Ok(format!("SQL Server {}, database `{}` as `{}`", text(0), text(1), text(2)))
    }

    async fn begin(&mut self) -> Result<()> {
        self.run("BEGIN TRANSACTION").await
    }

    async fn rollback(&mut self) -> Result<()> {
        self.run("IF @@TRANCOUNT > 0 ROLLBACK").await
    }

    /// An error of a row must not end the transaction, as every other one does.
    async fn savepoint(&mut self) -> Result<()> {
        self.run("SAVE TRANSACTION batch; SET XACT_ABORT OFF").await
    }

    async fn release(&mut self) -> Result<()> {
        self.run("SET XACT_ABORT ON").await
    }

    async fn take_back(&mut self) -> Result<()> {
        self.run("ROLLBACK TRANSACTION batch; SET XACT_ABORT ON").await
    }

    async fn run(&mut self, sql: &str) -> Result<()> {
        self.session.lock().await.run(sql).await
    }

    async fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64> {
        let counted = format!("{sql}; SELECT @@ROWCOUNT");
        let rows = self.query(&counted, params).await?;
        Ok(rows.concat().into_iter().flatten().next().and_then(|n| n.parse().ok()).unwrap_or(0))
    }

    async fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Reply>> {
        let rows = self.session.lock().await.ask(sql, session::values(params)).await?;
        Ok(rows.into_iter().map(|row| row.into_iter().map(session::text).collect()).collect())
    }

    async fn target(
        &mut self,
        table: &Table,
        existing: &Existing<Tsql>,
        settings: &TableSettings,
    ) -> Result<Staging> {
        if settings.mode == Mode::Upsert && !catalog::unique(self, table, UNIQUE).await?.0 {
            return Err(catalog::no_unique_index(&self.dialect, table));
        }
        catalog::has_binary_key(table, existing)?;
        self.staged += 1;
        let staging = Staging::new(self.staged, table, existing)?;
        self.run(&staging.create()).await?;
        Ok(staging)
    }

    async fn load(
        &mut self,
        target: &Target<Staging>,
        batch: &mut Batch<'_>,
        mode: Mode,
        _: &mut Refused,
    ) -> DbResult<()> {
        let table = self.dialect.quote_table(&target.table.name);
        let mut writing = Writing { db: self, target, table };
        match mode {
            Mode::Upsert => write_sets(&mut writing, target, batch).await,
            _ => writing.append(batch).await,
        }
    }
}

impl Mssql {
    /// The connection, to load rows.
    pub(crate) async fn session(&self) -> tokio::sync::MutexGuard<'_, Session> {
        self.session.lock().await
    }

    /// What a failed statement means for the batch.
    pub(crate) async fn failed(&mut self, fault: Fault) -> Failure {
        let about_row = fault.is_about_row();
        let error = Error::from(fault);
        if !about_row {
            return Failure::Run(error);
        }
        // A conversion or a trigger may have ended the transaction, and the rows before are gone.
        match self.query("SELECT @@TRANCOUNT", &[]).await {
            Ok(depth) if depth.concat() == [Some("0".to_owned())] => Failure::Run(
                error.context("the server has given up the whole transaction because of a row"),
            ),
            Ok(_) => Failure::Row(error),
            Err(lost) => Failure::Run(lost),
        }
    }
}
